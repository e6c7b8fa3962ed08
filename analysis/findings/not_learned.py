"""Fits whose net did not learn: it predicts no class of any document of the test part, so that macro-F1 is 0."""

from collections.abc import Iterator

import pandas as pd

from analysis.published.cell_paper import LSTM_CS, alterations
from datamodules.counts import count

COLUMNS = ["data", "recipe", "cell", "none", "fits"]


def not_learned(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each data set, recipe and cell of LSTM-CS with fits whose macro-F1 is exactly 0.

    Args:
        results: from `text_results.read`.

    Returns:
        COLUMNS; none: how many of the `fits` did not learn.
    """
    runs = results[results["model"] == LSTM_CS]
    runs = runs.assign(zero=runs["macro_f1"] == 0)
    found = runs.groupby(["data", "recipe", "cell"], sort=False)["zero"].agg(none="sum", fits="size").reset_index()
    return found.loc[found["none"] > 0, COLUMNS].reset_index(drop=True)


def sentences(rows: pd.DataFrame) -> Iterator[str]:
    """A sentence on the cells of the paper, and one on all others.

    Args:
        rows: from `not_learned`.
    """
    if rows.empty:
        return
    named = rows[rows["cell"].isin(["baseline", *alterations()])]
    others = rows.drop(named.index)
    parts = [
        f"{str(data).upper()}{f' (`recipe={recipe}`)' if recipe else ''}: "
        + ", ".join(f"{row['cell']} {row['none']} of {row['fits']}" for row in group.to_dict("records"))
        for (data, recipe), group in named.groupby(["data", "recipe"], sort=False)
    ]
    if len(others):
        parts.append(f"{count(len(others), 'other cell')} {others['none'].sum()} of {others['fits'].sum()}")
    yield f"Fits that did not learn, with a macro-F1 of exactly 0, which are compared all the same: {'; '.join(parts)}."
