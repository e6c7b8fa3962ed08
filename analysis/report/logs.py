"""The training logs of each cell's runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.report.event_files import epochs
from analysis.report.persistence import feature_sets
from analysis.study.text_results import GROUP, in_cell_order

MOST = 20
"""The most fits of a cell whose logs are read: each takes 8 ms, and a mean over 20 curves is smooth."""


@dataclass(frozen=True)
class Fit:
    """One run's log: a value of each tag for each epoch; `tested` is the epoch whose weights were tested, from 0."""

    tested: int
    values: dict[str, list[float]]


@dataclass(frozen=True)
class CellLogs:
    """The logs of one cell's runs; `runs` is how many there are, of which at most MOST were read."""

    name: str
    fits: Sequence[Fit]
    runs: int


@dataclass(frozen=True)
class Group:
    """The logs of cells whose runs differ in nothing else."""

    data: str
    model: str
    recipe: str
    cells: Sequence[CellLogs]

    @property
    def note(self) -> str:
        """A sentence about how many runs the means are over, if not over all."""
        most = max(cell.runs for cell in self.cells)
        return f"Of each cell {MOST} of its {most} fits, evenly spread over seeds and folds." if most > MOST else ""


def read(results: pd.DataFrame) -> Iterator[Group]:
    """The logs of each data, model and settings; cells that logged no epochs are left out.

    Args:
        results: from `text_results.read`.
    """
    for (data, model, _), group in results.groupby(GROUP, sort=False):
        names = in_cell_order(group.drop_duplicates("cell"))["cell"]
        cells = [_cell(str(name), group[group["cell"] == name]) for name in names]
        cells = [cell for cell in cells if cell.fits]
        if cells:
            yield Group(str(data), str(model), str(group["recipe"].iloc[0]), cells)


def read_market(results: pd.DataFrame) -> Iterator[Group]:
    """The logs of each net, window and protocol; a feature set takes the place of a cell.

    Args:
        results: from `market_results.scored`.
    """
    results = results.sort_values(["protocol", "model", "window"], kind="stable")
    protocol = results["protocol"] + " protocol"
    altered = results["cell"].map(lambda cell: "" if cell == "baseline" else f", {cell}")
    yield from read(
        results.assign(
            data="window " + results["window"].astype(str),
            settings=results["source"] + results["horizon"].astype(str) + protocol + altered,
            recipe=protocol + altered,
            cell=feature_sets(results),
        )
    )


def read_series(results: pd.DataFrame) -> Iterator[Group]:
    """The logs of each net, window, horizon and protocol on one series of the user's own.

    Args:
        results: from `market_results.scored`, about one series.
    """
    settings = results["protocol"] + " protocol, window " + results["window"].astype(str)
    settings += results["horizon"].map(lambda steps: "" if steps == 1 else f", horizon {steps}")
    yield from read(results.assign(data=results["features"], settings=settings, recipe=settings))


def _cell(name: str, runs: pd.DataFrame) -> CellLogs:
    runs = runs.sort_values(["seed", "fold"])
    chosen = runs.iloc[np.unique(np.linspace(0, len(runs) - 1, min(MOST, len(runs))).round().astype(int))]
    logs = (
        Fit(int(epoch), epochs(Path(folder))) for epoch, folder in zip(chosen["epoch"], chosen["folder"], strict=True)
    )
    return CellLogs(name, [fit for fit in logs if "val/loss" in fit.values], len(runs))


def mean_curve(cell: CellLogs, tag: str) -> NDArray[np.float64]:
    """The mean over fits in each epoch that at least half of them reached: some stop early."""
    curves = [fit.values[tag] for fit in cell.fits if tag in fit.values]
    if not curves:
        return np.empty(0)
    longest = max(map(len, curves))
    padded = np.array([curve + [np.nan] * (longest - len(curve)) for curve in curves])
    reached = np.isfinite(padded).sum(0) * 2 >= len(curves)
    return np.asarray(np.nanmean(padded[:, reached], axis=0))
