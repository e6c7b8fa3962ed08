"""The backtest of a net on a user's own series, from the tables of its run: its errors beside those of its rivals."""

import math
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from forecasting.series_baselines import NET_P
from inference.intervals import INTERVALS, READ
from inference.next_close import SIGNIFICANCE_LEVEL
from training.run.folder.faults import refuse_faults
from training.run.folder.record import METRICS

NEEDED = {
    METRICS: ("rmse", "rmse_original", "mae_original", "mase", "warning"),
    "baselines.csv": ("split", "forecast", "rmse", "rmse_original"),
    "predictions.csv": ("split", "day"),
    INTERVALS: READ,
}
"""The columns that are read of the run's tables."""

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


class Rival(NamedTuple):
    """A forecast without a net in the backtest.

    Attributes:
        rmse: of it, in the unit of the column.
        scaled: the same in scaled units, by which forecasts are compared.
        relative: RMSE of the net over its own, in scaled units; below 1 is better; None if its own is 0.
        p: of the hypothesis that both are equally good (Diebold-Mariano); None if there is no such test.
    """

    rmse: float
    scaled: float
    relative: float | None
    p: float | None

    @property
    def judged(self) -> float:
        """`relative`, or infinity."""
        return math.inf if self.relative is None else self.relative


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
        name, rival = max(self.rivals.items(), key=lambda item: item[1].judged)
        called = RIVALS[name]
        if len(self.rivals) > 1:
            called += f", the best of {len(self.rivals)} forecasts without a net,"
        test = "" if rival.p is None else f" (Diebold-Mariano p {'< 0.001' if rival.p < 0.001 else f'= {rival.p:.3f}'})"
        when = f"over {self.forecasts:,} forecasts ({self.first} to {self.last})"
        found = f"{when} the net has {rival.judged:.2f} times its error{test}"
        if rival.relative is None:
            verdict = f"The net does not beat {called.rstrip(',')}: {when} its error is 0, so no ratio can be given."
        elif rival.relative >= 1:
            verdict = f"The net does not beat {called.rstrip(',')}: {found}."
        elif rival.p is None or rival.p >= SIGNIFICANCE_LEVEL:
            verdict = f"Whether the net beats {called} is not decided: {found}, which may be chance."
        else:
            verdict = f"The net beats {called.rstrip(',')}: {found}."
        return " ".join(filter(None, [verdict, self.warning]))


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

    Raises:
        UserError: a table of the run has a fault.
    """
    refuse_faults(run, NEEDED)
    metrics, baselines, predictions = (pd.read_csv(run / name) for name in NEEDED if name != INTERVALS)
    net = metrics.iloc[-1]
    days = predictions.loc[predictions["split"] == net["split"], "day"]
    scored = baselines[baselines["split"] == net["split"]].set_index("forecast")
    rivals = {
        name: Rival(
            float(row["rmse_original"]),
            float(row["rmse"]),
            float(net["rmse"] / row["rmse"]) if row["rmse"] else None,
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
