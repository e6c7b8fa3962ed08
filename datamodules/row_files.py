"""The rows of a file with a table, read one after the other: CSV, TSV, JSON lines or Parquet, also in .gz or .zip."""

import errno
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from datamodules.csv_files import Lines, places, reader_of, split_rows, whole
from datamodules.errors import DataError, excerpt
from datamodules.json_objects import objects
from datamodules.open_files import PACKED, Opened, lines, opened
from datamodules.text_files import at_line

Column = str | int
"""The name of a column; or its number, from 1, in a CSV or TSV file without a header."""

DELIMITERS: Mapping[str, str] = {".csv": ",;\t|", ".tsv": "\t", ".tab": "\t", ".txt": "\t,;|"}
"""Signs between two fields, by the suffix of the file: the first with which the header has the wanted columns."""

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PARQUET_SUFFIXES = (".parquet", ".pq")
SUFFIXES = (*DELIMITERS, *JSON_SUFFIXES, *PARQUET_SUFFIXES)
"""The suffixes of all files that can be read, also with one of PACKED behind it."""

_HALF = re.compile("[\ud800-\udfff]")

BATCH = 1000
"""Rows of a Parquet file in memory at a time."""


class FileRow(NamedTuple):
    """A row: the file, the line it starts on or its number, and the values of the wanted columns.

    CSV and TSV files have texts only.
    """

    file: str
    line: int
    values: list[Any]

    def error(self, reason: str) -> DataError:
        """An error that names this row's file and line."""
        return at_line(self.file, self.line, reason)


def read_rows(path: Path, columns: Sequence[Column], encoding: str = "utf-8") -> Iterator[FileRow]:
    """The rows of a file from top to bottom, of which few are in memory at a time.

    Raises:
        DataError: the file is missing, broken or of another format, or lacks a column or has it twice; names the line.
    """
    with opened(path) as source:
        yield from _rows_of(source)(path, source, columns, encoding)


def column_names(path: Path, encoding: str = "utf-8") -> list[str]:
    """The names of the columns of a file: its header, or the keys of its first JSON object.

    Raises:
        DataError: as `read_rows`.
    """
    with opened(path) as source:
        if source.suffix in JSON_SUFFIXES:
            return list(next(objects(source.file, source.suffix, lines(source, encoding)), (0, {}))[1])
        if source.suffix in PARQUET_SUFFIXES:
            with _seekable(source) as file:
                return list(_parquet(path, file).schema_arrow.names)
        if source.suffix not in DELIMITERS:
            _rows_of(source)
        first = next(lines(source, encoding), "")
        return _names(max((_fields(first, delimiter) for delimiter in DELIMITERS[source.suffix]), key=len))


def as_text(value: object) -> str:
    """A value of a row as text: empty where there is none; 1 for the number 1.0; lists joined by spaces."""
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if has_half_character(value) else value
    if isinstance(value, list | tuple):
        return " ".join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def has_half_character(value: object) -> bool:
    """Whether a text, or one in a list, has half of a surrogate pair, such as JSON's "\\ud83d": it becomes "?"."""
    if isinstance(value, list | tuple):
        return any(map(has_half_character, value))
    return isinstance(value, str) and not value.isprintable() and _HALF.search(value) is not None


RowReader = Callable[[Path, Opened, Sequence[Column], str], Iterator[FileRow]]


def _rows_of(source: Opened) -> RowReader:
    """The function that reads the rows of a file's format."""
    if source.suffix in DELIMITERS:
        return _delimited_rows
    if source.suffix in JSON_SUFFIXES:
        return _json_rows
    if source.suffix in PARQUET_SUFFIXES:
        return _parquet_rows
    raise DataError(
        f"{source.file} has the suffix {source.suffix or '(none)'!r}: name a file in one of {' '.join(SUFFIXES)}, "
        f"also packed ({' '.join(PACKED)}); save a spreadsheet as CSV."
    )


def _delimited_rows(path: Path, source: Opened, columns: Sequence[Column], encoding: str) -> Iterator[FileRow]:
    numbered = all(isinstance(column, int) for column in columns)
    text = Lines(lines(source, encoding))
    first = next(iter(text), "")
    delimiter = _delimiter(first, DELIMITERS[source.suffix], columns)
    quoted = delimiter != "\t" or not _lines_are_rows(path, columns, encoding)
    rows = split_rows(source.file, Lines(_all_lines(first, text)), delimiter, quoted)
    line, header = next(rows, (1, []))
    header = header if numbered else _names(header)
    if not header:
        raise DataError(f"{source.file} is empty: it has no header.")
    if numbered:
        wanted = [int(column) - 1 for column in columns]
        if not 0 <= min(wanted) <= max(wanted) < len(header):
            raise DataError(f"{source.file} has {len(header)} columns: there is no column {max(wanted) + 1}.")
        yield FileRow(source.file, line, [header[place] for place in wanted])
    else:
        wanted = places(f"{source.file}, line {line}", header, _names(columns))
    for line, fields in rows:
        whole(source.file, line, fields, header, delimiter)
        yield FileRow(source.file, line, [fields[place] for place in wanted])


def _all_lines(first: str, rest: Lines) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(first: str, delimiters: str, columns: Sequence[Column]) -> str:
    """The first delimiter with which a file's first line has all columns, else the one with which it has most."""
    fields = {delimiter: _names(_fields(first, delimiter)) for delimiter in delimiters}
    for delimiter, names in fields.items():
        if all(column.strip() in names if isinstance(column, str) else column <= len(names) for column in columns):
            return delimiter
    return max(fields, key=lambda delimiter: len(fields[delimiter]))


def _names(header: Sequence[Column]) -> list[str]:
    """The columns of a header; the spaces around them are no part of their names."""
    return [str(name).strip() for name in header]


def _fields(line: str, delimiter: str) -> list[str]:
    return next(reader_of([line], delimiter=delimiter), [])


def _lines_are_rows(path: Path, columns: Sequence[Column], encoding: str) -> bool:
    """Whether every line of a tab-separated file is a row: then its quotes are characters like any other.

    Files of tweets are written so. Others are written as CSV files are, with quotes around a field that holds a line
    end, a tab or a quote.
    """
    with opened(path) as source:
        text = lines(source, encoding)
        names = _names(next(text, "").rstrip("\r\n").split("\t"))
        named = all(column.strip() in names for column in columns if isinstance(column, str))
        return named and all(line.count("\t") == len(names) - 1 for line in text if line.strip())


def _json_rows(path: Path, source: Opened, columns: Sequence[Column], encoding: str) -> Iterator[FileRow]:
    names = _named(source.file, columns)
    seen: set[str] = set()
    others: dict[str, None] = {}
    for line, found in objects(source.file, source.suffix, lines(source, encoding)):
        seen.update(found.keys() & names)
        others.update(dict.fromkeys(found) if len(others) < BATCH else {})
        yield FileRow(source.file, line, [found.get(name) for name in names])
    places(source.file, [*dict.fromkeys([*others, *seen])], names)


def _parquet_rows(path: Path, source: Opened, columns: Sequence[Column], encoding: str) -> Iterator[FileRow]:
    names = _named(source.file, columns)
    with _seekable(source) as file:
        table = _parquet(path, file)
        places(source.file, table.schema_arrow.names, names)
        for number, values in enumerate(_parquet_values(path, table, names), 1):
            yield FileRow(source.file, number, list(values))


def _parquet_values(path: Path, table: Any, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of these columns, row by row."""
    try:
        for batch in table.iter_batches(BATCH, columns=names):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    except (OSError, ValueError, NotImplementedError) as error:  # an ArrowInvalid is a ValueError
        raise DataError(f"{path} is damaged ({excerpt(str(error))}); get it anew.") from error


@contextmanager
def _seekable(source: Opened) -> Iterator[IO[bytes]]:
    """A copy on disk of a packed file, which is read from its end; removed when the block ends."""
    with tempfile.TemporaryFile() as file:
        try:
            shutil.copyfileobj(source.stream, file)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DataError(
                f"{source.file} finds no room in {tempfile.gettempdir()} to be unpacked; unpack it by hand, or set "
                "TMPDIR to another folder."
            ) from error
        file.seek(0)
        yield file


def _parquet(path: Path, file: Any) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise DataError(f'{path}: Parquet files need a package more: pip install -e ".[parquet]".') from error
    try:
        return pyarrow.parquet.ParquetFile(file, page_checksum_verification=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # ValueError: a name that is not UTF-8
        raise DataError(f"{path} is not a Parquet file ({excerpt(str(error))}); get it anew.") from error


def _named(file: str, columns: Sequence[Column]) -> list[str]:
    if numbers := [column for column in columns if isinstance(column, int)]:
        raise DataError(f"{file} names its columns: there is none with the number {numbers[0]}.")
    return [str(column) for column in columns]
