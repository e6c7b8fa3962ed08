"""The leak audit: does a sentiment series know the price? Every series is audited before it is used."""

from typing import NamedTuple

import numpy as np
import pandas as pd

ENOUGH_DAYS = 60
SUSPICIOUS_SAME_SIGN = 0.75  # share of days; chance gives about 0.55 +- 0.06 on 60 days
SUSPICIOUS_CORRELATION = 0.5  # real series stay below 0.3, the sign of the price's own change reaches 0.65

RETURNS = {-1: "the day before's", 0: "the same day's", 1: "the next day's", 2: "the day after tomorrow's"}
"""Lag k, in days, from a value to the return that it is compared with."""


class Similarity(NamedTuple):
    """A daily series s_t compared with the return r_(t+k) of one lag k, over the days that have both.

    Attributes:
        correlation: Pearson's correlation of s_t with r_(t+k).
        change_correlation: Spearman's rank correlation of s_t - s_(t-1) with r_(t+k). The price grows a hundredfold;
            with ranks it does not matter whether a change is in dollars or in percent.
        same_sign: share of days on which s_t and r_(t+k) have the same sign. A series that never changes its sign is
            measured from its mean; days on which it is 0 are left out.
    """

    correlation: float
    change_correlation: float
    same_sign: float

    @property
    def suspicious(self) -> bool:
        """Whether the series nearly repeats, or reverses, these returns."""
        correlation = max(abs(self.correlation), abs(self.change_correlation))
        return correlation >= SUSPICIOUS_CORRELATION or abs(self.same_sign - 0.5) >= SUSPICIOUS_SAME_SIGN - 0.5

    def __str__(self) -> str:
        return (
            f"correlation {self.correlation:+.2f}, of its daily changes {self.change_correlation:+.2f} by rank, "
            f"the same sign on {self.same_sign:.0%} of the days"
        )


class Audit(NamedTuple):
    """A daily series s_t compared with the log-return r_t = log(P_t / P_(t-1)) of Bitcoin's daily close P_t.

    Attributes:
        days: number of days with s_t and r_t.
        level: Pearson's correlation of s_t with P_t. It is reported but does not count, since any two trends correlate;
            a price gives itself away by its daily changes.
        by_lag: the similarity for each lag of RETURNS.
    """

    days: int
    level: float
    by_lag: dict[int, Similarity]

    @property
    def looks_like_the_price(self) -> bool:
        """Whether the series nearly repeats the price's changes, possibly shifted by a day or two."""
        return self.days >= ENOUGH_DAYS and any(found.suspicious for found in self.by_lag.values())

    def sentence(self, name: str) -> str:
        """The verdict in plain words, with the numbers it rests on and the lags that were compared."""
        if self.days < ENOUGH_DAYS:
            return f"Sentiment {name}: {self.days} days with prices are too few to tell whether it leaks them."
        today, tomorrow = self.by_lag[0], self.by_lag[1]
        found = (
            f"over {self.days:,} days, a correlation of {today.correlation:+.2f} with the same day's return and "
            f"{tomorrow.correlation:+.2f} with the next day's; the sign of the same day's change on "
            f"{today.same_sign:.0%} of them, of the next day's on {tomorrow.same_sign:.0%}; {self.level:+.2f} with the "
            "price itself, as any two trends may have"
        )
        if self.looks_like_the_price:
            like = [f"{RETURNS[lag]} return ({each})" for lag, each in self.by_lag.items() if each.suspicious]
            return (
                f"WARNING: sentiment {name} looks like the price itself: {found}. It resembles {' and '.join(like)}: "
                "it was probably made from prices, and tells tomorrow's price, at once or if it slips by one day."
            )
        return (
            f"Sentiment {name} does not look like the price: {found}. Its values and its daily changes were compared "
            "with the returns from the day before to the day after tomorrow, and with nothing else."
        )


def audit(series: pd.Series, close: pd.Series) -> Audit:
    """Compare a series with Bitcoin's returns on calendar days, that is before it is cut to the days of all markets.

    Args:
        series: values by day. Changes are taken from one day to the next only, never over a gap.
        close: Bitcoin's close by day, without gaps.
    """
    returns = np.log(close).diff()
    values = series.reindex(close.index)
    both = values.notna() & returns.notna()
    return Audit(
        int(both.sum()),
        _correlation(values, close),
        {lag: _similarity(values, returns.shift(-lag)) for lag in RETURNS},
    )


def _similarity(values: pd.Series, returns: pd.Series) -> Similarity:
    return Similarity(
        _correlation(values, returns),
        _correlation(values.diff(), returns, by_rank=True),
        _same_sign(values, returns),
    )


def _correlation(one: pd.Series, other: pd.Series, by_rank: bool = False) -> float:
    """Correlation over the days that have both values; 0 if one of the two is constant."""
    both = pd.DataFrame({"one": one, "other": other}).dropna()
    if (both.nunique() <= 1).any():
        return 0.0
    return float(both["one"].corr(both["other"], method="spearman" if by_rank else "pearson"))


def _same_sign(values: pd.Series, returns: pd.Series) -> float:
    """Share of days with the same sign, of those on which the series is not 0; 0.5 if there are none."""
    both = pd.DataFrame({"s": values, "r": returns}).dropna()
    side = both["s"] if both["s"].min() < 0 < both["s"].max() else both["s"] - both["s"].mean()
    taken = side != 0
    return float((np.sign(side) == np.sign(both["r"]))[taken].mean()) if taken.any() else 0.5
