"""Every table of both papers for which there are runs: `python -m analysis tables RUNS -o FOLDER`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from . import cell_tables, market, model_tables
from .claims import verdicts
from .compare import SCORES, improvements
from .design import RUN, check, in_order, study
from .ranks import ranks
from .results import kinds, unfinished
from .table import Table, file_name, markdown, measured, named, number, write


def report(runs: Path, folder: Path) -> str:
    """Write every table for which there are runs below `runs` into `folder`; returns them as Markdown.

    Raises:
        ResultsError: there are no finished runs, or some that would be mixed.
    """
    tables = every(runs)
    write(tables, folder)
    return "\n\n".join(map(markdown, tables))


def every(runs: Path) -> list[Table]:
    """All tables, of runs on texts and on the market.

    Raises:
        ResultsError: there are no finished runs, or some that would be mixed.
    """
    found = kinds(runs)
    stopped = unfinished(runs)
    texts = of_texts(study(runs), stopped) if "data" in found else [_not_there(pd.DataFrame(columns=RUN), stopped)]
    return [*texts, *(market.every(runs) if "features" in found else [])]


def of_texts(results: pd.DataFrame, stopped: pd.DataFrame) -> list[Table]:
    """All tables of the cell paper.

    Args:
        results: of `design.study`.
        stopped: of `results.unfinished`.

    Raises:
        ResultsError: a run is there twice.
    """
    design = check(results)
    improved = improvements(results)
    by_set = cell_tables.of_each_set(results, improved)
    return [
        _design(design.groups),
        _not_there(design.missing, stopped),
        _verdicts(results),
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


def _not_there(missing: pd.DataFrame, stopped: pd.DataFrame) -> Table:
    """Failed and unfinished runs, then those that were never begun."""
    key = ["data", "model", "cell", "seed", "fold"]
    rows = [*stopped[[*key, "error"]].to_dict("records"), *missing[key].assign(error="not run").to_dict("records")]
    both = pd.DataFrame(rows, columns=[*key, "error"]).drop_duplicates(key, ignore_index=True)
    if both.empty:
        return Table("missing", "Missing runs: none", both, both, ["Each cell was run with each seed on each fold."])
    notes = ["Runs whose partner is one of these are left out of comparisons."]
    return Table("missing", f"Missing runs: {len(both)}", both, both, notes)


def _verdicts(results: pd.DataFrame) -> Table:
    numbers = verdicts(results)
    shown = pd.DataFrame(
        {
            "LSTM-CS": numbers["recipe"].replace("", "-"),
            "claim": numbers["claim"] + " (" + numbers["where"] + ")",
            "ours, %": measured(numbers),
            "data sets": numbers["data"].replace("", "-"),
            "n": numbers["n"].astype(str),
            "verdict": numbers["verdict"] + numbers["because"].map(lambda why: f": {why}" if why else ""),
        }
    )
    if not numbers["recipe"].any():
        shown = shown.drop(columns="LSTM-CS")
    notes = [
        "Reproduced: the 95 % interval reaches the claimed number and lies on its side of 0. Not reproduced: all of it "
        "falls short of the number. Not decidable: it holds both. Pairs of runs that would decide: in four of five "
        "such studies, by the variance seen here, which more runs on the same folds lower to a floor only. "
        "n: pairs on each data set."
    ]
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
        title = f"Average ranks of the cells over data sets, {named(model, recipe)}"
        yield Table(file_name("ranks", model, recipe), title, numbers, shown.reset_index(), notes)
