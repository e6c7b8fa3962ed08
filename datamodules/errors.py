"""The error raised for missing or broken data."""

from cells.errors import UserError


class DataError(UserError):
    """Data is missing, broken or of the wrong kind; the message is one sentence that says what to do."""


SHOWN = 80  # characters


def excerpt(text: str) -> str:
    """The beginning of a text from a file, on one line, for an error message."""
    line = " ".join(text[: 2 * SHOWN].split())
    return line if len(line) <= SHOWN and len(text) <= 2 * SHOWN else f"{line[:SHOWN]}..."
