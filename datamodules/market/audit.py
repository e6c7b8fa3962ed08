"""Does a sentiment series know the price? The question is asked of every series before it is used."""

from typing import NamedTuple

import numpy as np
import pandas as pd

ENOUGH_DAYS = 60
SAME_SIGN = 0.75  # share of days; chance gives about 0.55 +- 0.06 on 60 days
CORRELATION = 0.5  # real series stay below 0.3, the sign of the price's own change reaches 0.65

RETURNS = {-1: "the day before's", 0: "the same day's", 1: "the next day's", 2: "the day after tomorrow's"}
"""Days from a value to the return that it is compared with."""


class Likeness(NamedTuple):
    """A daily series s_t beside the return r_(t+k) of one of RETURNS, over the days that have both.

    Attributes:
        values: Pearson's correlation of s_t with it.
        changes: Spearman's rank correlation of s_t - s_(t-1) with it. The price grows a hundredfold: ranks make its
            changes in dollars and in percent the same.
        same_sign: share of days on which s_t has its sign; a series that never changes its sign is taken from its
            mean, and days on which it is 0 are left out.
    """

    values: float
    changes: float
    same_sign: float

    @property
    def suspicious(self) -> bool:
        """Whether the series all but repeats, or reverses, these returns."""
        correlation = max(abs(self.values), abs(self.changes))
        return correlation >= CORRELATION or abs(self.same_sign - 0.5) >= SAME_SIGN - 0.5

    def __str__(self) -> str:
        return (
            f"correlation {self.values:+.2f}, of its daily changes {self.changes:+.2f} by rank, "
            f"the same sign on {self.same_sign:.0%} of the days"
        )


class Audit(NamedTuple):
    """A daily series s_t against the log-return r_t = log(P_t / P_(t-1)) of Bitcoin's daily close P_t.

    Attributes:
        days: with s_t and r_t.
        level: Pearson's correlation of s_t with P_t. It proves nothing, since any two trends have one, and does not
            count; of a price its daily changes tell.
        beside: the returns of each of RETURNS.
    """

    days: int
    level: float
    beside: dict[int, Likeness]

    @property
    def looks_like_the_price(self) -> bool:
        """Whether the series all but repeats the price's own changes, up to a shift by a day or two."""
        return self.days >= ENOUGH_DAYS and any(found.suspicious for found in self.beside.values())

    def sentence(self, name: str) -> str:
        """What was found, and what was looked for, in plain words."""
        if self.days < ENOUGH_DAYS:
            return f"Sentiment {name}: {self.days} days with prices are too few to tell whether it leaks them."
        today, tomorrow = self.beside[0], self.beside[1]
        found = (
            f"over {self.days:,} days, a correlation of {today.values:+.2f} with the same day's return and "
            f"{tomorrow.values:+.2f} with the next day's; the sign of the same day's change on {today.same_sign:.0%} "
            f"of them, of the next day's on {tomorrow.same_sign:.0%}; {self.level:+.2f} with the price itself, as any "
            "two trends may have"
        )
        if self.looks_like_the_price:
            like = [f"{RETURNS[lag]} return ({each})" for lag, each in self.beside.items() if each.suspicious]
            return (
                f"WARNING: sentiment {name} looks like the price itself: {found}. It resembles {' and '.join(like)}: "
                "it was probably made from prices, and tells tomorrow's price, at once or if it slips by one day."
            )
        return (
            f"Sentiment {name} does not look like the price: {found}. Its values and its daily changes were compared "
            "with the returns from the day before to the day after tomorrow, and with nothing else."
        )


def audit(series: pd.Series, close: pd.Series) -> Audit:
    """Compare a series with Bitcoin's changes, on calendar days: before the days of other markets thin it out.

    Args:
        series: by day; a change is one from one day to the next, not over a gap.
        close: Bitcoin's close by day, without gaps.
    """
    returns = np.log(close).diff()
    values = series.reindex(close.index)
    both = values.notna() & returns.notna()
    return Audit(
        int(both.sum()),
        _correlation(values, close),
        {lag: _likeness(values, returns.shift(-lag)) for lag in RETURNS},
    )


def _likeness(values: pd.Series, returns: pd.Series) -> Likeness:
    return Likeness(
        _correlation(values, returns),
        _correlation(values.diff(), returns, by_rank=True),
        _same_sign(values, returns),
    )


def _correlation(one: pd.Series, other: pd.Series, by_rank: bool = False) -> float:
    """Over the days that have both; 0 where one of them never changes."""
    both = pd.DataFrame({"one": one, "other": other}).dropna()
    if (both.nunique() <= 1).any():
        return 0.0
    return float(both["one"].corr(both["other"], method="spearman" if by_rank else "pearson"))


def _same_sign(values: pd.Series, returns: pd.Series) -> float:
    """Share of the days on which the series takes a side at all; half, which says nothing, if it never does."""
    both = pd.DataFrame({"s": values, "r": returns}).dropna()
    side = both["s"] if both["s"].min() < 0 < both["s"].max() else both["s"] - both["s"].mean()
    taken = side != 0
    return float((np.sign(side) == np.sign(both["r"]))[taken].mean()) if taken.any() else 0.5
