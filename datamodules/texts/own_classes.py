"""The classes of a user's own texts, found in the data: from one column, from its parts, or from columns of 0 and 1."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from datamodules.errors import DataError, excerpt
from datamodules.row_files import FileRow, as_text

FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
"""The values of a column that says whether a text has a class, in small letters."""

MOST_CELLS = 250_000_000
"""Documents times classes: their targets have four bytes each, so this is 1 GB."""

_WHOLE = re.compile(r"^([+-]?\d+)\.0*$")

SHOWN = 20
"""Classes whose numbers of documents are printed."""


class LabelReader:
    """Reads the classes of rows.

    Attributes:
        multilabel: whether a row has had several classes, or may.

    Args:
        columns: one column with the class; or several, each of which says by 0 or 1 whether a row has that class.
        separator: what stands between the classes in the one column; None: it has one class.
    """

    def __init__(self, columns: Sequence[str | int], separator: str | None):
        self.columns, self.separator = columns, separator
        self.multilabel = len(columns) > 1 or separator is not None
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def classes(self, row: FileRow, values: Sequence[Any]) -> tuple[str, ...] | None:
        """The names of a row's classes; None if it has no label.

        Args:
            row: for errors.
            values: of its label columns.

        Raises:
            DataError: a column of several has another value than 0 and 1.
        """
        if len(self.columns) > 1:
            found = self._flagged(row, [as_text(value).strip() for value in values])
        elif isinstance(values[0], list):
            self.multilabel = True
            found = _named(map(as_text, values[0]))
        else:
            text = as_text(values[0])
            found = _named(text.split(self.separator) if self.separator else [text])
        return None if found is None else self._same.setdefault(found, found)

    def _flagged(self, row: FileRow, flags: Sequence[str]) -> tuple[str, ...] | None:
        if not any(flags):
            return None
        for column, flag in zip(self.columns, flags, strict=True):
            if flag.lower() not in FLAGS:
                raise row.error(f"{column} is {excerpt(flag)!r}; with several columns in data.label, each is 0 or 1")
        return tuple(str(column) for column, flag in zip(self.columns, flags, strict=True) if FLAGS[flag.lower()])

    def ordered(self, labels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        """The classes in order: as the columns are given; else by number if all are numbers, and by letter if not.

        Raises:
            DataError: there are fewer than two, or so many that their targets would fill the memory.
        """
        names = {name for each in set(labels) for name in each}
        classes = tuple(map(str, self.columns)) if len(self.columns) > 1 else tuple(sorted(names, key=_order(names)))
        label = f"data.label={','.join(map(str, self.columns))}"
        if len(classes) < 2:
            only = f"all {len(labels):,} documents have the class {classes[0]!r}" if classes else "it names no class"
            raise DataError(f"{label}: {only}; give a column with two classes or more.")
        if len(labels) * len(classes) > MOST_CELLS:
            raise DataError(
                f"{label}: {len(classes):,} classes of {len(labels):,} documents are too many for the memory; is it "
                "the right column? Join classes, or leave out the rare ones."
            )
        return classes


def counted(labels: Sequence[tuple[str, ...]], classes: Sequence[str]) -> str:
    """The number of documents of each class, of the first SHOWN of them."""
    counts = Counter(name for each in labels for name in each)
    shown = ", ".join(f"{name} {counts[name]:,}" for name in classes[:SHOWN])
    more = f", and {len(classes) - SHOWN:,} more" if len(classes) > SHOWN else ""
    return shown + more


def about_numbers(classes: Sequence[str]) -> list[str]:
    """A line on more than SHOWN classes that are numbers, and not all whole: they are hardly meant as classes."""
    try:
        numbers = [float(name) for name in classes]
    except ValueError:
        return []
    if len(classes) <= SHOWN or all(number.is_integer() for number in numbers):
        return []
    return [
        f"The {len(classes):,} classes are numbers from {classes[0]} to {classes[-1]}: if they measure something, join "
        "them into a few classes first, in a column of their own."
    ]


def _named(parts: Iterable[str]) -> tuple[str, ...] | None:
    """The classes with these names; None if all are blank. 1.0 is 1: so whole numbers are often written."""
    names = (_WHOLE.sub(r"\1", part.strip()) for part in parts)
    return tuple(name for name in names if name) or None


def _order(names: set[str]) -> Any:
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        numbers = {}
    if not numbers or any(map(math.isnan, numbers.values())):  # a class named nan has no place among numbers
        return lambda name: (name.casefold(), name)
    return lambda name: (numbers[name], name)
