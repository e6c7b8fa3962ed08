"""The study in a paragraph: what was run, whether it is complete, how many claims are reproduced."""

from collections.abc import Iterator

import pandas as pd

from analysis.claims.rules import VERDICTS
from analysis.study.results import UNFINISHED
from analysis.tables.formatting import count_range
from analysis.tables.missing_runs import NOT_RUN
from analysis.tables.series_table import series_name
from analysis.tables.table import Table
from conf.compose import PLACEBO
from datamodules.counts import count


def about_texts(results: pd.DataFrame, groups: pd.DataFrame) -> str:
    """A sentence about the runs on texts.

    Args:
        results: from `text_results.read`.
        groups: from `design.design_of`.
    """
    data, models = (_listed(results[key]) for key in ("data", "model"))
    altered = len(set(results["cell"]) - {"baseline", PLACEBO})
    counts = f"{count(altered, 'altered cell')} and the baseline" if altered else "the baseline only"
    if PLACEBO in set(results["cell"]):
        counts += f", and the {PLACEBO}"
    return (
        f"{count(len(results), 'finished fit')} on {count(results['data'].nunique(), 'text data set')} ({data}) with "
        f"{count(results['model'].nunique(), 'model')} ({models}): {counts}; seeds {count_range(groups['seeds'])}, "
        f"folds {count_range(groups['folds'])} of {count_range(groups['n_folds'])}; {_hours(results)}."
    )


def about_the_market(results: pd.DataFrame) -> str:
    """A sentence about the runs on the market.

    Args:
        results: from `market_results.scored`.
    """
    models, windows = (_listed(results[key]) for key in ("model", "window"))
    return (
        f"{count(len(results), 'finished fit')} on the Bitcoin market: "
        f"{count(results['features'].nunique(), 'feature set')}, models {models}, windows of {windows} days, "
        f"{count(results['seed'].nunique(), 'seed')}; {_hours(results)}."
    )


def about_series(results: pd.DataFrame) -> Iterator[str]:
    """A sentence about the runs on each series of the user's own.

    Args:
        results: from `market_results.scored`, of such runs alone.
    """
    for (features, target), own in results.groupby(["features", "target"], sort=False):
        name = series_name(str(features), str(target))
        yield (
            f"{count(len(own), 'finished fit')} on the series {name}: models {_listed(own['model'])}, "
            f"cells {_listed(own['cell'])}, windows of {_listed(own['window'])} steps, "
            f"{count(own['seed'].nunique(), 'seed')}, {count(own['fold'].nunique(), 'fold')}; {_hours(own)}."
        )


def completeness(missing: Table) -> str:
    """A sentence about the missing runs.

    Args:
        missing: from `missing_runs.missing_runs`.
    """
    errors = missing.numbers["error"].where(missing.numbers["error"].isin([UNFINISHED, NOT_RUN]), "failed")
    if errors.empty:
        return "The design is complete: no run is missing and none failed."
    listed = ", ".join(f"{number} {what}" for what, number in errors.value_counts().items())
    return f"The design is not complete: {listed}. Comparisons leave out these runs and their partners."


def claims(verdicts: pd.DataFrame) -> Iterator[str]:
    """A sentence on how many of the cell paper's claims hold, for each recipe of LSTM-CS.

    Args:
        verdicts: from `verdicts.verdicts`.
    """
    for recipe, rows in verdicts.groupby("recipe", sort=False):
        counts = rows["verdict"].value_counts()
        listed = ", ".join(f"{counts.get(name, 0)} {name}" for name in VERDICTS)
        which = f" with {recipe!s}" if recipe else ""
        yield f"Of {len(rows)} claims of the cell paper{which}: {listed}."


def market_claims(table: Table) -> str:
    """A sentence on how many of the Bitcoin paper's claims hold.

    Args:
        table: from `market_verdicts_table.verdicts_table`.
    """
    counts = table.numbers["verdict"].value_counts()
    listed = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if name in counts)
    return f"{table.title}, each in RMSE and in MAE: of {len(table.numbers)} verdicts {listed}."


def _listed(column: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(column.unique()))


def _hours(results: pd.DataFrame) -> str:
    return f"{results['seconds'].sum() / 3600:.1f} hours of training in all"
