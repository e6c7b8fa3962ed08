"""A finished run that forecasts the next close, from the last days of its data."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError
from conf.checks import refuse_file
from conf.compose import CONF
from datamodules.market.last_window import last_window
from datamodules.market.market_data import load_market_data
from inference.intervals import INTERVALS, READ, Interval, measured
from inference.saved_run import Request, SavedRun
from training.run.folder.faults import refuse_faults
from training.run.folder.record import METRICS

SIGNIFICANCE_LEVEL = 0.05
"""The p below which the net and persistence count as different."""


NEEDED = {
    METRICS: ("rmse_dollars", "relative_rmse", "dm_p", "warning"),
    "baselines.csv": ("split", "forecast", "rmse_dollars"),
    "predictions.csv": ("split", "day"),
    INTERVALS: READ,
}
"""The columns that are read of the run's tables."""


class Backtest(NamedTuple):
    """The errors of the net on the part of its data that was scored, beside persistence ("tomorrow = today").

    Attributes:
        days, first, last: number of days of that part, its first and its last day.
        rmse, persistence_rmse: of the net and of persistence, in dollars.
        relative_rmse: RMSE of the net over that of persistence, in the units of the target; below 1 is better.
        p: of the hypothesis that both are equally good (Diebold-Mariano); None if there is no such test.
    """

    days: int
    first: str
    last: str
    rmse: float
    persistence_rmse: float
    relative_rmse: float
    p: float | None

    @property
    def sentence(self) -> str:
        """The verdict on the net, in one sentence."""
        days = f"over {self.days:,} days ({self.first} to {self.last})"
        test = "" if self.p is None else f" (Diebold-Mariano p {'< 0.001' if self.p < 0.001 else f'= {self.p:.3f}'})"
        found = f"{days} the net has {self.relative_rmse:.2f} times its error{test}"
        if self.relative_rmse >= 1:
            return f"The net does not beat persistence: {found}."
        if self.p is None or self.p >= SIGNIFICANCE_LEVEL:
            return f"Whether the net beats persistence is not decided: {found}, which may be chance."
        return f"The net beats persistence: {found}."


class NextClose(NamedTuple):
    """A forecast, and how far to trust it.

    Attributes:
        day: the last day of the data.
        horizon: number of days on which all markets trade, from `day` to the day that is forecast.
        close: the net's forecast, in dollars.
        persistence: the last close, in dollars, which is the forecast "tomorrow = today".
        backtest: of both forecasts.
        warning: the warning that goes with every number of this run, or "".
        low, high: the ends of the interval around `close`, in dollars; None with a run of an older version.
        interval: the width that they come from, and its coverage in the backtest.
    """

    day: str
    horizon: int
    close: float
    persistence: float
    backtest: Backtest
    warning: str
    low: float | None = None
    high: float | None = None
    interval: Interval | None = None

    @property
    def as_json(self) -> str:
        """The forecast as one line of JSON."""
        backtest = {**self.backtest._asdict(), "sentence": self.backtest.sentence}
        interval = None if self.interval is None else self.interval._asdict()
        return json.dumps({**self._asdict(), "backtest": backtest, "interval": interval}, allow_nan=False)


@dataclass(frozen=True)
class SavedForecaster(SavedRun):
    """A finished run on the market; see `SavedRun`."""

    data_module = "MarketDataModule"

    @staticmethod
    def needed(config: DictConfig) -> set[str]:
        """See `SavedRun`."""
        return {"sizes", "scalers"}

    def answer(self, request: Request) -> Iterator[str]:
        """The next close and its backtest, as one line of JSON or as a table."""
        config = self.config
        if request.texts or request.file:
            raise UserError(f"{self.folder.path} forecasts the market (features={config.features.name}); give no text.")
        found = self.next_close(request.data_dir, request.end)
        yield found.as_json if request.json else as_table(found, f"{config.model.name} on {config.features.name}")

    def next_close(self, data_dir: str | None, end: str | None) -> NextClose:
        """The forecast from the last days of the data.

        Args:
            data_dir: where the prices are; None: where train.py looks.
            end: the last day to use; None: that of the run.

        Raises:
            UserError: the run is a control experiment, or its tables are missing.
            DataError: a file is missing or broken, or there are too few days.
        """
        config = self.config
        if config.control is not None:
            raise UserError(
                f"{self.folder.path} is a control experiment (control={config.control}) and forecasts nothing."
            )
        if config.get("target", "close") != "close":
            raise UserError(
                f"{self.folder.path} forecasts target={config.target}, not a close: its predictions.csv has it."
            )
        backtest, warning = _backtest(self.folder.path)
        panel = load_market_data(here(config, data_dir, end)).panel
        now = last_window(panel, config.protocol, config.window, self.data["scalers"])
        with torch.no_grad():
            forecast = self.net(torch.from_numpy(now.inputs).float()).item()
        width = measured(self.folder.path).get("prediction")
        low, high = (None if width is None else now.dollars(forecast + side * width.half_width) for side in (-1, 1))
        day, close = f"{now.day:%Y-%m-%d}", now.dollars(forecast)
        return NextClose(day, config.horizon, close, now.close, backtest, warning, low, high, width)

    def check_export(self, onnx: bool) -> None:
        """See `SavedRun`; the ONNX file is written for texts."""
        if onnx:
            raise UserError(f"--onnx is for text classifiers; leave it out for model={self.config.model.name}.")

    @property
    def facts(self) -> dict[str, Any]:
        """See `SavedRun`."""
        return {**self.data, **{key: self.config[key] for key in ("protocol", "window", "horizon")}}


def as_table(found: NextClose, name: str) -> str:
    """The forecast of the net, called `name`, above that of persistence, and the verdict of the backtest."""
    days = "1 day" if found.horizon == 1 else f"{found.horizon} days"
    rows = [
        ("forecast", "dollars", "backtest RMSE"),
        (name, f"{found.close:,.2f}", f"{found.backtest.rmse:,.2f}"),
        ("persistence (tomorrow = today)", f"{found.persistence:,.2f}", f"{found.backtest.persistence_rmse:,.2f}"),
    ]
    lines = [f"{label:<36}  {close:>12}  {error:>13}" for label, close, error in rows]
    title = f"Bitcoin's close {days} after {found.day}, counting the days on which all markets trade"
    if found.interval is not None:
        lines.append(
            f"Interval of {found.interval.level:.0%}: {found.low:,.2f} to {found.high:,.2f}. {found.interval.sentence}"
        )
    return "\n".join([title, *lines, found.backtest.sentence, *filter(None, [found.warning])])


def here(config: DictConfig, data_dir: str | None, end: str | None) -> DictConfig:
    """The run's configuration, with the places of this machine and the day `end`."""
    defaults = OmegaConf.load(CONF / "config.yaml")
    refuse_file("--data-dir ", data_dir)
    places: dict[str, Any] = {"data_dir": data_dir or defaults.data_dir, "cache_dir": defaults.cache_dir}
    return OmegaConf.merge(config, places, {"end": end or config.end})  # type: ignore[return-value]


def _backtest(run: Path) -> tuple[Backtest, str]:
    """The backtest in the tables of a run's folder, and its warning."""
    refuse_faults(run, NEEDED)
    metrics, baselines, predictions = (pd.read_csv(run / name) for name in NEEDED if name != INTERVALS)
    net = metrics.iloc[-1]
    scored = baselines[(baselines["split"] == net["split"]) & (baselines["forecast"] == "persistence")].iloc[0]
    days = predictions.loc[predictions["split"] == net["split"], "day"]
    p = float(net["dm_p"])
    backtest = Backtest(
        days=len(days),
        first=days.iloc[0],
        last=days.iloc[-1],
        rmse=float(net["rmse_dollars"]),
        persistence_rmse=float(scored["rmse_dollars"]),
        relative_rmse=float(net["relative_rmse"]),
        p=None if math.isnan(p) else p,
    )
    return backtest, "" if pd.isna(net["warning"]) else str(net["warning"])
