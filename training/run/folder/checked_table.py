"""One table of a run's folder, and its damage in words: no CSV, a row that was cut, text in place of a number."""

import csv
import math
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import NamedTuple

WORDS = ("split", "forecast", "feature", "series", "source", "day")
"""The columns of baselines.csv, predictions.csv, importance.csv and intervals.csv that hold no numbers."""

MAY_BE_INFINITE = ("mape",)
"""Scores that divide by the truth, which may be 0."""

ALWAYS = (
    "truth",
    "prediction",
    "persistence",
    "permutation",
    "integrated_gradients",
    "level",
    "periods",
    "calibrated_on",
)
"""Columns in which every row has a number, as in those of ERRORS."""

ERRORS = ("rmse", "mae")
"""How the names of columns begin that hold errors in some unit."""

SHARES = (
    *("accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1", "direction"),
    *("dm_p", "direction_p", "level", "coverage"),
)
"""Columns of shares and probabilities, from 0 to 1."""

LENGTHS = (*ERRORS, "half_width", "width")
"""How the names of columns begin that hold nothing below 0."""

LONGEST_LINE = 100_000
"""Characters; the csv module refuses longer values, unless its limit was raised."""


class Fault(ValueError):  # noqa: N818 - it is no error of the program
    """Damage of a table, in words that begin with its name: "baselines.csv has nan for rmse in line 2"."""


class Table(NamedTuple):
    """The rows of a file, each a value for each column.

    Attributes:
        name: of the file.
        rows: by column.
    """

    name: str
    rows: list[dict[str, str]]

    def column(self, name: str) -> list[str]:
        """The values of a column; empty where there is none of that name."""
        return [row[name] for row in self.rows if name in row]

    def of_part(self, split: str) -> Iterator[dict[str, str]]:
        """The rows of one part of the data."""
        return (row for row in self.rows if row["split"] == split)


def read(path: Path) -> Table:
    """The table in a file.

    Raises:
        Fault: it is missing or empty, is not UTF-8 or no CSV, a line is too long, a row has no value for a column,
            or the last line does not end.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise Fault(f"{path.name} is missing or empty") from None
    except UnicodeDecodeError:
        raise Fault(f"{path.name} is not in UTF-8") from None
    lines = StringIO(text, newline="").readlines()
    if (longest := max(map(len, lines), default=0)) > LONGEST_LINE:
        raise Fault(f"{path.name} has a line of {longest:,} characters")
    try:
        header, *rows = csv.reader(lines, strict=True)
    except (csv.Error, ValueError) as error:
        raise Fault(f"{path.name} is {'no CSV' if text.strip() else 'missing or empty'}") from error
    if not rows:
        raise Fault(f"{path.name} is missing or empty")
    if "\0" in text:
        raise Fault(f"{path.name} has a NUL character")
    if twice := [name for name in header if header.count(name) > 1]:
        raise Fault(f"{path.name} has two columns {twice[0]}")
    whole = [_whole(path.name, header, row, line) for line, row in enumerate(rows, 2)]
    if not text.endswith("\n"):
        raise Fault(f"{path.name} does not end with a whole line")
    return Table(path.name, whole)


def _whole(name: str, header: Sequence[str], row: Sequence[str], line: int) -> dict[str, str]:
    values = dict(zip(header, row, strict=False))
    if len(row) != len(header):
        where = f"the {values['split']} row" if name == "metrics.csv" and "split" in values else f"line {line}"
        raise Fault(f"{name} has {len(row)} values for {len(header)} columns in {where}")
    return values


def check(table: Table, needed: Collection[str]) -> None:
    """Check a table other than metrics.csv by itself.

    Args:
        table: from `read`.
        needed: the columns that its reader needs.

    Raises:
        Fault: a column is missing, or a value is not what its column holds.
    """
    refuse_missing(table, needed)
    for line, row in enumerate(table.rows, 2):
        for name, text in row.items():
            right = _is_word(name, text) if name in WORDS else is_number(text, always(name), name in MAY_BE_INFINITE)
            if not (right and is_possible(name, text)):
                raise Fault(f"{table.name} has {shown(text)} for {name} in line {line}")


def refuse_missing(table: Table, needed: Collection[str]) -> None:
    """Refuse a table without one of these columns.

    Raises:
        Fault: names it.
    """
    for name in needed:
        if name not in table.rows[0]:
            raise Fault(f"{table.name} has no column {name}")


def always(name: str) -> bool:
    """Whether a column of numbers has one in every row."""
    return name in ALWAYS or name.startswith(ERRORS)


def is_number(text: str, always: bool, infinite: bool) -> bool:
    """Whether a field holds a number as pandas writes it, or nothing, where there need not be one."""
    if not text:
        return not always
    try:
        value = float(text)
    except ValueError:
        return False
    # int("1_0") and float("١") are Python's alone, and pandas writes a NaN as nothing
    return text.isascii() and "_" not in text and not math.isnan(value) and (infinite or not math.isinf(value))


def is_possible(name: str, text: str) -> bool:
    """Whether a column can have this number, or nothing: a share is from 0 to 1, no error is below 0."""
    if name in WORDS or not text:
        return True
    return 0 <= float(text) <= 1 if name in SHARES else float(text) >= 0 or not name.startswith(LENGTHS)


def shown(text: str) -> str:
    """A value in a message, cut where it is long: nan and inf as they are, other texts in quotes."""
    if text in ("nan", "inf", "-inf"):
        return text
    return repr(text if len(text) <= 30 else f"{text[:30]}...")


def _is_word(name: str, text: str) -> bool:
    if name != "day":
        return bool(text) or name == "series"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
