"""The tables of results of both papers for which there are runs: `python -m analysis tables RUNS -o FOLDER`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.claims.verdicts import verdicts
from analysis.published.cell_paper import PRINTED_SCORES, has_any_set
from analysis.statistics.improvements import improvements
from analysis.statistics.power import FEWEST_SPLITS
from analysis.statistics.ranks import ranks
from analysis.statistics.selection import top_rows
from analysis.study import text_results
from analysis.study.design import design_of
from analysis.study.results import kinds
from analysis.study.text_results import in_cell_order
from analysis.study.trials import read_trials
from analysis.tables import model_tables
from analysis.tables.alteration_tables import LEFT_OUT, TITLES, average_tables, tables_3_to_9
from analysis.tables.chance_tables import chance_tables
from analysis.tables.effect_table import effect_table
from analysis.tables.formatting import estimates, file_name, number, with_recipe
from analysis.tables.market_tables import market_tables
from analysis.tables.missing_runs import missing_runs
from analysis.tables.placebo_table import placebo_table
from analysis.tables.table import Table, markdown, write
from analysis.tables.tuned_table import tuned_tables
from cells.errors import UserError

NO_MARKET = "bitcoin_not_made"
"""The name of the table that says why there are none of the market."""

HOW_JUDGED = (
    "A number: reproduced if the whole 95 % interval lies on the claimed side of 0 and holds the number; in sign only "
    "if all of it lies beyond the number; not reproduced if all of it falls short of the number; else not decidable.",
    'A bound ("reduces", "no alteration"): reproduced if the whole interval lies below it, not reproduced if none '
    "does; of several alterations one has to lie above it with p < 5 % after Holm's correction over them.",
    "Pairs of runs that would decide: with 80 % power, by the variance seen here. On the same documents more runs "
    "lower the standard error to a floor only, so that sometimes no number decides. n: the fewest pairs on any set.",
    f"Fewer than {FEWEST_SPLITS} splits decide nothing. A time does not either, if it differs less than the placebo's, "
    "whose computation is the baseline's: by that much the load of the machine and the size of stacks change times.",
)


def write_all(runs: Path, folder: Path) -> str:
    """Write every table for which there are runs below `runs` into `folder`; returns them as Markdown.

    Raises:
        UserError: there are no runs, or some that would be mixed, or the folder cannot be written.
    """
    tables = list(all_tables(runs))
    write(tables, folder)
    return "\n\n".join(map(markdown, tables))


def all_tables(runs: Path) -> Iterator[Table]:
    """All tables, of runs on texts and on the market, each computed when it is asked for.

    Raises:
        UserError: there are no runs, or some that would be mixed.
    """
    found = kinds(runs)
    results = text_results.read(runs) if "data" in found else None
    without_result = text_results.without_result(runs, results)
    design = None if results is None else design_of(results, without_result)
    compared = None if results is None else text_results.comparable(results, without_result)
    improved = None if compared is None else improvements(compared)
    if improved is not None:
        yield from effect_table(improved)
    if design is not None:
        yield _design(design.groups)
    yield missing_runs(runs, found, design, without_result)
    if compared is not None and improved is not None:
        validation = text_results.comparable(text_results.read(runs, "val"), without_result)
        yield from text_tables(compared, improved, without_result, top_rows(compared, validation, LEFT_OUT))
        yield from tuned_tables(compared, read_trials(runs))
    if "features" in found:
        yield from market_tables(runs) if results is None else _market_beside_texts(runs)


def _market_beside_texts(runs: Path) -> list[Table]:
    """The tables of the market, or one that says why there are none: those of the texts are made all the same."""
    try:
        return market_tables(runs)
    except UserError as error:
        rows = pd.DataFrame({"runs on the market": [str(error)]})
        return [Table(NO_MARKET, "Not made: tables of the market", rows, rows)]


def text_tables(
    results: pd.DataFrame, improved: pd.DataFrame, without_result: pd.DataFrame, top: pd.DataFrame
) -> Iterator[Table]:
    """All tables of runs on texts; those of the cell paper only where one of its data sets was run.

    Args:
        results: from `text_results.comparable`.
        improved: from `improvements.improvements`.
        without_result: from `text_results.without_result`.
        top: from `selection.top_rows`.
    """
    by_set = tables_3_to_9(results, improved, without_result)
    beside_paper = has_any_set(results["data"])
    if beside_paper:
        yield _verdicts(results)
    yield model_tables.table_of_all_models(results)
    yield from sorted(by_set, key=lambda table: (not table.name.startswith("table"), table.name))
    yield from average_tables(improved, results, top)
    yield from placebo_table(results)
    yield from chance_tables(results, improved)
    if beside_paper:
        yield from model_tables.tables_12_and_15(results, top)
    yield from model_tables.tables_above_lstm_cs(results)
    if beside_paper:
        yield from model_tables.tables_13_and_14(results)
    yield from model_tables.overhead_tables(improved)
    yield from _ranks(results)


def _design(groups: pd.DataFrame) -> Table:
    shown = groups.drop(columns=["n_folds", "partition"]).replace({"recipe": {"": "-"}})
    return Table("design", "What was run", groups, shown)


def _verdicts(results: pd.DataFrame) -> Table:
    numbers = verdicts(results)
    # the verdict is the second column: on a phone it is seen without scrolling
    shown = pd.DataFrame(
        {
            "claim": numbers["claim"] + " (" + numbers["where"] + ")",
            "verdict": numbers["verdict"] + numbers["because"].map(lambda why: f": {why}" if why else ""),
            "ours, %": (pd.Series(estimates(numbers)) + " " + numbers["alteration"]).str.strip(),
            "data sets": numbers["data"].str.replace("robo", "robo (a stand-in)").replace("", "-"),
            "n": numbers["n"].astype(str),
            "LSTM-CS": numbers["recipe"].replace("", "-"),
            "beside it": numbers["of"].replace("", "-"),
        }
    )
    shown = shown.drop(
        columns=[new for new, old in (("LSTM-CS", "recipe"), ("beside it", "of")) if not numbers[old].any()]
    )
    without = numbers["n"] == 0
    hidden = [f"{int(without.sum())} more claims are about runs that are not here."] if without.any() else []
    notes = [*HOW_JUDGED, *hidden, *model_tables.encoders(results)]
    return Table("verdicts", "The cell paper's claims", numbers, shown[~without], notes)


def _ranks(results: pd.DataFrame) -> Iterator[Table]:
    """Average ranks of the cells in each score, with the Friedman test beneath."""
    found = {metric: ranks(results, metric) for metric in PRINTED_SCORES}
    for model, recipe in found[PRINTED_SCORES[0]]:
        of_metric = {metric: each[model, recipe] for metric, each in found.items() if (model, recipe) in each}
        averages = pd.DataFrame({metric: rank.average for metric, rank in of_metric.items()})
        numbers = in_cell_order(averages.rename_axis("cell").reset_index())
        shown = numbers.set_index("cell").map(lambda rank: number(rank, 2)).rename(columns=TITLES)
        notes = [
            f"{TITLES[metric]}: Friedman chi2 = {rank.statistic:.2f}, p = {rank.p:.3g} over "
            f"{', '.join(rank.data)}; critical difference {rank.critical_difference:.2f} (Nemenyi, 5 %)."
            for metric, rank in of_metric.items()
        ]
        notes += of_metric[PRINTED_SCORES[0]].notes
        title = f"Average ranks of the cells over data sets, {with_recipe(model, recipe)}"
        yield Table(file_name("ranks", model, recipe), title, numbers, shown.reset_index(), notes)
