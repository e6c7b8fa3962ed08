"""Tables 3-11 and 16 of the cell paper, its alterations, beside finished runs."""

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from analysis.published import cell_paper
from analysis.published.cell_paper import LSTM_CS, PRINTED_SCORES
from analysis.statistics.averages import averages
from analysis.statistics.improvements import improvements
from analysis.statistics.selection import times_chosen, with_best_three
from analysis.statistics.significance import ALPHA
from analysis.study.reasons import reasons
from analysis.study.results import has_failed
from analysis.study.text_results import GROUP, in_cell_order
from analysis.tables.formatting import estimate, file_name, number, with_recipe
from analysis.tables.table import Table
from conf.compose import PLACEBO
from conf.kinds import BY_SEED, GIVEN

TITLES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "weighted_f1": "Weighted-F1",
    "seconds": "Seconds",
    "epoch_seconds": "Seconds per epoch",
}
LEFT_OUT = ("robo",)
"""The data sets that the paper's averages leave out."""

AVERAGE_TABLES = {
    10: (cell_paper.alterations("C"), "Table 10: average improvement, current state"),
    11: (cell_paper.alterations("H"), "Table 11: average improvement, hidden state"),
    16: (["C1", "H2"], "Table 16: average improvement, the best of each state"),
}
"""The cells of the paper's tables of averages, and their titles."""

HOW_ALONE = (
    "Relative improvement in percent over the baseline's runs of the same seed and fold, [95 % interval] by the "
    "corrected t-test for repeated cross-validation; * p < 5 % after Holm's correction over the alterations of Table "
    "1, or over the other cells."
)
HOW = f"Paper / ours. Ours: {HOW_ALONE[0].lower()}{HOW_ALONE[1:]}"
"""The meaning of a table's numbers beside the paper's; without these it is HOW_ALONE."""

COMBINED = (
    "Combined: the mean of the four improvements; (1), (2), (3) are the best alterations of each state, which the "
    "paper prints. They were chosen by the scores that they are shown with, and look better than they are."
)
HOW_SURE = ["low", "high", "p", "p_holm", "wins", "ties", "losses"]


def tables_3_to_9(results: pd.DataFrame, improved: pd.DataFrame, without_result: pd.DataFrame) -> Iterator[Table]:
    """Tables 3-9: all cells on one data set; one table for each data, model and settings with an altered cell.

    Args:
        results: from `text_results.read`.
        improved: from `improvements.improvements`.
        without_result: from `text_results.without_result`: a cell none of whose runs has a result gets a row that says
            so.
    """
    paper = cell_paper.improvements()
    for (data, model, settings), group in improved.groupby(GROUP, sort=False):
        theirs = paper[(paper["data"] == data) & (model == LSTM_CS)]
        runs = results[(results[GROUP] == [data, model, settings]).all(axis=1)]
        none = without_result[(without_result[GROUP] == [data, model, settings]).all(axis=1)]
        recipe = str(group["recipe"].iloc[0])
        table = int(theirs["table"].iloc[0]) if len(theirs) else None
        numbers = _improvements(runs, group, theirs, none["cell"])
        yield Table(
            file_name(f"table{table:02}" if table else "cells", data, model, recipe),
            f"{f'Table {table}' if table else 'Not in the paper'}: {data}, {with_recipe(str(model), recipe)}",
            numbers,
            _shown(numbers, "n", len(theirs) > 0),
            [
                HOW if len(theirs) else HOW_ALONE,
                *_how_chosen(numbers),
                *_about(group),
                *_placebo(group),
                *_why_none(none),
                *cell_paper.notes(table, [str(data)]),
            ],
        )


def _how_chosen(numbers: pd.DataFrame) -> Iterator[str]:
    if numbers["best"].notna().any():
        yield COMBINED


def _placebo(group: pd.DataFrame) -> Iterator[str]:
    """One sentence about the placebo, if there is one."""
    if PLACEBO in set(group["cell"]):
        yield (
            f"{PLACEBO}: the baseline with other initial weights and dropout; whatever it differs by is chance. It is "
            "no alteration, and not among those of Holm's correction."
        )


def _why_none(without_result: pd.DataFrame) -> Iterator[str]:
    """One sentence for each cell with runs that have no result."""
    for cell, runs in without_result.groupby("cell", sort=False):
        which = "; ".join(dict.fromkeys(reasons(runs["error"])))
        failed = has_failed(runs["error"]).any() and cell != "baseline"
        left_out = ", so it is not compared: those that did not fail were not chosen by chance" if failed else ""
        yield f"{cell}: {len(runs)} runs without a result ({which}){left_out}."


def average_tables(improved: pd.DataFrame, results: pd.DataFrame, top: pd.DataFrame) -> Iterator[Table]:
    """Tables 10, 11 and 16: averages over the data sets; and those of cells or models that are not in the paper.

    Args:
        improved: from `improvements.improvements`.
        results: from `text_results.read`.
        top: from `selection.top_rows`.
    """
    beside_paper = cell_paper.has_any_set(results["data"])
    tops = averages(improvements(pd.concat([results[results["cell"] == "baseline"], top])), LEFT_OUT)
    tops["p_holm"] = tops["p"]  # each is one test: what it is was not chosen by these scores
    for (model, recipe), group in averages(improved, LEFT_OUT).groupby(["model", "recipe"], sort=False):
        rest = group
        own = tops[(tops["model"] == model) & (tops["recipe"] == recipe)]
        chosen = top[(top["model"] == model) & (top["recipe"] == recipe) & ~top["data"].isin(LEFT_OUT)]
        if model == LSTM_CS and beside_paper:
            for table, (cells, title) in AVERAGE_TABLES.items():
                rows = group[group["cell"].isin([*cells, PLACEBO])]
                if table == 16:
                    rows = pd.concat([rows, own], ignore_index=True)
                more = list(times_chosen(chosen)) if table == 16 else []
                yield from _average_table(rows, f"table{table}", title, table, more)
            rest = group[~group["cell"].isin([*cell_paper.alterations(), PLACEBO])]
        if beside_paper or rest["sets"].max() > 1:
            yield from _average_table(rest, "averages", "Not in the paper: average improvement")


def _average_table(
    ours: pd.DataFrame, name: str, title: str, table: int | None = None, more: Sequence[str] = ()
) -> Iterator[Table]:
    """One table, or none where there are no rows."""
    if set(ours["cell"]) <= {PLACEBO}:
        return
    paper = cell_paper.average_improvements()
    paper = paper[paper["cell"].isin(AVERAGE_TABLES[table][0])] if table else paper.iloc[:0]
    model, recipe = (str(ours[key].iloc[0]) for key in ("model", "recipe"))
    numbers = _beside(ours, paper, ["sets", "data"])
    sets = " or ".join(dict.fromkeys(ours["data"]))
    notes = [
        HOW if table else HOW_ALONE,
        f"Means over data sets: {sets}; ROBO is left out.",
        *_how_chosen(numbers),
        *_placebo(ours),
        *more,
        *cell_paper.notes(table),
    ]
    yield Table(
        file_name(name, model, recipe),
        f"{title}, {with_recipe(model, recipe)}",
        numbers,
        _shown(numbers, "sets", table is not None),
        notes,
    )


def _improvements(
    runs: pd.DataFrame, improved: pd.DataFrame, paper: pd.DataFrame, stopped: "pd.Series[str]"
) -> pd.DataFrame:
    """The rows of one of Tables 3-9: the baseline in percent, then each alteration's improvements.

    Args:
        runs: results of one data set, model and settings.
        improved: their improvements.
        paper: the rows that the paper prints.
        stopped: the cell of each run without a result.
    """
    base = runs[runs["cell"] == "baseline"]
    first = pd.DataFrame([{"cell": "baseline", "n": len(base), **(base[PRINTED_SCORES].mean() * 100)}])
    first = first.merge(paper[["cell", *PRINTED_SCORES]], "left", on="cell", suffixes=("", "_paper"))
    others = _beside(improved, paper[paper["cell"] != "baseline"], ["n"], stopped)
    every = pd.concat([first, others], ignore_index=True)[list(others)]
    return every.assign(stopped=every["cell"].map(stopped.value_counts()).fillna(0).astype(int))


def _beside(improved: pd.DataFrame, paper: pd.DataFrame, about: list[str], more: Iterable[object] = ()) -> pd.DataFrame:
    """A row for each cell: the columns `about` it; for each score the paper's, ours, and how sure it is.

    Args:
        improved: rows of one data set, or of one average.
        paper: what the paper prints for the same.
        about: columns; where the scores differ in one, because runs may lack some, the smallest value is taken.
        more: cells that have a row in any case.
    """
    columns: dict[str, pd.Series] = {}
    for score in PRINTED_SCORES:
        ours = improved[improved["metric"] == score].set_index("cell")
        columns |= {f"{score}_paper": paper.set_index("cell")[score], score: ours["improvement"]}
        columns |= {f"{score}_{name}": ours[name] for name in HOW_SURE if name in ours}
    scored = improved[improved["metric"].isin(PRINTED_SCORES)]
    facts = scored.groupby("cell")[about].min()
    cells = list(dict.fromkeys([*improved["cell"], *paper["cell"], *(cell for cell in more if cell != "baseline")]))
    rows = in_cell_order(facts.reindex(cells).join(pd.DataFrame(columns)).rename_axis("cell").reset_index())
    return with_best_three(rows)


def _shown(numbers: pd.DataFrame, count: str, beside_paper: bool) -> pd.DataFrame:
    shown = numbers[["cell"]].assign(**{count: [number(value, 0) for value in numbers[count]]})
    for score in PRINTED_SCORES:
        shown[TITLES[score]] = [_shown_score(row, score, beside_paper) for _, row in numbers.iterrows()]
    if numbers["best"].notna().any():
        shown["Combined (best three)"] = [
            number(mean, 2, sign=True) + ("" if pd.isna(best) else f" ({best:.0f})")
            for mean, best in zip(numbers["combined"], numbers["best"], strict=True)
        ]
    if "macro_f1_wins" in numbers:
        counts = zip(*(numbers[f"macro_f1_{name}"] for name in ("wins", "ties", "losses")), strict=True)
        shown["Macro-F1 won/tied/lost"] = [
            "-" if pd.isna(row[0]) else "/".join(f"{count:.0f}" for count in row) for row in counts
        ]
    return shown


def _shown_score(row: pd.Series, score: str, beside_paper: bool) -> str:
    theirs = f"{number(row[f'{score}_paper'], sign=row['cell'] != 'baseline')} / " if beside_paper else ""
    if row["cell"] == "baseline":
        return f"{theirs}{number(row[score], 2)}"
    if pd.isna(row[score]) and row.get("stopped", 0):
        return f"{theirs}no result"
    ours = estimate(row[score], row[f"{score}_low"], row[f"{score}_high"])
    return f"{theirs}{ours}{' *' if row[f'{score}_p_holm'] < ALPHA else ''}"


def _about(group: pd.DataFrame) -> Iterable[str]:
    """How many runs there are, and what so few cannot tell."""
    seeds, folds, n_folds = group["seeds"].max(), group["folds"].max(), group["n_folds"].iloc[0]
    if group["partition"].iloc[0] == GIVEN:
        yield f"{seeds} seeds x {folds} folds on a ready-made test part."
        yield "Every run was tested on the same documents, so there are no intervals; without a given part there are."
        return
    by_seed = group["partition"].iloc[0] == BY_SEED
    which = "each seed has its own partition" if by_seed else "one partition for all seeds"
    yield f"{seeds} seeds x {folds} of {n_folds} folds, {which}; n_test / n_train = 1/{n_folds - 2}."
    if seeds * folds == 1:
        yield "One seed and one fold: a single pair of runs, which says nothing about chance; there are no intervals."
    elif folds == 1 and not by_seed:
        yield "One fold only: every run was tested on the same documents, so there are no intervals."
    elif seeds == 1:
        yield "One seed only: chance in training and chance in the documents cannot be told apart."
    if not by_seed and folds > 1:
        yield "The test is over the folds' means: with another seed the same documents say nothing about others."
