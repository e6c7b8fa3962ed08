"""Tables 12-15 of the cell paper, its models and their cost, beside finished runs."""

from collections.abc import Iterator

import pandas as pd

from . import published
from .cell_tables import TITLES
from .compare import LSTM_CS, SCORES, models
from .design import in_order
from .table import Table, file_name, measured, named, number, span

TOP = ("baseline", "C1", "H2")
"""The rows of Tables 12 and 15: no modification, the top current-state one, the top hidden-state one."""

MACHINE = "Seconds are wall-clock time of the machine that the runs were made on, with all else that ran there."
UNALTERED = "Paper / ours, unaltered cells."


def of_scores(results: pd.DataFrame) -> Iterator[Table]:
    """Tables 12 and 15: accuracy and macro-F1 of each model and modification, in percent.

    Args:
        results: of `design.study`.
    """
    paper = published.models()
    groups = in_order(results[results["cell"].isin(TOP)]).groupby(["model", "recipe", "cell", "data"], sort=False)
    for table, metric in ((12, "accuracy"), (15, "macro_f1")):
        ours = groups[metric].agg(score="mean", sd="std", n="size").reset_index()
        ours[["score", "sd"]] *= 100
        theirs = paper.loc[paper["table"] == table, ["model", "cell", "data", "score"]]
        both = ours.merge(theirs.rename(columns={"score": "paper"}), "left", on=["model", "cell", "data"])
        if both.empty:
            continue
        pairs = zip(both["paper"], both["score"], strict=True)
        shown = _wide(both, [f"{number(theirs)} / {number(ours, 2)}" for theirs, ours in pairs])
        how = f"Paper / ours, percent; means over runs, {span(both['n'])} each."
        title = f"Table {table}: {TITLES[metric]} of each model and modification"
        yield Table(f"table{table}", title, both, shown, [how, *published.notes(table, set(both["data"]))])


def of_differences(results: pd.DataFrame) -> Iterator[Table]:
    """By how many percent the other models are above LSTM-CS with C1, which the paper's text says and no table.

    Args:
        results: of `design.study`.
    """
    for recipe in results.loc[results["model"] == LSTM_CS, "recipe"].unique():
        improved = models(results, recipe)
        numbers = improved[improved["metric"].isin([*SCORES, "seconds"])].drop(columns=["model", "settings", "recipe"])
        if numbers.empty:
            continue
        numbers = numbers.rename(columns={"cell": "model"})
        wide = numbers.assign(text=measured(numbers)).pivot_table(
            "text", ["data", "model", "n"], "metric", "first", sort=False, fill_value="-"
        )
        title = f"Not in the paper: the other models, in percent above {named(LSTM_CS, recipe)} with C1"
        notes = ["Runs of the same folds, seed and fold; [95 % interval] by the corrected resampled t-test.", MACHINE]
        shown = wide.rename(columns=TITLES).reset_index()
        yield Table(file_name("models", LSTM_CS, recipe), title, numbers, shown, notes)


def of_costs(results: pd.DataFrame, improved: pd.DataFrame) -> Iterator[Table]:
    """Table 13, seconds per fold; Table 14, trainable parameters; each alteration's overhead, an epoch's and in all.

    Args:
        results: of `design.study`.
        improved: of `compare.improvements`.
    """
    groups = results[results["cell"] == "baseline"].groupby(["data", "model", "recipe"], sort=False)
    costs = groups.agg(seconds=("seconds", "mean"), parameters=("parameters", "mean"), n=("seed", "size")).reset_index()
    if len(costs):
        costs["named"] = [named(model, recipe) for model, recipe in zip(costs["model"], costs["recipe"], strict=True)]
        yield _seconds(costs)
        yield _parameters(costs)
    yield from _overhead(in_order(improved[improved["metric"] == "epoch_seconds"]), "overhead_epoch", "an epoch's")
    yield from _overhead(in_order(improved[improved["metric"] == "seconds"]), "overhead", "all")


def _overhead(rows: pd.DataFrame, name: str, which: str) -> Iterator[Table]:
    if rows.empty:
        return
    about = ["data", "model", "recipe", "cell", "n", "baseline", "score", "improvement", "low", "high"]
    notes = ["In percent above the baseline's of the same seed and fold, [95 % interval].", MACHINE]
    if which == "all":
        notes.append("More epochs take more time: training stops when the validation loss no longer falls.")
    title = f"Not in the paper: {which} seconds of training with each alteration"
    yield Table(name, title, rows[about], _wide(rows, measured(rows, 1)), notes)


def _seconds(costs: pd.DataFrame) -> Table:
    both = costs.merge(published.seconds().rename(columns={"seconds": "paper"}), "left", on=["data", "model"])
    pairs = zip(both["paper"].fillna("-"), both["seconds"], strict=True)
    text = [f"{theirs} / {number(ours, 1)}" for theirs, ours in pairs]
    shown = both.assign(text=text).pivot_table("text", "data", "named", "first", sort=False, fill_value="-")
    numbers = both[["data", "model", "recipe", "n", "paper", "seconds"]]
    notes = [UNALTERED, MACHINE, *published.notes(13)]
    return Table("table13", "Table 13: training time per fold, in seconds", numbers, shown.reset_index(), notes)


def _parameters(costs: pd.DataFrame) -> Table:
    both = costs.merge(published.parameters(), "left", on=["data", "model"], suffixes=("", "_paper"))
    shown = both[["data", "named"]].rename(columns={"named": "model"})
    for column, digits in (("parameters", 0), ("seconds", 1)):
        pairs = zip(both[f"{column}_paper"], both[column], strict=True)
        shown[column] = [f"{number(theirs, digits)} / {number(ours, digits)}" for theirs, ours in pairs]
    title = "Table 14: trainable parameters, and training time per fold in seconds"
    return Table("table14", title, both.drop(columns="named"), shown, [UNALTERED, MACHINE, *published.notes(14)])


def _wide(rows: pd.DataFrame, text: list[str]) -> pd.DataFrame:
    """A row for each model, recipe and cell, a column for each data set."""
    keys = ["model", "recipe", "cell"]
    wide = rows.assign(text=text).pivot_table("text", keys, "data", "first", sort=False, fill_value="-")
    return wide.reset_index().replace({"recipe": {"": "-"}})
