"""Tables that this program has written, read as they stand."""

from pathlib import Path
from typing import IO

import pandas as pd


def read_written(source: Path | IO[str] | IO[bytes]) -> pd.DataFrame:
    """A CSV table in which an empty field is the only missing value, and a fingerprint such as 12345e67 no number.

    Pandas by itself would take a data set, a column or an id named NA or null for a missing one.
    """
    return pd.read_csv(source, dtype={"settings": str}, keep_default_na=False, na_values=[""], low_memory=False)
