"""The key that says how a run's settings were chosen, if `tune=` chose them."""

import re

from cells.errors import UserError

TUNED = "tuned"
"""A key that says how the values of searched keys were chosen for each cell, if they were."""

BETWEEN = " trials on "


def tuned_by(trials: int, search: str) -> str:
    """The value of TUNED."""
    return f"{trials}{BETWEEN}{search}"


def trials_and_search(tuned: str) -> tuple[int, str]:
    """The number of trials and the search that a value of TUNED names; reverses `tuned_by`.

    Raises:
        UserError: it is no such value.
    """
    if not re.fullmatch(rf"\d+{BETWEEN}\S.*", tuned):
        raise UserError(f"{TUNED}={tuned}: tune= sets this key, such as tune=20; leave it out.")
    trials, _, search = tuned.partition(BETWEEN)
    return int(trials), search
