"""The design of a study: which settings, cells, seeds and folds were run, and which of their combinations were not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.published.cell_paper import alterations
from analysis.study.text_results import FACTS, GROUP, RUN, in_cell_order, refuse_duplicates


@dataclass(frozen=True)
class Design:
    """The runs that a study consists of.

    Attributes:
        groups: a row for each data, model, settings: recipe, n_folds, partition; cells, seeds, folds, runs: how many.
        missing: a row for each run that was not begun (data, model, settings, recipe, cell, seed, fold), although its
            cell (the baseline in any case), its seed and its fold each occur in runs of its model and recipe, be it on
            other data sets.
        never: the cells of Table 1 that were run nowhere, for each model and recipe with an altered cell; {} if none.
    """

    groups: pd.DataFrame
    missing: pd.DataFrame
    never: dict[tuple[str, str], list[str]]


def design_of(results: pd.DataFrame, without_result: pd.DataFrame | None = None) -> Design:
    """The design of a study on texts: each model and recipe with all its data sets, cells, seeds and folds.

    Args:
        results: from `text_results.read`.
        without_result: from `text_results.without_result`: these runs were begun, so they are not missing, but they add
            to the cells, seeds and folds that others are expected to have.

    Raises:
        UserError: a run is there twice.
    """
    refuse_duplicates(results)
    counted = results.groupby([*GROUP, *FACTS], sort=False)
    counts = counted[["cell", "seed", "fold"]].nunique().rename(columns=lambda name: f"{name}s")
    columns = [*RUN, "recipe"]
    started = results[columns] if without_result is None else pd.concat([results[columns], without_result[columns]])
    groups = [(key, runs) for key, runs in started.groupby(["model", "recipe"], sort=False)]
    missing = [_missing(runs) for _, runs in groups]
    never = {(str(model), str(recipe)): _never(runs) for (model, recipe), runs in groups}
    return Design(
        counts.assign(runs=counted.size()).reset_index(),
        in_cell_order(pd.concat(missing, ignore_index=True))[columns],
        {key: cells for key, cells in never.items() if cells},
    )


def absent(started: pd.DataFrame, kept: list[str], axes: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """The runs that would complete the product of the combinations of `kept` columns with the values of each axis.

    Args:
        started: the runs that were begun.
        kept: columns whose combinations are taken as they occur.
        axes: columns, and the values of each that belong with every other.
    """
    rows = started[kept].drop_duplicates()
    for axis, values in axes.items():
        rows = rows.merge(pd.DataFrame({axis: list(dict.fromkeys(values))}), how="cross")
    keys = [*kept, *axes]
    both = rows.merge(started[keys].drop_duplicates(), "left", on=keys, indicator=True)
    return both.loc[both["_merge"] == "left_only", keys].reset_index(drop=True)


def _missing(runs: pd.DataFrame) -> pd.DataFrame:
    """The absent runs of one model and recipe."""
    axes = {"cell": ["baseline", *runs["cell"]], "seed": runs["seed"].tolist(), "fold": runs["fold"].tolist()}
    return absent(runs, ["data", "model", "settings", "recipe"], axes)


def _never(runs: pd.DataFrame) -> list[str]:
    """The cells of Table 1 that were run nowhere, if any altered cell was."""
    cells = set(runs["cell"])
    return [cell for cell in alterations() if cell not in cells] if cells - {"baseline"} else []
