"""Rows of CSV and TSV files, plain or inside a zip archive; errors name the file and the line."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError


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
            raise self.error(f"unknown {column} {field!r}, expected one of {', '.join(choices)}")
        return choices.index(field)

    def error(self, reason: str) -> DataError:
        """An error that names this row's file and line."""
        return _error(self.file, self.line, reason)


def csv_rows(path: Path, columns: Sequence[str], member: str | None = None, header: bool = True) -> Iterator[Row]:
    """Rows of a comma-separated file. Quoted fields may contain commas and line ends.

    Args:
        path: the file, UTF-8 with or without a byte order mark; or a zip archive that holds it.
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


def read_member(path: Path, member: str) -> bytes:
    """The content of the one file in a zip archive whose path ends in `member`. Nothing is unpacked to disk.

    Raises:
        DataError: the archive is damaged, has no such file or several, or holds a path that leads out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names:
                if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts:
                    raise DataError(f"{path} is refused: it holds a file with the unsafe path {name!r}.")
            found = [name for name in names if f"/{name}".endswith(f"/{member}")]
            if len(found) != 1:
                raise DataError(f"{path} should hold one {member}, but holds {len(found) or 'none'}.")
            return archive.read(found[0])
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is a damaged zip archive ({error}); remove it to get it anew.") from error


def _read(path: Path, member: str | None) -> tuple[str, str]:
    """The file's name for error messages, and its text."""
    if member is not None and (path.suffix == ".zip" or zipfile.is_zipfile(path)):
        file, content = f"{path} ({member})", read_member(path, member)
    else:
        file, content = str(path), path.read_bytes()
    try:
        return file, content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(file, line, f"the byte {content[error.start]:#04x} is not UTF-8") from error


def _rows(
    path: Path, columns: Sequence[str], member: str | None, header: bool, delimiter: str, quoted: bool
) -> Iterator[Row]:
    file, text = _read(path, member)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    names = columns
    start, rows = 1, 0  # the line on which the next row starts; rows so far
    try:
        for fields in reader:
            if start == 1 and header:
                names = fields
                if missing := [column for column in columns if column not in names]:
                    raise _error(file, 1, f"no column {', '.join(missing)} in the header {','.join(names)!r}")
            elif fields:  # a blank line has no fields
                if len(fields) != len(names):
                    found = f"{len(fields)} fields instead of {len(names)}, separated by {delimiter!r}"
                    raise _error(file, start, found)
                yield Row(file, start, dict(zip(names, fields, strict=True)))
                rows += 1
            start = reader.line_num + 1
    except csv.Error as error:
        raise _error(file, start, f"the row that starts here is not valid CSV ({error})") from error
    if rows == 0:
        raise _error(file, start, "the file ends without a row")


def _error(file: str, line: int, reason: str) -> DataError:
    return DataError(f"{file}, line {line}: {reason}.")
