"""A verdict on each of the Bitcoin paper's claims: its sign has to be sure over seeds and over days."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.claims.market_claims import BestClaim, Claim, ContrastClaim, LevelClaim, Weights, claims
from analysis.claims.rules import NOT_DECIDABLE, NOT_REPRODUCED, REPRODUCED, verdict_on_bound
from analysis.published import bitcoin_paper
from analysis.statistics.contrasts import METRICS, Contrasts, Spread
from analysis.statistics.power import Effect, runs_needed
from analysis.statistics.significance import ALPHA, holm

ROUNDED = 0.005
"""The paper prints two decimals: a number x stands for x - ROUNDED to x + ROUNDED."""

KINDS = ("seeds", "days")


def market_verdicts(contrasts: Contrasts) -> pd.DataFrame:
    """A row for each claim and each error that it is about.

    Args:
        contrasts: of runs with the paper's protocol, validated on the same days.

    Returns:
        Columns where, claim, metric; printed: what the paper's tables give for the same; mean, sd, n, low, high, p,
        days_low, days_high: as in `Spread`, NaN for a claim about the best of several; verdict; needed: the seeds that
        would decide, as far as seeds go; because: why it is not decidable, or what decided.
    """
    return pd.DataFrame([row for claim in claims() for row in judge(claim, contrasts)])


def judge(claim: Claim, contrasts: Contrasts) -> Iterator[dict[str, object]]:
    """The rows of one claim: one for each error, or for the one it names."""
    for metric in [claim.metric] if isinstance(claim, LevelClaim) else METRICS:
        row: dict[str, object] = {"where": claim.where, "claim": claim.text, "metric": metric}
        if isinstance(claim, BestClaim):
            yield row | _best(claim, contrasts, metric)
        else:
            yield row | _one(claim, contrasts, metric)


def printed(weights: Weights, metric: str) -> float:
    """The value of a contrast in the paper's tables, from their rounded validation errors."""
    paper = bitcoin_paper.errors().set_index(["window", "features", "model"])[f"val_{metric}"]
    return float(sum(weight * paper[field] for field, weight in weights.items()))


def _one(claim: ContrastClaim | LevelClaim, contrasts: Contrasts, metric: str) -> dict[str, object]:
    row = {"printed": printed(claim.weights, metric), **_nothing()}
    if why := contrasts.why_not(claim.weights):
        return row | {"because": why}
    spread = contrasts.spread(claim.weights, metric)
    row |= spread._asdict()
    if isinstance(claim, LevelClaim):
        return row | _level(spread, claim.number)
    found = {kind: _side(spread, kind, claim.bound) for kind in KINDS}
    if len(set(found.values())) == 1 and NOT_DECIDABLE not in found.values():
        return row | {"verdict": found["seeds"]}
    return row | _open(spread, [kind for kind in KINDS if found[kind] == NOT_DECIDABLE])


def _ends(spread: Spread, kind: str) -> tuple[float, float]:
    return (spread.low, spread.high) if kind == "seeds" else (spread.days_low, spread.days_high)


def _side(spread: Spread, kind: str, bound: str) -> str:
    """The verdict of one of the two intervals on "it is below 0", or above."""
    low, high = _ends(spread, kind)
    if bound == "above":
        low, high = -high, -low
    return verdict_on_bound(Effect(spread.mean, low, high, [spread.sd], [0.0]), 0.0)


def _open(spread: Spread, kinds: list[str]) -> dict[str, object]:
    """Columns needed and because of a contrast of which one interval holds 0, or of which the two disagree."""
    if not kinds:
        return {"because": "the intervals over seeds and over days lie on different sides of 0"}
    lacking = [kind for kind in kinds if not np.isfinite(_ends(spread, kind)).all()]
    if lacking:
        return {"because": f"too few {' and '.join(lacking)} for an interval"}
    needed = None
    if "seeds" in kinds:  # seeds are drawn anew, so that their number lowers the standard error without a floor
        needed = runs_needed(Effect(spread.mean, spread.low, spread.high, [spread.sd], [0.0]), spread.mean)
    promised = f"; {needed} seeds would decide, as far as seeds go" if needed else ""
    also = f"the interval over {' and the one over '.join(kinds)} holds 0"
    return {"needed": np.nan if needed is None else needed, "because": f"{also}{promised}"}


def _level(spread: Spread, number: float) -> dict[str, object]:
    """Reproduced if both intervals reach into what the printed number stands for, not reproduced if neither does."""
    ends = [_ends(spread, kind) for kind in KINDS]
    if not np.isfinite(ends).all():
        return {"because": "too few seeds or days for an interval"}
    reach = [low <= number + ROUNDED and high >= number - ROUNDED for low, high in ends]
    if all(reach):
        return {"verdict": REPRODUCED}
    if any(reach):
        return {"because": "only one of the two intervals holds the number"}
    return {"verdict": NOT_REPRODUCED, "because": "ours is smaller" if spread.mean < number else "ours is larger"}


def _best(claim: BestClaim, contrasts: Contrasts, metric: str) -> dict[str, object]:
    """Reproduced if each other set is surely worse; not reproduced if one is surely better, by Holm's method."""
    row = {"printed": np.nan, **_nothing()}
    for other in claim.others:
        if why := contrasts.why_not({other: 1.0, claim.best: -1.0}):
            return row | {"because": why}
    spreads = [contrasts.spread({other: 1.0, claim.best: -1.0}, metric) for other in claim.others]
    table = pd.DataFrame(spreads).assign(features=[other.features for other in claim.others], claim=0)
    table = table.assign(p_holm=holm(table, ["claim"]))
    row["n"] = int(table["n"].min())
    if not np.isfinite(table[["low", "days_low"]]).all(axis=None):
        return row | {"because": "too few seeds or days for an interval"}
    if ((table["low"] > 0) & (table["days_low"] > 0)).all():
        return row | {"verdict": REPRODUCED}
    better = table[(table["mean"] < 0) & (table["p_holm"] < ALPHA) & (table["days_high"] < 0)]
    if len(better):
        return row | {"verdict": NOT_REPRODUCED, "because": f"{', '.join(better['features'])} better"}
    lowest = table.iloc[int(table["mean"].argmin())]
    ahead = f"{lowest['features']} has the lowest error here, not surely" if lowest["mean"] < 0 else "not surely"
    return row | {"because": ahead}


def _nothing() -> dict[str, object]:
    """The columns of a claim about which no runs tell anything."""
    empty = dict.fromkeys(("mean", "sd", "low", "high", "p", "days_low", "days_high", "needed"), np.nan)
    return {"n": 0, **empty, "verdict": NOT_DECIDABLE, "because": ""}
