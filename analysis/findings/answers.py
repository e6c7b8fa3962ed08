"""The answers of docs/RESULTS.md in README: `python -m analysis findings results -o docs --answers README.md`."""

import re
import textwrap
from pathlib import Path

from cells.errors import UserError
from datamodules.files import replacing

BEGIN, END = "<!-- answers of docs/RESULTS.md -->", "<!-- end of the answers -->"
WIDTH = 134

ANSWER = re.compile(r"^### \d\. (.+)\n\n\*\*(.+)\*\*$", re.MULTILINE)
"""A question of the page and its answer; a question without one is left out."""


def write(page: str, path: Path) -> None:
    """Put the answers of a page into the file that lies at `path`, in place of those that stand there.

    Raises:
        UserError: the file cannot be read or written, or has no place for them.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise UserError(f"{path} cannot be read ({why}): name another file with --answers.") from error
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise UserError(f"{path} has no place for the answers: put the lines {BEGIN} and {END} where they belong.")
    try:
        with replacing(path) as temporary:
            temporary.write_text(with_answers(text, page), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): name another file with --answers.") from error


def with_answers(text: str, page: str) -> str:
    """A text with the answers of a page between the lines BEGIN and END."""
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    answers = [f"- {question} {answer}" for question, answer in ANSWER.findall(page)]
    lines = [
        textwrap.fill(answer, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for answer in answers
    ]
    return f"{before}{BEGIN}\n" + "\n".join([*lines, END]) + after
