"""The error of everything that can be wrong with data."""


class DataError(Exception):
    """Data is missing, broken or not what it should be; the message is one sentence that says what to do."""
