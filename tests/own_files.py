"""CSV files of made-up series, for tests."""

from pathlib import Path

import numpy as np
import pandas as pd

from conf.compose import composed
from datamodules.market.market_data import MarketData
from datamodules.series.series_data import load_series


def sales(rows: int = 200, seed: int = 0, frequency: str = "D", start: str = "2020-01-01") -> pd.DataFrame:
    """A file with the columns day, units and price: units have a season of seven, and fall with the price."""
    random = np.random.default_rng(seed)
    days = pd.date_range(start, periods=rows, freq=frequency)
    price = 10 + random.normal(size=rows).cumsum() / 5
    units = 100 + 10 * np.sin(np.arange(rows) * 2 * np.pi / 7) - np.roll(price, 1) + random.normal(size=rows)
    return pd.DataFrame({"day": days, "units": units.round(3), "price": price.round(3)})


def loaded(table: pd.DataFrame, folder: Path, *overrides: str) -> MarketData:
    """The series of a table that is written to a CSV file, with its columns day and units."""
    path = folder / "sales.csv"
    table.to_csv(path, index=False)
    return load_series(
        composed("features=csv", f"series.file={path}", "series.date=day", "series.target=units", *overrides)
    )
