"""Tables 12-15 of the cell paper, its models and their cost, beside finished runs."""

from collections.abc import Iterator

import pandas as pd

from analysis.published import cell_paper
from analysis.published.cell_paper import LSTM_CS, PRINTED_SCORES
from analysis.statistics.improvements import model_improvements
from analysis.statistics.selection import times_chosen
from analysis.study.text_results import in_cell_order
from analysis.tables.alteration_tables import TITLES
from analysis.tables.formatting import count_range, estimates, file_name, number, with_recipe
from analysis.tables.table import Table
from conf.compose import PLACEBO

TOP = ("baseline", "C1", "H2", PLACEBO)
"""The cells of Tables 12 and 15: no modification, the top current-state one, the top hidden-state one; and what chance
does."""

MACHINE = "Seconds are wall-clock time of the machine that trained the runs, with all else that ran there."
UNALTERED = "Paper / ours, unaltered cells."


def tables_12_and_15(results: pd.DataFrame, top: pd.DataFrame) -> Iterator[Table]:
    """Tables 12 and 15: accuracy and macro-F1 of each model and modification, in percent.

    Args:
        results: from `text_results.read`.
        top: from `selection.top_rows`.
    """
    paper = cell_paper.model_scores()
    shown_cells = pd.concat([results[results["cell"].isin(TOP)], top], ignore_index=True)
    groups = in_cell_order(shown_cells).groupby(["model", "recipe", "cell", "data"], sort=False)
    for table, metric in ((12, "accuracy"), (15, "macro_f1")):
        ours = groups[metric].agg(score="mean", sd="std", n="size").reset_index()
        ours[["score", "sd"]] *= 100
        theirs = paper.loc[paper["table"] == table, ["model", "cell", "data", "score"]]
        both = ours.merge(theirs.rename(columns={"score": "paper"}), "left", on=["model", "cell", "data"])
        if both.empty:
            continue
        pairs = zip(both["paper"], both["score"], strict=True)
        shown = _wide(both, [f"{number(theirs)} / {number(ours, 2)}" for theirs, ours in pairs])
        how = f"Paper / ours, percent; means over runs, {count_range(both['n'])} each."
        title = f"Table {table}: {TITLES[metric]} of each model and modification"
        notes = [how, *_chosen(top), *encoders(results), *cell_paper.notes(table, set(both["data"]))]
        yield Table(f"table{table}", title, both, shown, notes)


def _chosen(top: pd.DataFrame) -> Iterator[str]:
    """Sentences that say what the paper's two modifications are, and which alterations the rows "top" stand for."""
    if top.empty:
        return
    yield "C1 and H2 are the paper's top modifications, chosen by these scores; top current and top hidden are yours."
    for (model, recipe), rows in top.groupby(["model", "recipe"], sort=False):
        for sentence in times_chosen(rows):
            yield f"{with_recipe(str(model), str(recipe))}, {sentence}"


def table_of_all_models(results: pd.DataFrame) -> Table:
    """One table of everything that was run: a row for each data set, model, recipe and cell, with means over its runs.

    Args:
        results: from `text_results.read`.
    """
    keys = ["data", "model", "cell", "encoder", "recipe"]
    ordered = in_cell_order(results).sort_values(["data", "model"], kind="stable")
    groups = ordered.groupby(keys, sort=False)
    means = [*PRINTED_SCORES, "seconds", "parameters"]
    numbers = groups[means].mean().assign(n=groups.size()).reset_index()
    numbers[PRINTED_SCORES] *= 100
    shown = numbers[keys].replace({key: {"": "-"} for key in ("encoder", "recipe")})
    shown = shown.rename(columns={"recipe": "settings"}).assign(n=numbers["n"].astype(str))
    digits = dict.fromkeys(PRINTED_SCORES, 2) | {"seconds": 1, "parameters": 0}
    for column, places in digits.items():
        shown[TITLES.get(column, column.capitalize())] = [number(value, places) for value in numbers[column]]
    notes = ["Test scores in percent, means over runs.", MACHINE, *cell_paper.notes(None, results["data"].unique())]
    return Table("models", "All models and cells", numbers[[*keys, "n", *means]], shown, notes)


def encoders(results: pd.DataFrame) -> list[str]:
    """One sentence for each model with pre-trained encoders, which names them."""
    names = results.loc[results["encoder"] != "", ["model", "encoder"]].drop_duplicates()
    found = names.groupby("model", sort=False)["encoder"].agg(", ".join)
    return [f"{model} is here the encoder {encoder}." for model, encoder in found.items()]


def tables_above_lstm_cs(results: pd.DataFrame) -> Iterator[Table]:
    """By how many percent the other models are above LSTM-CS with C1; the paper has this in its text only.

    Args:
        results: from `text_results.read`.
    """
    for recipe in results.loc[results["model"] == LSTM_CS, "recipe"].unique():
        improved = model_improvements(results, recipe)
        numbers = improved[improved["metric"].isin([*PRINTED_SCORES, "seconds"])].drop(
            columns=["model", "settings", "recipe"]
        )
        if numbers.empty:
            continue
        numbers = numbers.rename(columns={"cell": "model", "of": "recipe"})
        wide = numbers.assign(text=estimates(numbers)).pivot_table(
            "text", ["data", "model", "recipe", "n"], "metric", "first", sort=False, fill_value="-"
        )
        title = f"Not in the paper: the other models, in percent above {with_recipe(LSTM_CS, recipe)} with C1"
        notes = [
            "Runs of the same folds, seed and fold; [95 % interval] by the corrected t-test for cross-validation.",
            MACHINE,
        ]
        notes += encoders(results)
        shown = wide.rename(columns=TITLES).reset_index().replace({"recipe": {"": "-"}})
        yield Table(file_name("models", LSTM_CS, recipe), title, numbers, shown, notes)


def tables_13_and_14(results: pd.DataFrame) -> Iterator[Table]:
    """Table 13, seconds per fold; Table 14, trainable parameters.

    Args:
        results: from `text_results.read`.
    """
    groups = results[results["cell"] == "baseline"].groupby(["data", "model", "recipe"], sort=False)
    costs = groups.agg(seconds=("seconds", "mean"), parameters=("parameters", "mean"), n=("seed", "size")).reset_index()
    if len(costs):
        costs["named"] = [
            with_recipe(model, recipe) for model, recipe in zip(costs["model"], costs["recipe"], strict=True)
        ]
        yield _seconds(costs, encoders(results))
        yield _parameters(costs, encoders(results))


def overhead_tables(improved: pd.DataFrame) -> Iterator[Table]:
    """The time that each alteration costs, per epoch and in all.

    Args:
        improved: from `improvements.improvements`.
    """
    yield from _overhead(in_cell_order(improved[improved["metric"] == "epoch_seconds"]), "overhead_epoch", "an epoch's")
    yield from _overhead(in_cell_order(improved[improved["metric"] == "seconds"]), "overhead", "all")


def _overhead(rows: pd.DataFrame, name: str, which: str) -> Iterator[Table]:
    if rows.empty:
        return
    about = ["data", "model", "recipe", "cell", "n", "baseline", "score", "improvement", "low", "high"]
    notes = ["In percent above the baseline's of the same seed and fold, [95 % interval].", MACHINE]
    if which == "all":
        notes.append("More epochs take more time: training stops when the validation loss no longer falls.")
    title = f"Not in the paper: {which} seconds of training with each alteration"
    yield Table(name, title, rows[about], _wide(rows, estimates(rows, 1)), notes)


def _seconds(costs: pd.DataFrame, about: list[str]) -> Table:
    both = costs.merge(cell_paper.seconds_per_fold().rename(columns={"seconds": "paper"}), "left", on=["data", "model"])
    pairs = zip(both["paper"].fillna("-"), both["seconds"], strict=True)
    text = [f"{theirs} / {number(ours, 1)}" for theirs, ours in pairs]
    shown = both.assign(text=text).pivot_table("text", "data", "named", "first", sort=False, fill_value="-")
    numbers = both[["data", "model", "recipe", "n", "paper", "seconds"]]
    notes = [UNALTERED, MACHINE, *about, *cell_paper.notes(13)]
    return Table("table13", "Table 13: training time per fold, in seconds", numbers, shown.reset_index(), notes)


def _parameters(costs: pd.DataFrame, about: list[str]) -> Table:
    both = costs.merge(cell_paper.parameters(), "left", on=["data", "model"], suffixes=("", "_paper"))
    shown = both[["data", "named"]].rename(columns={"named": "model"})
    for column, digits in (("parameters", 0), ("seconds", 1)):
        pairs = zip(both[f"{column}_paper"], both[column], strict=True)
        shown[column] = [f"{number(theirs, digits)} / {number(ours, digits)}" for theirs, ours in pairs]
    title = "Table 14: trainable parameters, and training time per fold in seconds"
    notes = [UNALTERED, MACHINE, *about, *cell_paper.notes(14)]
    return Table("table14", title, both.drop(columns="named"), shown, notes)


def _wide(rows: pd.DataFrame, text: list[str]) -> pd.DataFrame:
    """A row for each model, recipe and cell, a column for each data set."""
    keys = ["model", "recipe", "cell"]
    wide = rows.assign(text=text).pivot_table("text", keys, "data", "first", sort=False, fill_value="-")
    return wide.reset_index().replace({"recipe": {"": "-"}})
