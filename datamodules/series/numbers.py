"""Numbers as people write them in a CSV file: with decimal points, or with decimal commas and points for thousands."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from datamodules.csv_files import Table
from datamodules.errors import excerpt

DECIMAL_COMMAS = ";"
"""Between fields separated by it, a number such as 1.234,56 is one in the European way."""

_GROUPED = re.compile(r"\s*[+-]?[1-9]\d{0,2}\.\d{3}\s*")
"""A number with a decimal point that could also be one of thousands."""

_EUROPEAN = re.compile(r"\s*[+-]?(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+)(?:,\d+)?\s*")


def distinct(table: Table, name: str) -> bool:
    """Whether a column has a name, and no other has the same."""
    return bool(name) and table.names.count(name) == 1


def has_decimal_commas(table: Table) -> bool:
    """Whether the file writes numbers in the European way: it has a column of them with a decimal comma somewhere."""
    if table.delimiter != DECIMAL_COMMAS:
        return False
    columns = table.texts([name for name in table.names if distinct(table, name)]).values()
    there = [[text for text in column if text is not None] for column in columns]
    return any(any("," in text for text in texts) and all(map(_EUROPEAN.fullmatch, texts)) for texts in there)


def with_points(texts: Sequence[str | None], commas: bool) -> list[str | None]:
    """Numbers of a file with decimal commas as Python writes them; other columns as they are."""
    if not commas or not all(text is None or _EUROPEAN.fullmatch(text) for text in texts):
        return list(texts)
    return [text and text.replace(".", "").replace(",", ".") for text in texts]


def doubtful_points(table: Table, columns: Mapping[str, Sequence[str | None]]) -> Iterator[str]:
    """Phrases about columns in which every point could separate thousands, as it does where commas are decimal."""
    for name, texts in columns.items() if table.delimiter == DECIMAL_COMMAS else ():
        pointed = [text for text in texts if text is not None and "." in text]
        if pointed and all(map(_GROUPED.fullmatch, pointed)):
            number = pointed[0].strip()
            yield f"{excerpt(name)} with decimal points as in {number} (remove those that separate thousands)"


def parsed(texts: Sequence[str | None]) -> np.ndarray:
    """The numbers of the texts that are there; NaN for what is none."""
    there = pd.Series([text for text in texts if text is not None], dtype=object)
    return pd.to_numeric(there, errors="coerce").to_numpy(float)
