"""Verdicts on claims that count data sets, alterations or comparisons."""

import numpy as np
import pandas as pd

from analysis.claims.claims import ALTERATIONS, COMPARISONS, CountingClaim
from analysis.claims.rules import NOT_DECIDABLE, NOT_REPRODUCED, REPRODUCED
from analysis.published.cell_paper import LSTM_CS
from analysis.statistics.averages import averages
from analysis.statistics.power import FEWEST_SPLITS
from analysis.statistics.significance import ALPHA

NOTHING = dict.fromkeys(("improvement", "low", "high", "needed"), np.nan)


def judge_count(claim: CountingClaim, improved: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of one claim about a number, with the columns of `verdicts.judge`.

    An item is surely better if p is below 5% after Holm's correction, surely not if its interval does not reach above
    0, and else open. The claim is reproduced if the surely better items are enough, and not too many together with the
    open ones. It is not reproduced if even with the open ones they are too few, or if they alone are too many. Else it
    is not decidable. Where there are fewer than FEWEST_SPLITS splits, all is open.

    Args:
        claim: the claim to judge.
        improved: as in `verdicts.judge`.
    """
    about = improved[improved["metric"].isin(claim.metrics) & (improved["model"] == LSTM_CS)]
    about = about[about["cell"].isin(claim.subjects) & about["data"].isin(claim.sets)].dropna(subset="improvement")
    few = about["splits"] < FEWEST_SPLITS
    about = about.assign(**{name: about[name].mask(few) for name in ("se", "low", "high", "p", "p_holm")})
    row = {"where": claim.where, "claim": claim.text, "claimed": np.nan}
    if about.empty:
        return [{**row, "of": "", **nothing(f"no pairs of runs of {', '.join(claim.subjects)}")}]
    if claim.counted == COMPARISONS and about.groupby("cell")["of"].nunique().max() == 1:
        about = about.assign(of=", ".join(filter(None, dict.fromkeys(about["of"]))))  # one recipe of each model
    return [{**row, "of": of, **_counted(claim, rows)} for of, rows in about.groupby("of", sort=False)]


def nothing(because: str) -> dict[str, object]:
    """The columns of a claim about which no runs tell anything."""
    return {"sets": 0, "data": "", "n": 0, "alteration": "", **NOTHING, "verdict": NOT_DECIDABLE, "because": because}


def _counted(claim: CountingClaim, rows: pd.DataFrame) -> dict[str, object]:
    ways = {ALTERATIONS: _alterations, COMPARISONS: _comparisons}
    sure, possible = ways.get(claim.counted, _data_sets)(claim, rows)
    yes, no, every = int(sure.sum()), int((~possible).sum()), claim.every
    names = list(dict.fromkeys(rows["data"]))
    where = " on all these sets" if claim.counted == ALTERATIONS and len(claim.sets) > 1 else ""
    missing = f", {every - len(sure)} not run{where}" if len(sure) < every else ""
    counted = f"{yes} of {every} better, {no} not, {len(sure) - yes - no} open{missing}"
    row = nothing("") | {"sets": len(names), "data": ", ".join(names), "n": int(rows["n"].min()), "counted": counted}
    most = every if claim.most is None else claim.most
    if yes >= claim.least and every - no <= most:
        return row | {"verdict": REPRODUCED}
    if every - no < claim.least or yes > most:
        return row | {"verdict": NOT_REPRODUCED}
    return row | {"because": counted}


Counts = tuple["pd.Series[bool]", "pd.Series[bool]"]
"""For each item that is counted: whether it is surely better, and whether it may be."""


def _data_sets(claim: CountingClaim, rows: pd.DataFrame) -> Counts:
    sure, possible = _better(rows, ["data", "cell"])
    all_run = rows.groupby("data")["cell"].nunique() == len(claim.subjects)  # another one may yet be better
    return sure.groupby("data").any(), possible.groupby("data").any() | ~all_run


def _alterations(claim: CountingClaim, rows: pd.DataFrame) -> Counts:
    """The counts of the alterations that were run on all of the claim's data sets."""
    means = averages(rows)
    return _better(means[means["sets"] == len(claim.sets)], ["cell"])


def _comparisons(claim: CountingClaim, rows: pd.DataFrame) -> Counts:
    """The counts of the pairs of data set and metric for which all other models were run."""
    below = (rows["high"] < 0) & (rows["p_holm"] < ALPHA)
    rows = rows.assign(below=below, may_be=~(rows["low"] >= 0))
    groups = rows.groupby(["data", "metric"])
    complete = groups["cell"].nunique() == len(claim.subjects)
    return groups["below"].all()[complete], groups["may_be"].all()[complete]


def _better(rows: pd.DataFrame, what: list[str]) -> Counts:
    """Whether each item is surely, and whether it may be, better in all metrics that it has."""
    rows = rows.assign(sure=(rows["low"] > 0) & (rows["p_holm"] < ALPHA), may_be=~(rows["high"] <= 0))
    groups = rows.groupby(what)
    return groups["sure"].all(), groups["may_be"].all()
