"""A finished run that forecasts the next value of the user's own series, from the last rows of its file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig

from cells.errors import UserError
from conf.kinds import chosen_source
from datamodules.files import is_elsewhere
from datamodules.market.panel import OwnSeries, Panel
from datamodules.series.series_data import load_series
from datamodules.series.series_fold import own_protocol
from datamodules.series.series_scaler import SeriesScaler
from inference.intervals import SHOWN_LEVEL, Interval, measured
from inference.next_close import SavedForecaster, here
from inference.saved_run import Request
from inference.series_backtest import backtest, scale_of

NAIVE = {"persistence": "persistence (the last value)", "seasonal": "seasonal naive (a season before)"}
"""The forecasts whose next value stands below the net's."""


class NextValue(NamedTuple):
    """A forecast of one series.

    Attributes:
        series: its name; "" if there is one alone.
        last: the last period of the data.
        period: the period that is forecast.
        value: the net's forecast, in the unit of the column.
        low, high: the ends of its interval; None where too few errors are known.
        naive: by name, the same of the last value, and of the value a season before.
    """

    series: str
    last: str
    period: str
    value: float
    low: float | None
    high: float | None
    naive: dict[str, tuple[float, float | None, float | None]]


@dataclass(frozen=True)
class SavedSeries(SavedForecaster):
    """A finished run on a series of the user's own; see `SavedRun`."""

    data_module = "SeriesDataModule"

    def answer(self, request: Request) -> Iterator[str]:
        """The next value of each series, as lines of JSON or as a table.

        Raises:
            DataError: the file is missing or broken.
        """
        if request.texts:
            raise UserError(f"{self.folder.path} forecasts {self.config.target}; give no text.")
        config = here(self.config, request.data_dir, request.end)
        if request.file is not None:
            if chosen_source(config) == "symbols":
                raise UserError(f"--file={request.file}: {self.folder.path} reads prices of Yahoo's; leave it out.")
            config.series.file = str(request.file)
        elif is_elsewhere(str(config.series.get("file", ""))):
            name = Path(config.series.file).name
            raise UserError(f"{self.folder.path} does not say in which folder {name} was; name it with --file=.")
        panel = load_series(config).panel
        assert panel.own is not None
        scale = scale_of(len(self.data["names"]), panel.own.log and config.protocol != "paper")
        tested = backtest(self.folder.path, panel.own.frequency.written, scale)
        widths = measured(self.folder.path)
        found = list(self.next_values(panel, config, widths))
        if request.json:
            about = {"horizon": config.horizon, "backtest": {**tested._asdict(), "sentence": tested.sentence}}
            about["intervals"] = {name: width._asdict() for name, width in widths.items()}
            for each in found:
                yield json.dumps({**each._asdict(), **about}, allow_nan=False)
            return
        for each in found:
            yield from _table(each, config)
        yield _about_intervals(widths)
        yield tested.listed
        yield tested.sentence

    def next_values(self, panel: Panel, config: DictConfig, widths: dict[str, Interval]) -> Iterator[NextValue]:
        """The forecast of each series that the net was trained on.

        Args:
            panel: of the file that `config` names.
            config: of the run.
            widths: the intervals of "prediction", "persistence" and "seasonal".

        Raises:
            UserError: the panel has other columns than that of the run, or too few rows.
        """
        assert panel.own is not None
        if list(map(str, panel.features.columns)) != self.data["features"]:
            raise UserError(
                f"{self.folder.path} was trained on the columns {', '.join(self.data['features'])}, and there are now "
                f"{', '.join(map(str, panel.features.columns))}: name the same ones by series.inputs= when you train."
            )
        names: list[str] = self.data["names"]
        forecaster = _Forecaster(self, config, panel)
        known = [name for name in panel.own.names if name in names]
        if not known:
            raise UserError(f"{self.folder.path} was trained on other series: {', '.join(names[:3])}.")
        for name in known:
            if self.data["scalers"]["target"][names.index(name)] is not None:
                yield forecaster.next_value(name, names.index(name), widths)


class _Forecaster:
    """The last windows of a panel, and what turns them into forecasts."""

    def __init__(self, run: SavedSeries, config: DictConfig, panel: Panel):
        assert panel.own is not None
        self.net, self.config, self.whole = run.net, config, panel
        self.protocol = own_protocol(config.protocol, panel.own.log)
        self.prepared = self.protocol.prepare(panel)
        scalers = run.data["scalers"]
        self.inputs, self.target = (
            SeriesScaler.restored(self.protocol.scaler, scalers[name]) for name in ("inputs", "target")
        )

    def next_value(self, name: str, k: int, widths: dict[str, Interval]) -> NextValue:
        """The forecast of the series `name`, the `k`-th of the run."""
        own, window = self.prepared.own, self.config.window
        assert own is not None
        rows = own.blocks[own.names.index(name)]
        if rows.stop - rows.start < window:
            of = f" of {name}" if name else ""
            raise UserError(f"window={window} needs more than the {rows.stop - rows.start} values{of} there are.")
        table = self.prepared.features.to_numpy(float)[rows][-window:]
        scaled = self.inputs.transform(table, np.full(window, k))
        with torch.no_grad():
            forecast = self.net(torch.from_numpy(scaled[None]).float()).item()
        values = self.prepared.target.to_numpy(float)[rows]
        last = float(values[-1])
        ends = {"prediction": self._ends(forecast, last, k, widths.get("prediction"))}
        naive = {"persistence": last}
        back = own.season * -(-self.config.horizon // own.season) - self.config.horizon
        if own.season > 1 and back < len(values):
            naive["seasonal"] = float(values[-1 - back])
        for which, value in naive.items():
            change = self.protocol.to_target(np.array([value]), np.array([last]))
            at = float(self.target.transform(change.reshape(1, 1), np.array([k]))[0, 0])
            ends[which] = self._ends(at, last, k, widths.get(which))
        low, high = ends["prediction"]
        first, period = _periods(own, rows, self.prepared, self.config.horizon)
        beside = {which: (value, *ends[which]) for which, value in naive.items()}
        return NextValue(name, first, period, self._unscaled(forecast, last, k), low, high, beside)

    def _unscaled(self, forecast: float, last: float, k: int) -> float:
        unscaled = self.target.inverse_transform(np.array([[forecast]]), np.array([k]))[0]
        return float(self.protocol.from_target(unscaled, np.array([last]))[0])

    def _ends(self, forecast: float, last: float, k: int, width: Interval | None) -> tuple[float | None, float | None]:
        if width is None:
            return None, None
        half = width.half_width
        return self._unscaled(forecast - half, last, k), self._unscaled(forecast + half, last, k)


def _periods(own: OwnSeries, rows: slice, panel: Panel, horizon: int) -> tuple[str, str]:
    """The last period of a series, and the one that is forecast: with markets, so many days later."""
    last = own.frequency.written(panel.target.index[rows.stop - 1])
    if own.prices:
        return last, f"{own.frequency.steps(horizon)} after {last}"
    return last, own.frequency.label(int(own.numbers[rows][-1]) + horizon)


def _table(found: NextValue, config: DictConfig) -> Iterator[str]:
    """The forecast of the net above the naive ones, with their intervals."""
    of = f" of {found.series}" if found.series else ""
    yield f"{config.target}{of} in {found.period}, from the data up to {found.last}"
    rows = {f"{config.model.name} on {config.features.name}": (found.value, found.low, found.high)}
    rows |= {NAIVE[name]: values for name, values in found.naive.items()}
    for label, (value, low, high) in rows.items():
        ends = "" if low is None or high is None else f"  {SHOWN_LEVEL:.0%}: {low:,.6g} to {high:,.6g}"
        yield f"{label:<36}  {value:>12,.6g}{ends}"


def _about_intervals(widths: dict[str, Interval]) -> str:
    """Where the interval comes from, and what the naive ones have."""
    if "prediction" not in widths:
        return f"There is no interval: too few errors are known for one of {SHOWN_LEVEL:.0%}."
    ours = widths["prediction"]
    beside = [
        f"{NAIVE[name].partition(' (')[0]}'s held {widths[name].coverage:.0%} and are "
        f"{widths[name].width / ours.width:.2f} times as wide"
        for name in NAIVE
        if name in widths and ours.width > 0
    ]
    return " ".join([ours.sentence, *([f"Beside it: {'; '.join(beside)}."] if beside else [])])
