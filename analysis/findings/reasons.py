"""Why a result may differ from the paper's, as far as the runs and the data sets say it."""

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.claims.rules import IN_SIGN, NOT_REPRODUCED
from analysis.published.cell_paper import LSTM_CS
from analysis.study.recipes import BEST

OTHER_DATA: Mapping[str, str] = {
    "robo": "ROBO here is a stand-in",
    "hasoc": "HASOC's documents here are others",
    "ag": "AG here is half of its training file, not reduced as in the paper",
}
"""Where the data differ so much from the paper's that it may matter; docs/beside_the_papers.md has all differences."""

OFTEN = 0.05
"""The share of fits that did not learn from which on they are a reason."""

OTHER_RECIPE = "`recipe=best` is [not the paper's](beside_the_papers.md#the-recipe): padding, epochs, tested epoch"


def of_texts(
    row: Mapping[str, object], best_of_many: pd.DataFrame, not_learned: pd.DataFrame | None = None, encoder: str = ""
) -> str:
    """The reasons for one row of `verdicts.verdicts`; of a claim that is reproduced, the encoder at most.

    Args:
        row: of it, with the column metric.
        best_of_many: from `best_of_many.best_of_many`.
        not_learned: from `not_learned.not_learned`.
        encoder: from `encoders.encoders`.
    """
    named = [f"BERT here: {encoder}"] if encoder and "BERT" in str(row["claim"]) else []
    if row["verdict"] not in (IN_SIGN, NOT_REPRODUCED):
        return "; ".join(filter(None, [str(row["because"]), *named]))
    found = [*_chance(row, best_of_many), *_fits(row, not_learned), *_recipe(row), *_data(str(row["data"])), *named]
    return "; ".join(found)


def _fits(row: Mapping[str, object], not_learned: pd.DataFrame | None) -> Iterator[str]:
    """How many fits of the cells that the claim names did not learn, on its data sets."""
    if not_learned is None:
        return
    words = re.findall(r"\w+", str(row["claim"]))
    rows = not_learned[not_learned["cell"].isin(words) & (not_learned["recipe"] == row["recipe"])]
    rows = rows[rows["none"] >= OFTEN * rows["fits"]]
    for found in rows[rows["data"].isin(str(row["data"]).split(", "))].to_dict("records"):
        yield f"{found['none']} of {found['fits']} fits of {found['cell']} did not learn (macro-F1 0)"


def _recipe(row: Mapping[str, object]) -> Iterator[str]:
    if row["recipe"] == BEST:
        yield OTHER_RECIPE


def _chance(row: Mapping[str, object], best: pd.DataFrame) -> Iterator[str]:
    """Whether the claimed number is within what the best of as many placebos reaches."""
    claimed = float(str(row["claimed"]))
    rows = best[(best["model"] == LSTM_CS) & (best["recipe"] == row["recipe"]) & (best["data"] == row["data"])]
    rows = rows[rows["metric"] == row["metric"]]
    for high in rows["paper_high"]:
        if 0 < claimed <= high:
            yield f"the best of 17 placebos reaches {high:+.2f} % by chance"


def _data(names: str) -> Iterator[str]:
    yield from (OTHER_DATA[name] for name in names.split(", ") if name in OTHER_DATA)


def of_market(row: Mapping[str, object]) -> str:
    """The reasons for one row of `market_verdicts.market_verdicts`; empty for a claim that is reproduced."""
    if row["verdict"] == NOT_REPRODUCED and not row["because"]:
        return "both intervals lie on the other side of 0"
    return str(row["because"])
