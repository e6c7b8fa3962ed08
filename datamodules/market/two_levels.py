"""The header that yfinance writes: of two levels, with the name of the index on a line below them."""

from dataclasses import replace

from datamodules.csv_files import Table
from datamodules.errors import DataError, excerpt

INDEX = ("Date", "Datetime")
"""The names that yfinance gives to the index of days, and to that of hours and minutes."""


def one_level(table: Table, wanted: str | None = None) -> Table:
    """The table with a header of one level; any other table as it is.

    `yfinance.download` gives three lines since its version 0.2.51: "Price,Close,High,...", "Ticker,^GSPC,^GSPC,..." and
    "Date,,,...". With group_by="ticker" the first two stand the other way round.

    Args:
        table: as read from the file.
        wanted: the ticker that the file should have; None: any.

    Raises:
        DataError: it holds several tickers, or another than the wanted one.
    """
    levels = {row[0]: row[1:] for row in (table.names, *(row for _, row in table.rows[:2]))}
    index = next((name for name in INDEX if name in levels), None)
    if list(levels)[:2] not in (["Price", "Ticker"], ["Ticker", "Price"]) or index is None:
        return table
    if len(tickers := dict.fromkeys(levels["Ticker"])) != 1:
        raise DataError(
            f"{table.path} holds the prices of {excerpt(', '.join(tickers))}: keep one of them in this file."
        )
    if wanted is not None and wanted not in tickers:
        raise DataError(f"{table.path} holds the prices of {excerpt(*tickers)}, and should hold those of {wanted}.")
    return replace(table, names=[index, *levels["Price"]], rows=table.rows[2:])
