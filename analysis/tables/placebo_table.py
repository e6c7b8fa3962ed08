"""The table of the test's false alarms: how often it calls the placebo significant."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.statistics.false_alarms import false_alarms
from analysis.statistics.improvements import F1
from analysis.study import text_results
from analysis.tables.alteration_tables import TITLES
from analysis.tables.formatting import with_recipe
from analysis.tables.table import Table, plain_text
from cells.errors import UserError
from conf.compose import PLACEBO

NOTES = (
    "Significant: tests with p < 5 %, their share [95 % binomial interval] / the share in simulated studies whose "
    "differences are randomness of training alone. Such randomness does not carry over from split to split, so that "
    "Student's test is nearly right here, and the corrected test, which allows for what does carry over, should call "
    "almost none significant.",
    "An alteration differs from the baseline in other ways on other documents, and then Student's test calls half of "
    "all studies of equally good classifiers significant: docs/studies.md, The test.",
    "Tests over one seed: a test for each seed, over its folds. The scores of one run depend on each other, so that "
    "the rows are not independent.",
)


def placebo_table(results: pd.DataFrame) -> Iterator[Table]:
    """One table, or none where the placebo was not run or has one split only.

    Args:
        results: from `text_results.read`.
    """
    numbers = false_alarms(results)
    if numbers.empty:
        return
    students = zip(100 * numbers["student"], 100 * numbers["simulated_student"], strict=True)
    models = zip(numbers["model"], numbers["recipe"], strict=True)
    shown = pd.DataFrame(
        {
            "score": numbers["metric"].map({**TITLES, F1: "F1"}),
            "tests over": numbers["over"],
            "tests": numbers["tests"].astype(str),
            "significant": [_rate(row) for _, row in numbers.iterrows()],
            "Student's": [f"{student:.0f} % / {simulated:.1f} %" for student, simulated in students],
            "data": numbers["data"],
            "model": [with_recipe(str(model), str(recipe)) for model, recipe in models],
        }
    )
    yield Table(PLACEBO, "Not in the paper: false alarms, the placebo called better or worse", numbers, shown, NOTES)


def as_text(runs: Path) -> str:
    """The table for the terminal.

    Raises:
        UserError: there are no runs on texts, or none of the placebo.
    """
    tables = list(placebo_table(text_results.read_comparable(runs)))
    if not tables:
        raise UserError(
            f"{runs} holds no placebo with two splits of a data set: python train.py -m cell=baseline,{PLACEBO} "
            "data=robo fold=0,1 trains one."
        )
    return plain_text(tables[0])


def _rate(row: pd.Series) -> str:
    rate, low, high, simulated = (100 * row[name] for name in ("rate", "low", "high", "simulated"))
    return f"{row['significant']}: {rate:.0f} % [{low:.0f}, {high:.0f}] / {simulated:.1f} %"
