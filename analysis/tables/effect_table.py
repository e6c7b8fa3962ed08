"""The first table of a study: does each altered cell help, in a word, with the interval that the word rests on?"""

from collections.abc import Iterator

import pandas as pd

from analysis.statistics.power import least_detectable
from analysis.statistics.significance import ALPHA, alterations_tested
from analysis.study.text_results import GROUP, in_cell_order
from analysis.tables.formatting import estimate, number, with_recipe
from analysis.tables.table import Table

NAME = "effects"
BETTER, WORSE, OPEN, UNTESTED = "better", "worse", "no difference shown", "no test: one split"
NO_PERCENT = "no test: the baseline scores 0"
"""The words for a cell beside the baseline."""

SCORES = {"macro_f1": "macro-F1, %", "accuracy": "accuracy, %"}
"""The scores that are shown; the word is about the first."""

NOTES = (
    "Better or worse: the macro-F1 differs with p < 5 % after Holm's correction over the alterations of Table 1, or "
    "over the other cells, of the same data set, model and settings. Differences are relative, in percent of the "
    "baseline's mean, with 95 % intervals.",
    '"No difference shown" is no proof of equality: the last column is the least difference that these runs would have '
    "told with 80 % power. More seeds and folds lower it.",
)


def effect_table(improved: pd.DataFrame) -> Iterator[Table]:
    """One table, or none where no altered cell was run beside the baseline.

    Args:
        improved: from `improvements.improvements`.
    """
    rows = improved[improved["metric"].isin(SCORES)]
    if rows.empty:
        return
    numbers = rows[rows["metric"] == "macro_f1"].drop(columns="metric")
    numbers = numbers.assign(tests=alterations_tested(numbers, GROUP))
    numbers["verdict"] = [_verdict(row) for _, row in numbers.iterrows()]
    numbers["detectable"] = [_detectable(row) for _, row in numbers.iterrows()]
    accuracy = rows.loc[rows["metric"] == "accuracy", [*GROUP, "cell", "improvement", "low", "high", "p_holm"]]
    numbers = numbers.merge(accuracy, "left", on=[*GROUP, "cell"], suffixes=("", "_accuracy"))
    numbers = in_cell_order(numbers).sort_values(["data", "model", "recipe"], kind="stable", ignore_index=True)
    yield Table(NAME, "Does it help? Each cell beside the baseline", numbers, _shown(numbers), NOTES)


def _verdict(row: pd.Series) -> str:
    if row["baseline"] == 0:
        return NO_PERCENT
    if pd.isna(row["p_holm"]):
        return UNTESTED
    if row["p_holm"] >= ALPHA:
        return OPEN
    return BETTER if row["improvement"] > 0 else WORSE


def _detectable(row: pd.Series) -> float:
    """The least difference, in percent, that the strictest step of Holm's correction finds with 80 % power."""
    return float("nan") if pd.isna(row["se"]) else least_detectable(row["se"], row["splits"] - 1, row["tests"])


def _shown(numbers: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "data": numbers["data"],
            "model": [with_recipe(a, b) for a, b in zip(numbers["model"], numbers["recipe"], strict=True)],
            "cell": numbers["cell"],
            "verdict": numbers["verdict"],
            SCORES["macro_f1"]: [_estimate(row, "") for _, row in numbers.iterrows()],
            SCORES["accuracy"]: [_estimate(row, "_accuracy") for _, row in numbers.iterrows()],
            "n": numbers["n"].astype(str),
            "would have told, %": [number(value, 1) for value in numbers["detectable"]],
        }
    )


def _estimate(row: pd.Series, suffix: str) -> str:
    return estimate(row[f"improvement{suffix}"], row[f"low{suffix}"], row[f"high{suffix}"])
