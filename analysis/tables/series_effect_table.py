"""Does each altered cell help on a user's own series, in a word, with the interval that the word rests on?"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.statistics.error_changes import FOLD, error_changes
from analysis.statistics.significance import ALPHA
from analysis.study.results import configuration
from analysis.study.text_results import in_cell_order
from analysis.tables.effect_table import BETTER, OPEN, WORSE
from analysis.tables.formatting import estimate, number
from analysis.tables.series_table import SHARED
from analysis.tables.table import Table
from datamodules.counts import count

NAME = "series_effects"
TITLE = "Does it help? Each cell beside the baseline, on each series"

GROUP = [*SHARED, "model"]
"""The columns that the compared runs share."""

ONE_UNIT = "no test: one seed on one fold"
NO_ERROR = "no test: an error is 0"

NOTES = (
    "Changes of the error in percent of the baseline's, with 95 % intervals: below 0 is better. Better or worse: the "
    "RMSE differs with p < 5 % after Holm's correction over the cells of the same series and model.",
    "Unit fold: each fold's mean over its seeds is one value, and the interval is about other periods. Folds share "
    "training periods, so it is widened by the correction of Nadeau and Bengio (2003), which was made for "
    "cross-validation and is the nearest there is. Unit seed: on one fold the interval is about other initial weights "
    "on the same periods, and says nothing about other periods.",
    '"No difference shown" is no proof of equality: detectable is the least change that these runs would have told '
    "with 80 % power. More folds and seeds lower it.",
)


def series_effect_table(metrics: pd.DataFrame) -> Iterator[Table]:
    """One table, or none where no altered cell was run beside the baseline.

    Args:
        metrics: rows of metrics.csv of runs on own series, each with its run's folder.
    """
    scored = metrics.groupby("folder", sort=False).tail(1)
    scored = scored.assign(n_folds=[configuration(Path(folder))["n_folds"] for folder in scored["folder"]])
    changes = error_changes(scored, GROUP)
    if changes.empty:
        return
    changes["verdict"] = [_verdict(row) for _, row in changes.iterrows()]
    about = [*GROUP, "cell"]
    mae = changes.loc[changes["metric"] == "mae", [*about, "change", "low", "high", "p_holm"]]
    numbers = changes[changes["metric"] == "rmse"].drop(columns="metric").merge(mae, on=about, suffixes=("", "_mae"))
    numbers = in_cell_order(numbers).sort_values(GROUP, kind="stable", ignore_index=True)
    yield Table(NAME, TITLE, numbers, _shown(numbers), NOTES)


def _verdict(row: "pd.Series[float]") -> str:
    if pd.isna(row["p_holm"]):
        return ONE_UNIT if row["units"] < 2 else NO_ERROR
    if row["p_holm"] >= ALPHA:
        return OPEN
    return BETTER if row["change"] < 0 else WORSE


def _shown(numbers: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in (*SHARED, "model") if name == "features" or numbers[name].nunique() > 1 or name == "model"]
    return pd.DataFrame(
        {
            **{"series" if name == "features" else name: numbers[name].astype(str) for name in keys},
            "cell": numbers["cell"],
            "verdict": numbers["verdict"],
            "RMSE, %": [_estimate(row, "") for _, row in numbers.iterrows()],
            "p": [number(p, 3) for p in numbers["p_holm"]],
            "MAE, %": [_estimate(row, "_mae") for _, row in numbers.iterrows()],
            "unit": [_unit(row) for _, row in numbers.iterrows()],
            "detectable, %": [number(value, 1) for value in numbers["detectable"]],
        }
    )


def _estimate(row: "pd.Series[float]", suffix: str) -> str:
    return estimate(row[f"change{suffix}"], row[f"low{suffix}"], row[f"high{suffix}"], 1)


def _unit(row: "pd.Series[int]") -> str:
    """The unit, and how many of it there are: "fold: 4, of 3 seeds"."""
    of = f", of {count(row['seeds'], 'seed')}" if row["unit"] == FOLD else ""
    return f"{row['unit']}: {row['units']}{of}"
