"""Yahoo's layout of daily prices: the three series, their columns, and the span of days that is asked for."""

import datetime
from typing import NamedTuple

from datamodules.errors import DataError


class Listing(NamedTuple):
    """A series at Yahoo: its symbol, and how many days apart its rows may be before that is worth a word."""

    symbol: str
    longest_pause: int


MARKETS = {"btc": Listing("BTC-USD", 1), "usd": Listing("DX-Y.NYB", 5), "sp500": Listing("^GSPC", 5)}
"""The paper's three; Bitcoin is traded every day."""

PRICES = ("Open", "High", "Low", "Close", "Adj Close")
COLUMNS = (*PRICES, "Volume")
"""The paper's six features of a market, in Yahoo's order."""

ONE_DAY = datetime.timedelta(days=1)


class Span(NamedTuple):
    """First and last day, both included."""

    start: datetime.date
    end: datetime.date

    @classmethod
    def parse(cls, start: str, end: str) -> "Span":
        """From dates such as 2014-09-18.

        Raises:
            DataError: not a date, or the end lies before the start.
        """
        days = []
        for key, text in (("start", start), ("end", end)):
            try:
                days.append(datetime.date.fromisoformat(str(text)))
            except ValueError as error:
                raise DataError(f"{key}={text}: write a date such as 2014-09-18.") from error
        if days[1] < days[0]:
            raise DataError(f"end={end} lies before start={start}.")
        return cls(*days)

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"
