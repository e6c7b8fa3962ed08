"""Every table of both papers for which there are runs: `python -m analysis tables RUNS -o FOLDER`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis import cell_tables, market, missing, model_tables
from analysis.compare import SCORES, improvements
from analysis.design import Design, check, in_order, stopped, study
from analysis.judge import verdicts
from analysis.ranks import ranks
from analysis.results import ResultsError, kinds, read
from analysis.table import Table, file_name, markdown, measured, named, number, write

NO_MARKET = "bitcoin_not_made"
"""Name of the table that says why there are none of the market."""

HOW_JUDGED = (
    "A number: reproduced if the whole 95 % interval lies on the claimed side of 0 and holds the number; in sign only "
    "if all of it lies beyond the number; not reproduced if all of it falls short of the number; else not decidable.",
    'A bound ("reduces", "no alteration"): reproduced if the whole interval lies below it, not reproduced if none '
    "does.",
    "Pairs of runs that would decide: with 80 % power, by the variance seen here. On the same folds more runs lower "
    "the standard error to a floor only, so that sometimes no number decides. n: the fewest pairs on any data set.",
)


def write_all(runs: Path, folder: Path) -> str:
    """Write every table for which there are runs below `runs` into `folder`; returns them as Markdown.

    Raises:
        ResultsError: there are no runs, or some that would be mixed, or the folder cannot be written.
    """
    tables = every(runs)
    write(tables, folder)
    return "\n\n".join(map(markdown, tables))


def every(runs: Path) -> list[Table]:
    """All tables, of runs on texts and on the market.

    Raises:
        ResultsError: there are no runs, or some that would be mixed.
    """
    found = kinds(runs)
    results = study(runs) if "data" in found else None
    without = stopped(runs, results)
    design = None if results is None else check(results, without)
    absent = [
        missing.of_texts(design, without),
        missing.of_the_market(runs, read(runs, "features") if "features" in found else None),
    ]
    rows = pd.concat([part for part in absent if len(part)] or absent[:1], ignore_index=True)
    not_there = missing.table(rows, {} if design is None else design.never)
    if results is None or design is None:
        return [not_there, *(market.every(runs) if found else [])]
    texts = of_texts(results, design, without)
    return [_design(design.groups), not_there, *texts, *(_beside_texts(runs) if "features" in found else [])]


def _beside_texts(runs: Path) -> list[Table]:
    """The tables of the market; or why there are none, which takes nothing away from those of the texts."""
    try:
        return market.every(runs)
    except ResultsError as error:
        rows = pd.DataFrame({"runs on the market": [str(error)]})
        return [Table(NO_MARKET, "Not made: tables of the market", rows, rows)]


def of_texts(results: pd.DataFrame, design: Design, without: pd.DataFrame) -> list[Table]:
    """All tables of the cell paper.

    Args:
        results: of `design.study`.
        design: of `design.check`.
        without: of `design.stopped`.
    """
    improved = improvements(results)
    by_set = cell_tables.of_each_set(results, improved, without)
    return [
        _verdicts(results),
        model_tables.of_every_run(results),
        *sorted(by_set, key=lambda table: (not table.name.startswith("table"), table.name)),
        *cell_tables.of_averages(improved),
        *model_tables.of_scores(results),
        *model_tables.of_differences(results),
        *model_tables.of_costs(results, improved),
        *_ranks(results),
    ]


def _design(groups: pd.DataFrame) -> Table:
    shown = groups.drop(columns=["n_folds", "split_seed"]).replace({"recipe": {"": "-"}})
    return Table("design", "What was run", groups, shown)


def _verdicts(results: pd.DataFrame) -> Table:
    numbers = verdicts(results)
    # the verdict is the second column: on a phone it is seen without scrolling
    shown = pd.DataFrame(
        {
            "claim": numbers["claim"] + " (" + numbers["where"] + ")",
            "verdict": numbers["verdict"] + numbers["because"].map(lambda why: f": {why}" if why else ""),
            "ours, %": (pd.Series(measured(numbers)) + " " + numbers["alteration"]).str.strip(),
            "data sets": numbers["data"].str.replace("robo", "robo (a stand-in)").replace("", "-"),
            "n": numbers["n"].astype(str),
            "LSTM-CS": numbers["recipe"].replace("", "-"),
            "beside it": numbers["of"].replace("", "-"),
        }
    )
    shown = shown.drop(
        columns=[new for new, old in (("LSTM-CS", "recipe"), ("beside it", "of")) if not numbers[old].any()]
    )
    notes = [*HOW_JUDGED, *model_tables.encoders(results)]
    return Table("verdicts", "The cell paper's claims", numbers, shown, notes)


def _ranks(results: pd.DataFrame) -> Iterator[Table]:
    """Average ranks of the cells in each score, with the Friedman test beneath."""
    found = {metric: ranks(results, metric) for metric in SCORES}
    for model, recipe in found[SCORES[0]]:
        of_metric = {metric: each[model, recipe] for metric, each in found.items() if (model, recipe) in each}
        averages = pd.DataFrame({metric: rank.average for metric, rank in of_metric.items()})
        numbers = in_order(averages.rename_axis("cell").reset_index())
        shown = numbers.set_index("cell").map(lambda rank: number(rank, 2)).rename(columns=cell_tables.TITLES)
        notes = [
            f"{cell_tables.TITLES[metric]}: Friedman chi2 = {rank.statistic:.2f}, p = {rank.p:.3g} over "
            f"{', '.join(rank.data)}; critical difference {rank.critical_difference:.2f} (Nemenyi, 5 %)."
            for metric, rank in of_metric.items()
        ]
        notes += of_metric[SCORES[0]].notes
        title = f"Average ranks of the cells over data sets, {named(model, recipe)}"
        yield Table(file_name("ranks", model, recipe), title, numbers, shown.reset_index(), notes)
