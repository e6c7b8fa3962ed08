"""The study in a paragraph: what was run, whether it is complete, what becomes of the claims."""

from collections.abc import Iterator

import pandas as pd

from analysis.missing import NOT_RUN
from analysis.results import UNFINISHED
from analysis.table import Table, span
from analysis.verdict import VERDICTS


def of_texts(results: pd.DataFrame, groups: pd.DataFrame) -> str:
    """What was run on texts.

    Args:
        results: of `design.study`.
        groups: of `design.check`.
    """
    data, models = (_listed(results[key]) for key in ("data", "model"))
    altered = results.loc[results["cell"] != "baseline", "cell"].nunique()
    counts = f"{_count(altered, 'altered cell')} and the baseline" if altered else "the baseline only"
    return (
        f"{_count(len(results), 'finished fit')} on {_count(results['data'].nunique(), 'text data set')} ({data}) with "
        f"{_count(results['model'].nunique(), 'model')} ({models}): {counts}; seeds {span(groups['seeds'])}, "
        f"folds {span(groups['folds'])} of {span(groups['n_folds'])}; {_hours(results)}."
    )


def of_the_market(results: pd.DataFrame) -> str:
    """What was run on the market.

    Args:
        results: of `bitcoin.scored`.
    """
    models, windows = (_listed(results[key]) for key in ("model", "window"))
    return (
        f"{_count(len(results), 'finished fit')} on the Bitcoin market: "
        f"{_count(results['features'].nunique(), 'feature set')}, models {models}, windows of {windows} days, "
        f"{_count(results['seed'].nunique(), 'seed')}; {_hours(results)}."
    )


def completeness(missing: Table) -> str:
    """What is not there.

    Args:
        missing: the table of that name of `tables.every`.
    """
    errors = missing.numbers["error"].where(missing.numbers["error"].isin([UNFINISHED, NOT_RUN]), "failed")
    if errors.empty:
        return "The design is complete: no run is missing and none failed."
    listed = ", ".join(f"{count} {what}" for what, count in errors.value_counts().items())
    return f"The design is not complete: {listed}. Comparisons leave out these runs and their partners."


def claims(verdicts: pd.DataFrame) -> Iterator[str]:
    """How many of the cell paper's claims hold, for each recipe of LSTM-CS.

    Args:
        verdicts: of `claims.verdicts`.
    """
    for recipe, rows in verdicts.groupby("recipe", sort=False):
        counts = rows["verdict"].value_counts()
        listed = ", ".join(f"{counts.get(name, 0)} {name}" for name in VERDICTS)
        which = f" with {recipe!s}" if recipe else ""
        yield f"Of {len(rows)} claims of the cell paper{which}: {listed}."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(column: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(column.unique()))


def _hours(results: pd.DataFrame) -> str:
    return f"{results['seconds'].sum() / 3600:.1f} hours of training in all"
