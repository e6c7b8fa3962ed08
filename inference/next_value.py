"""A finished run that forecasts the next value of the user's own series, from the last rows of its file."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig

from cells.errors import UserError
from conf.kinds import chosen_source
from datamodules.files import is_elsewhere
from datamodules.market.panel import OwnSeries, Panel
from datamodules.series.series_data import load_series
from datamodules.series.series_fold import own_protocol
from datamodules.series.series_scaler import SeriesScaler
from forecasting.series_baselines import NET_P
from inference.intervals import SHOWN_LEVEL, Interval, measured
from inference.next_close import SIGNIFICANCE_LEVEL, SavedForecaster, here, read_table
from inference.saved_run import Request
from training.run.record import METRICS

NAIVE = {"persistence": "persistence (the last value)", "seasonal": "seasonal naive (a season before)"}
"""The forecasts whose next value stands below the net's."""

RIVALS = {
    "persistence": "persistence",
    "seasonal": "seasonal naive",
    "drift": "drift",
    "ar": "AR",
    "ridge": "ridge regression",
    "ets": "AutoETS",
    "arima": "AutoARIMA",
}
"""The forecasts without a net that a backtest may have, see docs/series.md."""


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


class Rival(NamedTuple):
    """A forecast without a net in the backtest.

    Attributes:
        rmse: of it, in the unit of the column.
        scaled: the same in scaled units, by which forecasts are compared.
        relative: RMSE of the net over its own, in scaled units; below 1 is better.
        p: of the hypothesis that both are equally good (Diebold-Mariano); None if there is no such test.
    """

    rmse: float
    scaled: float
    relative: float
    p: float | None


class SeriesBacktest(NamedTuple):
    """The errors of the net on the part of its data that was scored, beside every forecast without a net.

    Attributes:
        forecasts, first, last: number of forecasts, the first and the last period that was forecast.
        errors: rmse, rmse_original, mae_original and mase of the net.
        rivals: by name, see RIVALS.
        scale: words for the scale on which alone errors can be compared, see `scale_of`; "" for the unit of the column.
        warning: the warning that goes with every number of this run, or "".
    """

    forecasts: int
    first: str
    last: str
    errors: dict[str, float | None]
    rivals: dict[str, Rival]
    scale: str
    warning: str

    @property
    def listed(self) -> str:
        """The error of every forecast, the least first; by the measure that `sentence` judges."""
        found = {RIVALS[name]: each.scaled if self.scale else each.rmse for name, each in self.rivals.items()}
        net = self.errors["rmse" if self.scale else "rmse_original"]
        if net is not None:
            found["the net"] = net
        errors = [f"{name} {rmse:,.4g}" for name, rmse in sorted(found.items(), key=itemgetter(1, 0))]
        return f"{', '.join(filter(None, ['RMSE in the backtest', self.scale]))}: {', '.join(errors)}."

    @property
    def sentence(self) -> str:
        """The verdict on the net beside the best of its rivals."""
        name, rival = max(self.rivals.items(), key=lambda item: item[1].relative)
        called = RIVALS[name]
        if len(self.rivals) > 1:
            called += f", the best of {len(self.rivals)} forecasts without a net,"
        test = "" if rival.p is None else f" (Diebold-Mariano p {'< 0.001' if rival.p < 0.001 else f'= {rival.p:.3f}'})"
        when = f"over {self.forecasts:,} forecasts ({self.first} to {self.last})"
        found = f"{when} the net has {rival.relative:.2f} times its error{test}"
        if rival.relative >= 1:
            verdict = f"The net does not beat {called.rstrip(',')}: {found}."
        elif rival.p is None or rival.p >= SIGNIFICANCE_LEVEL:
            verdict = f"Whether the net beats {called} is not decided: {found}, which may be chance."
        else:
            verdict = f"The net beats {called.rstrip(',')}: {found}."
        return " ".join(filter(None, [verdict, self.warning]))


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


def scale_of(series: int, log: bool) -> str:
    """Words for the scale on which a net's errors are compared, "" where the unit of the column gives the same order.

    It does not where errors of several series are pooled, since the largest series would decide alone, nor where the
    net forecasts changes of logarithms, whose errors weigh low values as much as high ones.

    Args:
        series: how many the net was trained on.
        log: whether it forecasts changes of logarithms.
    """
    return ", ".join(["log-changes"] * log + ["each series on its own scale"] * (series > 1))


def backtest(run: Path, written: Callable[[pd.Timestamp], str], scale: str = "") -> SeriesBacktest:
    """The backtest in the tables of a run's folder, with its periods as `Frequency.written` writes them.

    Args:
        run: the folder.
        written: writes a period.
        scale: from `scale_of`.
    """
    metrics, baselines, predictions = (read_table(run / name) for name in (METRICS, "baselines.csv", "predictions.csv"))
    net = metrics.iloc[-1]
    days = predictions.loc[predictions["split"] == net["split"], "day"]
    scored = baselines[baselines["split"] == net["split"]].set_index("forecast")
    rivals = {
        name: Rival(
            float(row["rmse_original"]),
            float(row["rmse"]),
            float(net["rmse"] / row["rmse"]),
            _p_beside(name, row, net),
        )
        for name, row in scored.iterrows()
    }
    warning = "" if pd.isna(net["warning"]) else str(net["warning"])
    errors = {name: _number(net[name]) for name in ("rmse", "rmse_original", "mae_original", "mase")}
    first, last = (written(pd.Timestamp(day)) for day in (days.min(), days.max()))
    return SeriesBacktest(len(days), first, last, errors, rivals, scale, warning)


def _p_beside(name: str, row: pd.Series, net: pd.Series) -> float | None:
    """The p of the net beside a forecast; older runs have that of the naive ones alone."""
    older = {"persistence": "dm_p", "seasonal": "seasonal_p"}
    return _number(row[NET_P]) if NET_P in row else _number(net.get(older.get(name, ""), math.nan))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
