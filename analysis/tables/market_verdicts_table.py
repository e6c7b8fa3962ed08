"""The table of the Bitcoin paper's claims."""

import pandas as pd

from analysis.claims.market_verdicts import market_verdicts
from analysis.published.bitcoin_paper import CONTRADICTIONS
from analysis.statistics.contrasts import Contrasts
from analysis.tables.formatting import number
from analysis.tables.market_differences import interval
from analysis.tables.table import Table

NAME = "bitcoin_verdicts"

HOW_JUDGED = (
    "Ours: mean over seeds [95 % interval over seeds] [95 % interval over days, block bootstrap], in scaled units; "
    "paper: the same from its rounded numbers.",
    "Smaller or larger: reproduced if both intervals lie on the claimed side of 0, not reproduced if both lie on the "
    "other, else not decidable. A number: reproduced if both intervals reach it, not reproduced if neither does. The "
    "best set: reproduced if every other is surely worse, not reproduced if one is surely better (Holm's correction).",
    "Each verdict stands by itself: some of so many are decided by chance. The intervals say nothing about other years,"
    " since all days are those of one split.",
)


def verdicts_table(contrasts: Contrasts, about: str, name: str) -> Table:
    """A row for each claim and error.

    Args:
        contrasts: errors of the fields that share their days.
        about: what the runs share, for the title.
        name: of the files.
    """
    numbers = market_verdicts(contrasts)
    reasons = numbers["because"].map(lambda why: f": {why}" if why else "")
    shown = pd.DataFrame(
        {
            "claim": numbers["claim"] + " (" + numbers["where"] + ")",
            "verdict": numbers["verdict"] + reasons,
            "error": numbers["metric"].str.upper(),
            "ours": numbers.apply(_ours, axis=1),
            "paper": [number(value, 3, sign=True) for value in numbers["printed"]],
            "seeds": numbers["n"].astype(str),
        }
    )
    contradictions = [f"The paper contradicts itself ({where}): {text}" for where, text in CONTRADICTIONS]
    return Table(name, f"The Bitcoin paper's claims, {about}", numbers, shown, [*HOW_JUDGED, *contradictions])


def _ours(row: pd.Series) -> str:
    ends = interval(row["low"], row["high"], True) + interval(row["days_low"], row["days_high"], True)
    return number(row["mean"], 4, sign=True) + ends
