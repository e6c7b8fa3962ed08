"""The table of `tune=`: each cell with the given settings and with its best ones, and the trials behind these."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.statistics.improvements import improvements
from analysis.statistics.significance import ALPHA
from analysis.statistics.tuning import Comparison, comparisons, expected_best, gains
from analysis.study import text_results
from analysis.study.text_results import in_cell_order
from analysis.study.trials import read_trials
from analysis.tables.formatting import estimate, file_name, number
from analysis.tables.table import Table, plain_text
from cells.errors import UserError
from training.run.folder.record import SEARCHED
from training.studies.search_space import AT_RANDOM
from training.studies.trial_table import SCORE, TRIAL

DRAWS = (1, 5, 10)
"""How many random trials the expected best is given for."""

NOTES = (
    "Given, tuned: mean test macro-F1 in percent over the same seeds and folds. Differences are relative, in percent, "
    "[95 % interval] by the corrected t-test; over the baseline: * p < 5 % after Holm's correction over the "
    "alterations. The tuned baseline is what tuned alterations are compared with.",
    "The best settings have the highest mean validation macro-F1 of all trials, on folds none of which is tested here "
    "and none of whose validation parts is.",
    f"Trials: the lowest, the median and the highest validation macro-F1. Expected best of n: of n of the {AT_RANDOM} "
    "random trials (Dodge et al. 2019); trials after them are chosen by those before, so they are left out.",
)


def tuned_tables(results: pd.DataFrame, trials: pd.DataFrame) -> Iterator[Table]:
    """A table for each data set and model that was tuned.

    Args:
        results: from `text_results.read`.
        trials: from `trials.read_trials`.
    """
    for comparison in comparisons(results, trials):
        numbers = _numbers(comparison)
        yield Table(
            file_name("tuned", comparison.data, comparison.model, comparison.tuned),
            f"Not in the paper: {comparison.data}, {comparison.model}, tuned by {comparison.tuned}",
            numbers,
            _shown(numbers),
            [*NOTES, _verdict(numbers)],
        )


def as_text(runs: Path) -> str:
    """The tables for the terminal.

    Raises:
        UserError: there are no runs on texts, or none was tuned.
    """
    tables = list(tuned_tables(text_results.read_comparable(runs), read_trials(runs)))
    if not tables:
        raise UserError(f"{runs} holds no tuned run: python train.py tune=20 data=robo cell=baseline,C1 trains some.")
    return "\n\n".join(map(plain_text, tables))


def _numbers(comparison: Comparison) -> pd.DataFrame:
    """A row for each cell."""
    gained = gains(comparison).set_index("cell")
    table = pd.DataFrame({"n": gained["n"], "given": 100 * gained["baseline"], "tuned": 100 * gained["score"]})
    table = table.join(gained[["improvement", "low", "high"]])
    for name, runs in (("given", comparison.fixed_runs), ("tuned", comparison.tuned_runs)):
        over = improvements(runs)
        over = over[over["metric"] == SCORE].set_index("cell")[["improvement", "low", "high", "p_holm"]]
        table = table.join(over.add_prefix(f"{name}_over_"))
    tried = {cell: _of_trials(rows) for cell, rows in comparison.trials.groupby("cell")}
    return in_cell_order(table.join(pd.DataFrame.from_dict(tried, orient="index")).rename_axis("cell").reset_index())


def _of_trials(rows: pd.DataFrame) -> dict[str, object]:
    scores = 100 * rows[SCORE]
    at_random = scores[rows[TRIAL].between(1, AT_RANDOM)]
    best = rows.iloc[int(scores.to_numpy().argmax())]
    return {
        **{key: best[key] for key in SEARCHED if key in rows},
        "best_trial": best[TRIAL],
        "trials": len(rows),
        **{"lowest": scores.min(), "median": scores.median(), "highest": scores.max()},
        **{f"best_of_{draws}": expected_best(at_random, draws) for draws in DRAWS if draws <= len(at_random)},
    }


def _shown(numbers: pd.DataFrame) -> pd.DataFrame:
    expected = [f"best_of_{draws}" for draws in DRAWS if f"best_of_{draws}" in numbers]
    columns = {
        "cell": numbers["cell"],
        "n": [number(value, 0) for value in numbers["n"]],
        "given": [number(value, 2) for value in numbers["given"]],
        "tuned": [number(value, 2) for value in numbers["tuned"]],
        "tuning brings": [_estimate(row, "") for _, row in numbers.iterrows()],
        "over the baseline, given": [_over(row, "given") for _, row in numbers.iterrows()],
        "over the baseline, tuned": [_over(row, "tuned") for _, row in numbers.iterrows()],
        "best settings": [_settings(row) for _, row in numbers.iterrows()],
        "trials": [_range(row) for _, row in numbers.iterrows()],
    }
    if expected:
        title = "expected best of " + ", ".join(name.removeprefix("best_of_") for name in expected)
        columns[title] = [" / ".join(number(row[name], 1) for name in expected) for _, row in numbers.iterrows()]
    return pd.DataFrame(columns)


def _estimate(row: pd.Series, prefix: str) -> str:
    return estimate(row[f"{prefix}improvement"], row[f"{prefix}low"], row[f"{prefix}high"])


def _over(row: pd.Series, which: str) -> str:
    if row["cell"] == "baseline":
        return "-"
    return _estimate(row, f"{which}_over_") + (" *" if row[f"{which}_over_p_holm"] < ALPHA else "")


def _settings(row: pd.Series) -> str:
    known = {key.removeprefix("model."): row[key] for key in SEARCHED if key in row and pd.notna(row[key])}
    return f"{row['best_trial']:.0f}: " + " ".join(f"{key}={value:g}" for key, value in known.items())


def _range(row: pd.Series) -> str:
    return f"{row['trials']:.0f}: {row['lowest']:.1f} / {row['median']:.1f} / {row['highest']:.1f}"


def _verdict(numbers: pd.DataFrame) -> str:
    """A sentence on what tuning changes in what may be said about the alterations."""
    given, tuned = (_differing(numbers, which) for which in ("given", "tuned"))
    same = "Tuning changes no verdict" if given == tuned else "Tuning changes the verdict"
    return f"{same}: with the given settings, {_listed(given)}; tuned, {_listed(tuned)}."


def _differing(numbers: pd.DataFrame, which: str) -> dict[str, str]:
    """The alterations that are significantly better or worse than the baseline."""
    sure = numbers[numbers[f"{which}_over_p_holm"] < ALPHA]
    signs = zip(sure["cell"], sure[f"{which}_over_improvement"], strict=True)
    return {str(cell): "better" if value > 0 else "worse" for cell, value in signs}


def _listed(found: dict[str, str]) -> str:
    if not found:
        return "no alteration differs from the baseline significantly"
    return ", ".join(f"{cell} is {which} than the baseline" for cell, which in found.items())
