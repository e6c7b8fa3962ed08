"""The error raised for missing or broken data."""

from cells.errors import UserError


class DataError(UserError):
    """Data is missing, broken or of the wrong kind; the message is one sentence that says what to do."""
