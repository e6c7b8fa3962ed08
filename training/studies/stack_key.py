"""Which runs are trained as one: `stack=100`, or `stack.seeds=10 stack.folds=10`.

Only runs that differ in seed and fold alone can be; what they have in common is composed, read and compiled once.
"""

import math
from collections.abc import Mapping, Sequence

from cells.errors import UserError

KEYS = ("stack", "stack.seeds", "stack.folds")

MULTIRUN = "hydra.mode=MULTIRUN"
"""What they imply: -m, as an override."""

Values = Mapping[str, list[str]]
"""What a command varies: the values of each key, as overrides such as "cell=C1"."""


def asked(given: Values, n_folds: int) -> tuple[int, Values]:
    """How many runs at most are trained as one, and which seeds and folds that adds to a command.

    `stack.seeds=10` stands for ten seeds from `seed=` on, `stack.folds=10` for ten folds from `fold=` on. `stack=K`
    stands, where the command names neither, for the first K folds of seed 0 if there are so many, else for all folds of
    as many seeds as K runs take: `stack=15` is 20 runs, in stacks of at most 15.

    Args:
        given: on the command line, and by an experiment.
        n_folds: how many folds there are, if the command does not say.

    Raises:
        UserError: a number is none, or below 1, or there are not so many folds, or both forms are given.
    """
    numbers = {key: _number(given[key]) for key in KEYS if key in given}
    if len(given.get("n_folds", [])) == 1:
        n_folds = _number(given["n_folds"])
    if "features" in given and "protocol=walk_forward" not in given.get("protocol", []):
        n_folds = 1  # protocol=paper has one split
    if "stack" in numbers and len(numbers) > 1:
        raise UserError(f"stack={numbers['stack']} beside stack.seeds= or stack.folds=: give one or the other.")
    if "stack" in numbers:
        return numbers["stack"], _all_folds(given, numbers["stack"], n_folds)
    added = {
        key: _range(given, key, numbers[f"stack.{key}s"])
        for key in ("seed", "fold")
        if f"stack.{key}s" in numbers and len(given.get(key, [])) < 2
    }
    if (last := int(added.get("fold", ["fold=0"])[-1].partition("=")[2])) >= n_folds:
        raise UserError(f"stack.folds={numbers['stack.folds']}: fold={last} is none of the folds 0 to {n_folds - 1}.")
    return math.prod(numbers.values()), added


def _number(values: Sequence[str], least: int = 1) -> int:
    text = values[0].partition("=")[2]
    if len(values) > 1 or not text.isdecimal() or int(text) < least:
        raise UserError(f"{', '.join(values)}: give one whole number, {least} or more.")
    return int(text)


def _range(given: Values, key: str, count: int) -> list[str]:
    first = _number(given[key], least=0) if key in given else 0
    return [f"{key}={first + k}" for k in range(count)]


def _all_folds(given: Values, size: int, n_folds: int) -> Values:
    if "seed" in given or "fold" in given:
        return {}
    return {
        "seed": [f"seed={k}" for k in range(-(-size // n_folds))],
        "fold": [f"fold={k}" for k in range(min(size, n_folds))],
    }


def several_if_stacked(arguments: list[str]) -> None:
    """Let `stack=` mean -m as well: it names several runs."""
    for place, argument in enumerate(arguments):
        if argument.partition("=")[0] in KEYS:
            arguments.insert(place, MULTIRUN)  # here, because overrides stand together
            return
