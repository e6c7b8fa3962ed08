"""Rows and tables of CSV and TSV files, plain or inside a zip archive; errors name the file and the line."""

import csv
import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.errors import DataError, excerpt
from datamodules.text_files import COMMENT, at_line, read_text

MISSING = frozenset(
    ("", "null", "NULL", "NaN", "nan", "-NaN", "-nan", "NA", "N/A", "n/a", "#NA", "#N/A", "#N/A N/A", "<NA>", "None",
     "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")
)  # fmt: skip
"""Texts that stand for a missing value in a table: the list of `pandas.read_csv`."""

LONGEST_FIELD = 1 << 28
"""Characters. Python's own limit is 131,072, which documents exceed; behind a quote that nobody closes comes the rest
of a file, which may not fit into the memory."""

LONGEST_COMMENT = 400
"""Characters of a comment above a header that are shown."""

LARGEST = 1e15
"""A price, volume or mood beyond it is a fault of the file; the squares of much larger ones are infinite in a net."""


@dataclass(frozen=True)
class Row:
    """One row: its file, the line it starts on, and its fields by column."""

    file: str
    line: int
    fields: dict[str, str]

    def text(self, *columns: str) -> str:
        """Join the fields of `columns` with spaces.

        Raises:
            DataError: all these fields are blank.
        """
        text = " ".join(self.fields[column] for column in columns)
        if not text.strip():
            raise self.error(f"{' and '.join(columns)} is empty")
        return text

    def choice(self, column: str, choices: Sequence[str]) -> int:
        """Index of the field's value in `choices`.

        Raises:
            DataError: the value is not one of `choices`.
        """
        field = self.fields[column]
        if field not in choices:
            raise self.error(f"unknown {column} {excerpt(field)!r}, expected one of {', '.join(choices)}")
        return choices.index(field)

    def error(self, reason: str) -> DataError:
        """An error that names this row's file and line."""
        return at_line(self.file, self.line, reason)


@dataclass(frozen=True)
class Table:
    """A file with a header, whole.

    Attributes:
        path: the file.
        names: the columns, as the header has them, without the spaces around them.
        rows: line and fields of each row.
        comment: the comment in the file's first line; None if there is none.
        delimiter: what stands between two fields.
        comments: the number of comments below the header.
    """

    path: Path
    names: list[str]
    rows: list[tuple[int, list[str]]]
    comment: str | None
    delimiter: str
    comments: int = 0

    @property
    def notes(self) -> list[str]:
        """A phrase for the user on the comments below the header, if there are any: they may be meant as rows."""
        if self.comments == 1:
            return [f"1 line that begins with {COMMENT} is a comment"]
        return [f"{self.comments:,} lines that begin with {COMMENT} are comments"] if self.comments else []

    def texts(self, columns: Sequence[str]) -> dict[str, list[str | None]]:
        """The columns by name, each from top to bottom; None where a value is MISSING.

        Raises:
            DataError: the header lacks one of the columns, or has it twice; or a row has not one field for each column.
        """
        places(str(self.path), self.names, columns)
        for line, fields in self.rows:
            whole(str(self.path), line, fields, self.names, self.delimiter)
        return {name: [None if text in MISSING else text for text in self._column(name)] for name in columns}

    def names_in(self, column: str) -> list[str]:
        """A column of names from top to bottom: NA and null are names like any other.

        Raises:
            DataError: as `texts`; or a name is blank.
        """
        self.texts([column])
        names = self._column(column)
        for (line, _), name in zip(self.rows, names, strict=True):
            if not name.strip():
                raise at_line(str(self.path), line, f"the column {column} is empty: name there what the row belongs to")
        return names

    def _column(self, name: str) -> list[str]:
        place = self.names.index(name)
        return [fields[place] for _, fields in self.rows]


def csv_rows(path: Path, columns: Sequence[str], member: str | None = None, header: bool = True) -> Iterator[Row]:
    """Rows of a comma-separated file. Quoted fields may contain commas and line ends.

    Args:
        path: the file, see `read_text`; or a zip archive that holds it.
        columns: the columns needed; if there is no header, all columns in the file's order.
        member: the end of the file's path inside the archive.
        header: whether the first row names the columns.

    Raises:
        DataError: the file is broken; names file, line and reason.
    """
    return _rows(path, columns, member, header, ",", quoted=True)


def tsv_rows(path: Path, columns: Sequence[str], member: str | None = None) -> Iterator[Row]:
    """Rows of a tab-separated file with a header, in which quotes have no special meaning; see `csv_rows`."""
    return _rows(path, columns, member, True, "\t", quoted=False)


def read_table(path: Path, delimiters: str = ",") -> Table:
    """Read a file with a header. A line is a comment if it begins with #, outside of quotes.

    Args:
        path: the file, see `read_text`.
        delimiters: what may stand between two fields; it is the one that the header has most of.

    Raises:
        DataError: the file cannot be read, has no header, or a row is broken; names file, line and reason.
    """
    file, text = read_text(path, comments=True)
    header = next((line for line in Lines(_lines_of(text), comments=True) if line.strip()), "")
    delimiter = max(delimiters, key=header.count)
    lines = Lines(_lines_of(text), comments=True)
    split = split_rows(file, lines, delimiter, quoted=True)
    rows = [(line, row) for line, row in split if len(row) > 1 or row[0].strip()]
    if not rows:
        raise DataError(f"{path} is empty: it has no header.")
    first = io.StringIO(text, newline=None).readline()
    comment = _printable(first.removeprefix(COMMENT)) if first.startswith(COMMENT) else None
    below = sum(line > rows[0][0] for line in lines.left_out)
    return Table(path, [name.strip() for name in rows[0][1]], rows[1:], comment, delimiter, below)


def _printable(text: str) -> str:
    """The beginning of the text on one line, without characters that would steer a terminal."""
    line = textwrap.shorten(text[: 2 * LONGEST_COMMENT], LONGEST_COMMENT, placeholder=" ...")
    return "".join(filter(str.isprintable, line))


def _rows(
    path: Path, columns: Sequence[str], member: str | None, header: bool, delimiter: str, quoted: bool
) -> Iterator[Row]:
    file, text = read_text(path, member)
    lines = Lines(_lines_of(text))
    names: Sequence[str] | None = None if header else columns
    empty = True
    for line, fields in split_rows(file, lines, delimiter, quoted):
        if names is None:
            places(f"{file}, line {line}", fields, columns)
            names = fields
            continue
        empty = False
        yield Row(file, line, dict(zip(names, whole(file, line, fields, names, delimiter), strict=True)))
    if empty:
        raise at_line(file, lines.number + 1, "the file ends without a row")


def places(where: str, names: Sequence[str], columns: Sequence[str]) -> list[int]:
    """The place of each of the columns in a header.

    Raises:
        DataError: the header lacks one of them, or has it twice.
    """
    if missing := [column for column in columns if column not in names]:
        raise DataError(f"{where}: no column {', '.join(missing)} in the header {excerpt(','.join(names))!r}.")
    if twice := [column for column in columns if names.count(column) > 1]:
        raise DataError(f"{where}: the column {twice[0]} stands twice in the header: remove or rename one of them.")
    return [names.index(column) for column in columns]


def whole(file: str, line: int, fields: list[str], names: Sequence[str], delimiter: str) -> list[str]:
    """The fields of a row.

    Raises:
        DataError: it has not one for each column.
    """
    if len(fields) != len(names):
        raise at_line(file, line, f"{len(fields)} fields instead of {len(names)}, separated by {delimiter!r}")
    return fields


def _lines_of(text: str) -> Iterable[str]:
    return io.StringIO(text, newline="")


class Lines:
    """The lines of a text, for a `csv.reader`; comments between two rows are left out.

    Attributes:
        number: the line that was given last, from 1.
        start: the line on which the present row starts.
        left_out: the numbers of the comments.

    Args:
        lines: one by one, with their ends.
        comments: whether there may be comments.
    """

    def __init__(self, lines: Iterable[str], comments: bool = False):
        self.lines = lines
        self.comments = comments
        self.number = 0
        self.start = 0
        self.left_out: list[int] = []

    def expect_row(self) -> None:
        """The next line starts a row: it may be a comment, which a line inside quotes is not."""
        self.start = 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.number += 1
            if self.comments and self.start == 0 and line.startswith(COMMENT):
                self.left_out.append(self.number)
                continue
            self.start = self.start or self.number
            yield line


def reader_of(lines: Iterable[str], **how: Any) -> Iterator[list[str]]:
    """A `csv.reader` that takes fields of any length."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    return csv.reader(lines, **how)


def split_rows(file: str, lines: Lines, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row starts, and its fields; blank lines are left out.

    Raises:
        DataError: a row is not valid CSV; names file and line.
    """
    reader = reader_of(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=True)
    try:
        lines.expect_row()
        for fields in reader:
            if fields:
                yield lines.start, fields
            lines.expect_row()
    except csv.Error as error:
        raise at_line(file, lines.start, f"the row that starts here is not valid CSV ({error})") from error
