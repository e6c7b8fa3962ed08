"""The three markets at Yahoo, the columns of their daily prices, and the range of days to read."""

import datetime
from typing import NamedTuple

from datamodules.days import FIRST, LAST
from datamodules.errors import DataError


class Instrument(NamedTuple):
    """A price series at Yahoo.

    Attributes:
        symbol: Yahoo's name of it.
        longest_pause: days between two rows that are usual; a longer pause is reported as a gap.
    """

    symbol: str
    longest_pause: int


MARKETS = {"btc": Instrument("BTC-USD", 1), "usd": Instrument("DX-Y.NYB", 5), "sp500": Instrument("^GSPC", 5)}
"""The paper's three markets. Bitcoin trades every day."""

PRICE_COLUMNS = ("Open", "High", "Low", "Close", "Adj Close")
COLUMNS = (*PRICE_COLUMNS, "Volume")
"""The paper's six features of a market, in Yahoo's order."""

ONE_DAY = datetime.timedelta(days=1)


class DateRange(NamedTuple):
    """First and last day, both included."""

    start: datetime.date
    end: datetime.date

    @classmethod
    def parse(cls, start: str, end: str) -> "DateRange":
        """Parse dates such as 2014-09-18.

        Raises:
            DataError: one is not a date between FIRST and LAST, or the end is before the start.
        """
        days = []
        for key, text in (("start", start), ("end", end)):
            try:
                days.append(datetime.date.fromisoformat(str(text)))
            except ValueError as error:
                raise DataError(f"{key}={text}: write a date such as 2014-09-18.") from error
            if not FIRST <= days[-1] <= LAST:
                raise DataError(f"{key}={text}: write a date between {FIRST} and {LAST}.")
        if days[1] < days[0]:
            raise DataError(f"end={end} lies before start={start}.")
        return cls(*days)

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"

    @property
    def over(self) -> "DateRange":
        """The days of the range that are over.

        Raises:
            DataError: there is none.
        """
        if yesterday() < self.start:
            raise DataError(f"start={self.start}: no day since then is over, choose an earlier one.")
        return self._replace(end=min(self.end, yesterday()))


def yesterday() -> datetime.date:
    """The last day that is over, in UTC: Bitcoin's days end at midnight UTC, New York's before."""
    return datetime.datetime.now(datetime.timezone.utc).date() - ONE_DAY


def by_hand(symbol: str) -> str:
    """The name of a symbol's file that a user put into data_dir/market."""
    return f"{symbol.removeprefix('^')}.csv"


def downloaded(symbol: str, span: DateRange) -> str:
    """The name of a symbol's file in data_dir/market that was downloaded for a range of days.

    Raises:
        DataError: no day of the range is over.
    """
    return f"{symbol.removeprefix('^')}_{span.start}_{span.over.end}.csv"
