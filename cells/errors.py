"""The base class of mistakes that a user can put right, used throughout."""


class UserError(Exception):
    """A mistake of the user's; the message is one sentence that says what is wrong, where, and what to do."""
