"""Does a sentiment series know the price? The question is asked of every series before it is used."""

from typing import NamedTuple

import numpy as np
import pandas as pd

ENOUGH_DAYS = 60
SAME_SIGN = 0.75  # share of days; chance gives about 0.55 +- 0.06 on 60 days
CORRELATION = 0.5  # real series stay below 0.2, the sign of the price's own change reaches 0.65


class Audit(NamedTuple):
    """A daily series s_t against the log-return r_t = log(P_t / P_(t-1)) of Bitcoin's daily close.

    Attributes:
        days: t with s_t, r_t and r_(t+1).
        same_day, next_day: Pearson's correlation of s_t with r_t and with r_(t+1).
        same_sign, next_sign: share of days on which s_t has the sign of r_t, and of r_(t+1); a series that never
            changes its sign is taken from its mean, and days on which it is 0 are left out.
    """

    days: int
    same_day: float
    next_day: float
    same_sign: float
    next_sign: float

    @property
    def looks_like_the_price(self) -> bool:
        """Whether the series all but repeats (or reverses) the price's own changes."""
        signs = max(abs(share - 0.5) for share in (self.same_sign, self.next_sign))
        correlation = max(abs(self.same_day), abs(self.next_day))
        return self.days >= ENOUGH_DAYS and (signs >= SAME_SIGN - 0.5 or correlation >= CORRELATION)

    def sentence(self, name: str) -> str:
        """What was found, in plain words."""
        if self.days < ENOUGH_DAYS:
            return f"Sentiment {name}: {self.days} days with prices are too few to tell whether it leaks them."
        found = (
            f"over {self.days:,} days, a correlation of {self.same_day:+.2f} with the same day's return and "
            f"{self.next_day:+.2f} with the next day's; the sign of the same day's change on "
            f"{self.same_sign:.0%} of them, of the next day's on {self.next_sign:.0%}"
        )
        if self.looks_like_the_price:
            return (
                f"WARNING: sentiment {name} looks like the price itself: {found}. It was probably made from "
                "prices, and tells tomorrow's price if it slips by one day."
            )
        return f"Sentiment {name} does not look like the price: {found}."


def audit(series: pd.Series, close: pd.Series) -> Audit:
    """Compare a series with Bitcoin's changes, on calendar days: before the days of other markets thin it out.

    Args:
        series: by day.
        close: Bitcoin's close by day, without gaps.
    """
    change = np.log(close).diff()
    table = pd.DataFrame({"s": series, "same": change, "next": change.shift(-1)}).dropna()
    s = table["s"]
    side = s if s.min() < 0 < s.max() else s - s.mean()
    return Audit(
        len(table),
        _correlation(s, table["same"]),
        _correlation(s, table["next"]),
        _same_sign(side, table["same"]),
        _same_sign(side, table["next"]),
    )


def _correlation(s: pd.Series, change: pd.Series) -> float:
    return float(s.corr(change)) if s.nunique() > 1 and change.nunique() > 1 else 0.0


def _same_sign(side: pd.Series, change: pd.Series) -> float:
    """Share of the days on which `side` takes a side at all; half, which says nothing, if it never does."""
    taken = side != 0
    return float((np.sign(side) == np.sign(change))[taken].mean()) if taken.any() else 0.5
