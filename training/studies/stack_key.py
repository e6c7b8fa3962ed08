"""The keys `stack`, `stack.seeds` and `stack.folds`, which train several runs as one.

Only runs that differ in nothing but seed and fold can be trained as one; the rest of their configuration is composed,
and their data read, once.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence

from cells.errors import UserError

STACK_KEYS = ("stack", "stack.seeds", "stack.folds")

WITH_VALUE = {
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--config-path", "-cp", "--config-name", "-cn"),
    *("--config-dir", "-cd", "--experimental-rerun"),
}
"""Hydra's options that the next argument belongs to."""

MULTIRUN = "hydra.mode=MULTIRUN"
"""The option -m, as an override; implied by the keys above."""

Values = Mapping[str, list[str]]
"""The values of each key that a command varies, as overrides such as "cell=C1"."""


def expand_stack(given: Values, n_folds: int) -> tuple[int, Values]:
    """The largest number of runs trained as one, and the seeds and folds that this adds to a command.

    `stack.seeds=10` stands for ten seeds from `seed=` on, `stack.folds=10` for ten folds from `fold=` on. `stack=K`
    alone limits the size of a stack. If the command names neither seed nor fold, it also stands for the first K folds
    of seed 0, or, if there are fewer than K folds, for all folds of as many seeds as K runs need: with ten folds,
    `stack=15` is 20 runs in stacks of at most 15.

    Args:
        given: on the command line and in the experiment.
        n_folds: the number of folds, unless the command sets it.

    Raises:
        UserError: a value is not a whole number, is too small or too large, or both forms are given.
    """
    numbers = {key: whole_number(given[key]) for key in STACK_KEYS if key in given}
    if len(given.get("n_folds", [])) == 1:
        n_folds = whole_number(given["n_folds"])
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


def whole_number(values: Sequence[str], least: int = 1) -> int:
    """The one whole number that the overrides of a key give.

    Raises:
        UserError: there are several values, or it is something else, or too small.
    """
    text = values[0].partition("=")[2]
    if len(values) > 1 or not text.isdecimal() or int(text) < least:
        raise UserError(f"{', '.join(values)}: give one whole number, {least} or more.")
    return int(text)


def _range(given: Values, key: str, count: int) -> list[str]:
    first = whole_number(given[key], least=0) if key in given else 0
    return [f"{key}={first + k}" for k in range(count)]


def _all_folds(given: Values, size: int, n_folds: int) -> Values:
    if "seed" in given or "fold" in given:
        return {}
    return {
        "seed": [f"seed={k}" for k in range(-(-size // n_folds))],
        "fold": [f"fold={k}" for k in range(min(size, n_folds))],
    }


def overrides_together(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command line with all overrides next to each other, as Hydra wants them."""
    behind_option = [False, *(argument in WITH_VALUE for argument in arguments)]
    given = [
        argument
        for argument, is_value in zip(arguments, behind_option, strict=False)  # a word without "=" stays behind its key
        if re.match("[^-].*=|~", argument) or not (is_value or argument.startswith("-"))
    ]
    first = arguments.index(given[0]) if given else 0
    if list(arguments[first : first + len(given)]) == given:
        return list(arguments)
    return [*given, *(argument for argument in arguments if argument not in given)]


def imply_multirun(arguments: list[str], keys: Collection[str]) -> None:
    """Add -m to a command line that has one of these keys, because they stand for several runs."""
    for place, argument in enumerate(arguments):
        if argument.partition("=")[0] in keys:
            arguments.insert(place, MULTIRUN)
            return
