"""What a user can put right."""


class UserError(Exception):
    """A mistake of the user's; the message is one sentence that says what is wrong, where, and what to do."""
