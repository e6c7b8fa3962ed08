"""The texts that a command line gives: its arguments, the lines of a file, or those of standard input."""

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cells.errors import UserError
from datamodules.text_files import MARKS

STANDARD_INPUT = ["-"]
"""The arguments that ask for the lines of standard input: the same as giving no arguments."""


def read(texts: Sequence[str], file: Path | None) -> Iterator[str]:
    """The texts, one by one.

    Args:
        texts: the arguments.
        file: with one text per line, or None.

    Raises:
        UserError: there is no text, or there are arguments and a file, or the file cannot be read or holds no text.
    """
    if file and texts:
        raise UserError("texts are given both as arguments and by --file: leave one of them out.")
    if texts and texts != STANDARD_INPUT:
        yield from (text.removeprefix("\ufeff") for text in texts)  # as of a file: it may be the first line of one
        return
    if not file and not texts and sys.stdin.isatty():
        raise UserError("there is nothing to label; give a text in quotes, --file FILE, or - for standard input.")
    name = file or "standard input"
    empty = True
    try:
        with open(file or sys.stdin.fileno(), "rb") as content, io.TextIOWrapper(content, _encoding(content)) as lines:
            for number, line in enumerate(lines, 1):
                empty = False
                if "\0" in line:
                    raise UserError(f"{name}, line {number}: a NUL character, which no text has; give UTF-8 text.")
                yield line.rstrip("\n")
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        encoding = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise UserError(f"{name} is not {encoding} ({error.reason}); convert it to UTF-8.") from error
    if empty:
        raise UserError(f"{name} is empty, there is nothing to label; give one text per line.")


def _encoding(content: io.BufferedReader) -> str:
    """The encoding that a byte-order mark names; UTF-8, before which some editors write one too, if none does."""
    start = content.peek(4)
    return next((name for mark, name in MARKS if start.startswith(mark)), "utf-8-sig")
