"""The close that a trained net forecasts for the day after the last one of its data."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError
from conf.configuration import CONF
from datamodules.market.last_window import last_window
from datamodules.market.market_data import load_market_data
from inference.saved_run import Trained

SIGNIFICANT = 0.05


class Backtest(NamedTuple):
    """How the net did on the part of its data that it was scored on.

    Attributes:
        days, first, last: of that part.
        rmse, persistence_rmse: in dollars, of the net and of "tomorrow = today".
        relative_rmse: in the units of the run's target, over that of persistence; below 1 is better.
        p: of both being equally good (Diebold-Mariano); None where that cannot be said.
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
        """What it means for the forecast."""
        days = f"over {self.days:,} days ({self.first} to {self.last})"
        test = "" if self.p is None else f" (Diebold-Mariano p {'< 0.001' if self.p < 0.001 else f'= {self.p:.3f}'})"
        found = f"{days} the net has {self.relative_rmse:.2f} times its error{test}"
        if self.relative_rmse >= 1:
            return f"The net does not beat persistence: {found}."
        if self.p is None or self.p >= SIGNIFICANT:
            return f"Whether the net beats persistence is not decided: {found}, which may be chance."
        return f"The net beats persistence: {found}."


class NextClose(NamedTuple):
    """A forecast, and what to hold against it.

    Attributes:
        day: the last one of the data.
        horizon: after so many days on which all markets trade.
        close: then, in dollars, as the net has it.
        persistence: as "tomorrow = today" has it: the last close.
        backtest: of both.
        warning: what has to be said beside every number of this run; empty if there is nothing.
    """

    day: str
    horizon: int
    close: float
    persistence: float
    backtest: Backtest
    warning: str


def next_close(run: Trained, data_dir: str | None, end: str | None) -> NextClose:
    """The forecast from the last days of the data.

    Args:
        run: with `features=`.
        data_dir: where the prices are; None: where train.py looks.
        end: the last day to use; None: that of the run.

    Raises:
        UserError: the run is a control experiment, or its tables are missing.
        DataError: a file is missing or broken, or there are too few days.
    """
    config = run.config
    if config.control is not None:
        raise UserError(f"{run.folder.path} is a control experiment (control={config.control}) and forecasts nothing.")
    backtest, warning = _backtest(run)
    panel = load_market_data(_here(config, data_dir, end)).panel
    now = last_window(panel, config.protocol, config.window, run.data["scalers"])
    with torch.no_grad():
        forecast = run.net(torch.from_numpy(now.inputs).float()).item()
    return NextClose(f"{now.day:%Y-%m-%d}", config.horizon, now.dollars(forecast), now.close, backtest, warning)


def as_json(found: NextClose) -> str:
    """One line."""
    backtest = {**found.backtest._asdict(), "sentence": found.backtest.sentence}
    return json.dumps({**found._asdict(), "backtest": backtest}, allow_nan=False)


def as_table(found: NextClose, name: str) -> str:
    """The net's forecast above that of persistence, and what the backtest says of them."""
    days = "1 day" if found.horizon == 1 else f"{found.horizon} days"
    rows = [
        ("forecast", "dollars", "backtest RMSE"),
        (name, f"{found.close:,.2f}", f"{found.backtest.rmse:,.2f}"),
        ("persistence (tomorrow = today)", f"{found.persistence:,.2f}", f"{found.backtest.persistence_rmse:,.2f}"),
    ]
    lines = [f"{label:<36}  {close:>12}  {error:>13}" for label, close, error in rows]
    title = f"Bitcoin's close {days} after {found.day}, counting the days on which all markets trade"
    return "\n".join([title, *lines, found.backtest.sentence, *filter(None, [found.warning])])


def _here(config: DictConfig, data_dir: str | None, end: str | None) -> DictConfig:
    """The run's configuration with the places of this machine, which are no part of it."""
    defaults = OmegaConf.load(CONF / "config.yaml")
    here: dict[str, Any] = {"data_dir": data_dir or defaults.data_dir, "cache_dir": defaults.cache_dir}
    return OmegaConf.merge(config, here, {"end": end or config.end})  # type: ignore[return-value]


def _backtest(run: Trained) -> tuple[Backtest, str]:
    """What the run's tables say of the part that was scored, and its warning."""
    tables = ("metrics", "baselines", "predictions")
    metrics, baselines, predictions = (_table(run.folder.path / f"{name}.csv") for name in tables)
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


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}); repeat the run.") from error
