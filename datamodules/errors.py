"""The error of everything that can be wrong with data."""

from cells.errors import UserError


class DataError(UserError):
    """Data is missing, broken or not what it should be; the message is one sentence that says what to do."""
