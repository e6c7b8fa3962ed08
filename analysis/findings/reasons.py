"""Why a result may differ from the paper's, as far as the runs and the data sets say it."""

from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.claims.rules import IN_SIGN, NOT_REPRODUCED
from analysis.published.cell_paper import LSTM_CS

OTHER_DATA: Mapping[str, str] = {
    "robo": "ROBO here is a stand-in",
    "hasoc": "HASOC's documents here are others",
    "mlma": "MLMA has more documents here",
    "semeval": "SEMEVAL has more documents here",
    "crowd": "CROWD has more documents here",
    "hate": "HATE has more documents here",
    "ag": "AG here is half of its training file, not reduced as in the paper",
}
"""How the data differ from the paper's, which docs/beside_the_papers.md explains."""

MOST_SETS = 2
"""A claim over more data sets than this has one sentence for all of them."""


def of_texts(row: Mapping[str, object], best_of_many: pd.DataFrame) -> str:
    """The reasons for one row of `verdicts.verdicts`; empty for a claim that is reproduced.

    Args:
        row: of it, with the column metric.
        best_of_many: from `best_of_many.best_of_many`.
    """
    if row["verdict"] not in (IN_SIGN, NOT_REPRODUCED):
        return str(row["because"])
    return "; ".join([*_chance(row, best_of_many), *_data(str(row["data"]))])


def _chance(row: Mapping[str, object], best: pd.DataFrame) -> Iterator[str]:
    """Whether the claimed number is within what the best of as many placebos reaches."""
    claimed = float(str(row["claimed"]))
    rows = best[(best["model"] == LSTM_CS) & (best["recipe"] == row["recipe"]) & (best["data"] == row["data"])]
    rows = rows[rows["metric"] == row["metric"]]
    for high in rows["paper_high"]:
        if 0 < claimed <= high:
            yield f"the best of 17 placebos reaches {high:+.2f} % by chance"


def _data(names: str) -> Iterator[str]:
    sets = [name for name in names.split(", ") if name in OTHER_DATA]
    if len(sets) > MOST_SETS:
        yield "the documents of these sets are not the paper's"
        return
    yield from (OTHER_DATA[name] for name in sets)


def of_market(row: Mapping[str, object]) -> str:
    """The reasons for one row of `market_verdicts.market_verdicts`; empty for a claim that is reproduced."""
    if row["verdict"] == NOT_REPRODUCED and not row["because"]:
        return "both intervals lie on the other side of 0"
    return str(row["because"])
