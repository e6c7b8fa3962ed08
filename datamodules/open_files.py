"""Reading a file of any size from its beginning to its end: as it is, packed by gzip, or alone in a zip archive."""

import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from datamodules.errors import DataError, excerpt
from datamodules.text_files import MARKS, at_line, bomb, largest_unpacked

T = TypeVar("T")

LONGEST_LINE = 1 << 28
"""Bytes: a longer line is no text, and would fill the memory."""

PACKED = (".gz", ".zip")
"""The suffixes of files that are unpacked while they are read."""


class Opened(NamedTuple):
    """A file that is open.

    Attributes:
        file: its name for error messages.
        suffix: the suffix that tells its format, in small letters: ".csv" of reviews.csv.gz.
        stream: its bytes, unpacked.
    """

    file: str
    suffix: str
    stream: io.BufferedReader


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file. A packed one is unpacked as it is read, and no further than text or a table can be packed.

    Raises:
        DataError: it is missing or cannot be read, or the archive is damaged, encrypted, a bomb, or holds several
            files.
    """
    packing = path.suffix.lower()
    try:
        if packing == ".zip":
            with _within_zip(zipfile.ZipFile, path) as archive:
                name = _only_member(path, archive)
                with _within_zip(archive.open, name) as member:
                    yield _opened(f"{path} ({name})", name, _Limited(path, member, archive.getinfo(name).compress_size))
        elif packing == ".gz":
            with gzip.open(path) as packed:
                yield _opened(str(path), path.stem, _Limited(path, packed, path.stat().st_size))
        else:
            with open(path, "rb") as plain:
                yield _opened(str(path), path.name, plain)
    except RuntimeError as error:  # encrypted, or packed in a way that Python does not know
        raise DataError(f"{path} cannot be unpacked ({excerpt(str(error))}); unpack it by hand.") from error
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"{path} is damaged ({excerpt(str(error))}); get it anew.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _within_zip(opener: Callable[[Any], T], what: Path | str) -> T:
    """`opener(what)`, which reads names of files: one that is said to be UTF-8 and is not is damage, not a text's."""
    try:
        return opener(what)
    except UnicodeDecodeError as error:
        raise zipfile.BadZipFile(f"the name of a file in it is not UTF-8: {error.reason}") from error


class _Limited(io.RawIOBase):
    """The unpacked bytes of a file, up to the number that makes it a bomb.

    Args:
        path: of the packed file, or of the archive that holds it.
        stream: its unpacked bytes.
        packed: the number of its packed ones: what else an archive holds lets it grow no further.
    """

    def __init__(self, path: Path, stream: Any, packed: int):
        self.path = path
        self.stream = stream
        self.limit = self.left = largest_unpacked(packed)

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or a part of it, and return the number of bytes; 0 at the end."""
        content = self.stream.read(len(buffer))
        self.left -= len(content)
        if self.left < 0:
            raise bomb(self.path, self.limit)
        buffer[: len(content)] = content
        return len(content)


def _opened(file: str, name: str, stream: Any) -> Opened:
    return Opened(file, PurePosixPath(name).suffix.lower(), io.BufferedReader(stream))


def lines(source: Opened, encoding: str) -> Iterator[str]:
    """The lines of a text one by one, with their ends. A byte order mark wins over `encoding`.

    Raises:
        DataError: a line is in another encoding, holds a NUL, which no text does, or is longer than LONGEST_LINE.
    """
    start = source.stream.peek(4)[:4]
    marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
    if marked is not None:
        yield from _wide_lines(source, marked)
        return
    if start.startswith(codecs.BOM_UTF8):
        source.stream.read(len(codecs.BOM_UTF8))
    number = 0
    while line := source.stream.readline(LONGEST_LINE):
        number += 1
        text = _decoded(line, encoding, source.file, number)
        yield from io.StringIO(text, newline="") if "\r" in text[:-2] else (text,)  # \r alone ends a line as well


def _decoded(line: bytes, encoding: str, file: str, number: int) -> str:
    if len(line) >= LONGEST_LINE:
        raise at_line(file, number, f"it has {LONGEST_LINE:,} bytes or more, which is no text")
    if b"\0" in line:
        raise _nul(file, number)
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise at_line(
            file,
            number,
            f"the byte {line[error.start]:#04x} is not {encoding.upper()}; name the file's encoding, such as "
            "data.encoding=cp1252 for one from Windows",
        ) from error
    except (LookupError, UnicodeError, TypeError) as error:  # such as "undefined", and null
        raise DataError(
            f"data.encoding={encoding}: there is no such encoding; utf-8, cp1252 and latin-1 are."
        ) from error


def _wide_lines(source: Opened, encoding: str) -> Iterator[str]:
    """The lines of a file in UTF-16 or UTF-32."""
    number, text = 1, io.TextIOWrapper(source.stream, encoding, newline="")
    try:
        for number, line in enumerate(text, 1):
            if "\0" in line:
                raise _nul(source.file, number)
            yield line
    except UnicodeError as error:
        raise at_line(source.file, number, f"it begins as {encoding.upper()}, but goes on otherwise") from error
    finally:
        if not source.stream.closed:  # by `opened`, if nobody wanted the other lines
            text.detach()  # or it would close the stream


def _nul(file: str, number: int) -> DataError:
    return at_line(file, number, "a NUL character, which no text has: save the file as UTF-8, or get it anew")


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    """The one file of an archive; what macOS adds does not count."""
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/") and not PurePosixPath(name).name.startswith(".")
    ]
    if len(names) != 1:
        raise DataError(
            f"{path} should hold one file, but holds {len(names) or 'none'}"
            f"{' (' + excerpt(', '.join(names)) + ')' if names else ''}: unpack it and name one of them."
        )
    return names[0]
