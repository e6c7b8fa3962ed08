"""Rows of the sources' CSV and TSV files, bare or in a zip archive, with the place of whatever is wrong."""

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
    """One row of a table: the file, the line on which it starts, and its fields by column."""

    file: str
    line: int
    fields: dict[str, str]

    def text(self, *columns: str) -> str:
        """The fields joined by a blank.

        Raises:
            DataError: all of them are blank.
        """
        text = " ".join(self.fields[column] for column in columns)
        if not text.strip():
            raise self.error(f"{' and '.join(columns)} is empty")
        return text

    def choice(self, column: str, choices: Sequence[str]) -> int:
        """Which of `choices` the field is.

        Raises:
            DataError: none of them.
        """
        field = self.fields[column]
        if field not in choices:
            raise self.error(f"unknown {column} {field!r}, expected one of {', '.join(choices)}")
        return choices.index(field)

    def error(self, reason: str) -> DataError:
        """What is wrong with this row, and where."""
        return _error(self.file, self.line, reason)


def csv_rows(path: Path, columns: Sequence[str], member: str | None = None, header: bool = True) -> Iterator[Row]:
    """Rows of a comma-separated file whose fields may be quoted and then hold commas and line ends.

    Args:
        path: the file, UTF-8 with or without a byte order mark; or a zip archive that holds it.
        columns: those needed; without a header, all of them in the file's order.
        member: how the file's path inside the archive ends.
        header: whether the first row names the columns.

    Raises:
        DataError: with file, line and reason.
    """
    return _rows(path, columns, member, header, ",", quoted=True)


def tsv_rows(path: Path, columns: Sequence[str], member: str | None = None) -> Iterator[Row]:
    """Rows of a tab-separated file with a header, where quotes are characters like others; see `csv_rows`."""
    return _rows(path, columns, member, True, "\t", quoted=False)


def read_member(path: Path, member: str) -> bytes:
    """The content of the one file of a zip archive whose path ends in `member`; nothing is unpacked on disk.

    Raises:
        DataError: a damaged archive, no or several such members, or a path that leads out of the archive.
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
    """How to call the file in a message, and its text."""
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
    start, rows = 1, 0  # the line on which the row to come starts, the rows so far
    try:
        for fields in reader:
            if start == 1 and header:
                names = fields
                if missing := [column for column in columns if column not in names]:
                    raise _error(file, 1, f"no column {', '.join(missing)} in the header {','.join(names)!r}")
            elif fields:  # a blank line has none
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
