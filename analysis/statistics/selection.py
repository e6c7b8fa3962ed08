"""The best alterations of one's own runs: chosen as in section 4 of the cell paper, and by an unbiased choice."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.published.cell_paper import PRINTED_SCORES, alterations
from analysis.statistics.improvements import paired_scores
from conf.kinds import BY_SEED, validation_part

TOPS = {"top current": "C", "top hidden": "H"}
"""The rows for the best alteration of each state, and the first letter of those that can be it."""

BEST = 3
"""How many alterations of each state the paper prints."""


def with_best_three(numbers: pd.DataFrame) -> pd.DataFrame:
    """Rows of one table with two more columns, by which the paper chooses what Tables 3-9 print.

    Args:
        numbers: a row for each cell, with a column for the improvement in each printed score.

    Returns:
        combined, the mean of the four improvements, NaN for the baseline; and best, 1 to 3 for the three alterations of
        each state in which it is highest, else NaN. Chosen on test scores, the best look better than they are.
    """
    improved = numbers[PRINTED_SCORES].mean(axis=1, skipna=False).where(numbers["cell"] != "baseline")
    rank = pd.Series(np.nan, index=numbers.index)
    for state in TOPS.values():
        rank = rank.fillna(improved[numbers["cell"].isin(alterations(state))].rank(ascending=False, method="first"))
    return numbers.assign(combined=improved, best=rank.where(rank <= BEST))


def top_rows(results: pd.DataFrame, validation: pd.DataFrame, leave_out: tuple[str, ...] = ()) -> pd.DataFrame:
    """Test rows of the best alteration of each state by validation scores: the cells "top current" and "top hidden".

    As in the paper, one alteration stands for all data sets: the one whose combined improvement, averaged over them, is
    highest. But the paper chooses by the test scores that it then reports. Here the choice is made anew for each seed
    and fold, from validation scores only, and without the fold whose validation part is the test part in question; so
    that no document on which the choice rests is among those on which it is scored. Where all seeds share a partition
    the choice rests on all of them, else on the same seed, since the documents of other seeds are split otherwise.

    Args:
        results: from `text_results.read`.
        validation: from `text_results.read` with the part "val".
        leave_out: data sets that do not count in the choice, unless there is no other.

    Returns:
        Rows as in `results`, and a column more: `chosen`, the alteration. None for a state of which fewer than two
        alterations were run, and none where the chosen one has no result.
    """
    rows = [results.iloc[:0].assign(chosen="")]
    combined = _combined(validation)
    for (model, recipe, partition), scores in combined.groupby(["model", "recipe", "partition"], sort=False):
        others = scores[~scores["data"].isin(leave_out)]
        chosen = _chosen(others if len(others) else scores, partition == BY_SEED)
        same = (results["model"] == model) & (results["recipe"] == recipe) & (results["partition"] == partition)
        found = chosen.merge(results[same].rename(columns={"cell": "chosen"}), on=["seed", "fold", "chosen"])
        rows.append(found)
    return pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)


def times_chosen(top: pd.DataFrame) -> Iterator[str]:
    """A sentence for each row "top current" and "top hidden" that says which alterations it is, and how often.

    Args:
        top: from `top_rows`, of one model and recipe.
    """
    for cell, rows in top.drop_duplicates(["cell", "seed", "fold"]).groupby("cell", sort=False):
        counts = rows["chosen"].value_counts()
        listed = ", ".join(f"{name} in {count}" for name, count in counts.items())
        yield (
            f"{cell}: for each seed and fold the alteration with the highest combined improvement in validation "
            f"scores, on documents other than those it is tested on; of {len(rows)} choices {listed}."
        )


def _combined(validation: pd.DataFrame) -> pd.DataFrame:
    """The mean of the four improvements of each pair of runs; pairs that lack one are left out."""
    pairs = paired_scores(validation)
    pairs = pairs[pairs["metric"].isin(PRINTED_SCORES) & pairs["cell"].isin(alterations())]
    keys = ["model", "recipe", "partition", "n_folds", "data", "seed", "fold", "cell"]
    means = pairs.groupby(keys, sort=False)["improvement"].agg(["mean", "count"]).reset_index()
    return means[means["count"] == len(PRINTED_SCORES)].rename(columns={"mean": "combined"})


def _chosen(scores: pd.DataFrame, by_seed: bool) -> pd.DataFrame:
    """Columns cell ("top current", ...), seed, fold, chosen.

    Args:
        scores: from `_combined`, of one model, recipe and partition.
        by_seed: whether each seed has its own partition.
    """
    wide = scores.pivot_table("combined", ["data", "seed", "fold"], "cell")
    data, seed, fold = (wide.index.get_level_values(level).to_numpy() for level in range(3))
    validated_on = np.array([validation_part(int(k), int(scores["n_folds"].iloc[0])) for k in fold])
    found = []
    for top, state in TOPS.items():
        cells = [cell for cell in alterations(state) if cell in wide]
        values = wide[cells].to_numpy()
        for this_seed, this_fold in dict.fromkeys(zip(seed, fold, strict=True)) if len(cells) > 1 else ():
            rows = validated_on != this_fold
            rows &= (seed == this_seed) | (not by_seed)
            best = cells[int(np.argmax(_mean_over_sets(values[rows], data[rows])))]
            found.append({"cell": top, "seed": this_seed, "fold": this_fold, "chosen": best})
    return pd.DataFrame(found, columns=["cell", "seed", "fold", "chosen"])


def _mean_over_sets(values: NDArray[np.float64], data: NDArray[np.object_]) -> NDArray[np.float64]:
    """The mean over data sets of each column's mean, -inf for an alteration that lacks a run which others have."""
    means = np.mean([values[data == name].mean(0) for name in dict.fromkeys(data)], axis=0)
    return np.where(np.isnan(means), -np.inf, means)
