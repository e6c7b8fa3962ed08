"""The base class of mistakes that a user can put right, used throughout, and how messages quote what was typed."""


class UserError(Exception):
    """A mistake of the user's; the message is one sentence that says what is wrong, where, and what to do."""


def briefly(text: object) -> str:
    """A text as it was typed, in quotes and ASCII, or its beginning and end if it is long."""
    quoted = ascii(text)
    return quoted if len(quoted) <= 100 else f"{quoted[:60]}...{quoted[-30:]}"
