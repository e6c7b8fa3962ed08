"""Reading a text file, plain or inside a zip archive: its encoding, and archives that are refused."""

import codecs
import gzip
import lzma
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError, excerpt

COMMENT = "#"
"""A line that begins with it is a comment, in files that may have comments."""

MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""The byte order marks of encodings that are no UTF-8."""

_COMMENT_TO_NEWLINE = re.compile(rf"^{COMMENT}[^\n]*?(?=\r?\n|\Z)", re.MULTILINE)

_COMMENT_LINE = re.compile(rf"^{COMMENT}[^\r\n]*".encode(), re.MULTILINE)

MOST_EXPANSION = 100  # text becomes 3 to 10 times larger when it is unpacked, a zip bomb 1,000 times
SMALL = 1 << 20  # bytes; a file of this size is no bomb, however well it is packed


def read_text(path: Path, member: str | None = None, comments: bool = False) -> tuple[str, str]:
    """The file's name for error messages, and its text; that of a .gz is unpacked.

    The encoding is UTF-8, or UTF-16 or UTF-32 if the file begins with a byte order mark that says so.

    Args:
        path: the file; or, with `member`, a zip archive that may hold it.
        member: the end of the file's path inside the archive.
        comments: whether the file may have comments; these may be Latin-1, whatever the encoding of the rest.

    Raises:
        DataError: the file cannot be read, is in another encoding, or holds a NUL, which no text does; names the line.
    """
    try:
        if member is not None and (path.suffix == ".zip" or zipfile.is_zipfile(path)):
            file, content = f"{path} ({member})", read_member(path, member)
        else:
            file, content = str(path), _unpacked(path) if path.suffix.lower() == ".gz" else path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    text = _decoded(content, file, comments)
    if comments:
        text = _comments_in_one_line(text)
    if (nul := text.find("\0")) >= 0:
        raise at_line(
            file,
            text.count("\n", 0, nul) + 1,
            "a NUL character, which no text has: save the file as UTF-8, or get it anew",
        )
    return file, text


def read_member(path: Path, member: str) -> bytes:
    """The content of the one file in a zip archive whose path ends in `member`. Nothing is unpacked to disk.

    Raises:
        DataError: the archive is damaged, encrypted or a zip bomb, has no such file or several, or holds a path that
            leads out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names:
                if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts:
                    raise DataError(f"{path} is refused: it holds a file with the unsafe path {excerpt(name)!r}.")
            found = [name for name in names if f"/{name}".endswith(f"/{member}")]
            if len(found) != 1:
                raise DataError(f"{path} should hold one {member}, but holds {len(found) or 'none'}.")
            _refuse_bomb(path, archive.getinfo(found[0]))
            return archive.read(found[0])  # never more bytes than the archive says, which are checked above
    except RuntimeError as error:  # encrypted, or packed in a way that Python does not know
        raise DataError(f"{path} cannot be unpacked ({excerpt(str(error))}); unpack it by hand.") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} is a damaged zip archive ({excerpt(str(error))}); remove it to get it anew."
        ) from error


def _unpacked(path: Path) -> bytes:
    """The content of a file packed by gzip."""
    limit = largest_unpacked(path.stat().st_size)
    try:
        with gzip.open(path) as packed:
            content = packed.read(limit + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is damaged ({excerpt(str(error))}); get it anew.") from error
    if len(content) > limit:
        raise bomb(path, limit)
    return content


def largest_unpacked(packed: int) -> int:
    """Bytes: so many packed ones that become more are a bomb."""
    return max(SMALL, MOST_EXPANSION * packed)


def bomb(path: Path, limit: int) -> DataError:
    """The error of a packed file that grows further than `limit` bytes."""
    return DataError(
        f"{path} is refused: it would grow to more than {limit:,} bytes, which is a bomb and no text; "
        "if it is none, unpack it by hand."
    )


def at_line(file: str, line: int, reason: str) -> DataError:
    """An error in a line of a file."""
    return DataError(f"{file}, line {line}: {reason}.")


def _refuse_bomb(path: Path, entry: zipfile.ZipInfo) -> None:
    if entry.file_size > largest_unpacked(entry.compress_size):
        raise DataError(
            f"{path} is refused: its {excerpt(entry.filename)} would grow from {entry.compress_size:,} to "
            f"{entry.file_size:,} bytes, which is a zip bomb and no text."
        )


def _decoded(content: bytes, file: str, comments: bool) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                line = content[: error.start].decode(encoding, "replace").count("\n") + 1
                raise at_line(file, line, f"it begins as {encoding.upper()}, but this line is not") from error
    content = content.removeprefix(codecs.BOM_UTF8)
    if comments:
        content = _COMMENT_LINE.sub(_comment_in_utf_8, content)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise at_line(file, line, f"the byte {content[error.start]:#04x} is not UTF-8") from error


def _comment_in_utf_8(line: re.Match[bytes]) -> bytes:
    try:
        line[0].decode()
    except UnicodeDecodeError:
        return line[0].decode("latin-1").encode()
    return line[0]


def _comments_in_one_line(text: str) -> str:
    """The text without carriage returns inside of comments; where most lines end in one, they are ends of lines."""
    bare = text.count("\r") - text.count("\r\n")
    if not 0 < bare < text.count("\n"):
        return text
    return _COMMENT_TO_NEWLINE.sub(lambda comment: comment[0].replace("\r", " "), text)
