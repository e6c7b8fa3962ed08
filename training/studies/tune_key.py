"""The keys `tune`, `tune.trials`, `tune.seeds` and `tune.folds`, which search settings for each cell before its runs.

The settings are chosen on validation parts none of which is tested by the runs that are reported, so all seeds have to
share one partition into folds (split=fixed): another seed's partition would test documents on which the choice rests.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from cells.errors import UserError
from conf.kinds import FIXED, validation_part
from training.run.folder.record import SEARCHED
from training.studies.stack_key import Values, whole_number

TUNE, TRIALS = "tune", "tune.trials"
"""tune=30 is short for tune.trials=30."""

TUNE_KEYS = (TUNE, TRIALS, "tune.seeds", "tune.folds")


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """A command line with the long form of `tune=30`: Hydra takes no key below one that is a number."""
    return [re.sub(rf"^{TUNE}=(?=\d)", f"{TRIALS}=", argument) for argument in arguments]


class Tune(NamedTuple):
    """The search that `tune=` asks for.

    Attributes:
        trials: of each cell, the fixed settings included.
        seeds, folds: how many of them each trial is trained with; its score is the mean.
    """

    trials: int
    seeds: int = 1
    folds: int = 1


def read_tune(given: Values) -> Tune | None:
    """The search that a command asks for; None if it does not tune.

    Args:
        given: on the command line and in the experiment.

    Raises:
        UserError: a value is not a whole number, or another key makes no sense beside it.
    """
    numbers = {key: whole_number(given[key]) for key in TUNE_KEYS if key in given}
    if not numbers:
        return None
    trials = numbers.get(TRIALS, numbers.get(TUNE))
    if trials is None:
        key, number = next(iter(numbers.items()))
        raise UserError(f"{key}={number}: say how many trials each cell has as well, such as tune=30.")
    if swept := [key for key in SEARCHED if len(given.get(key, [])) > 1]:
        raise UserError(f"{', '.join(given[swept[0]])}: give one value, from which tune= searches for a better one.")
    if "features" in given:
        raise UserError("tune= is for texts, features= forecasts a series; leave one of them out.")
    if "run_dir" in given:
        raise UserError("run_dir= names the folder of one run, but tune= makes many; give runs_dir= instead.")
    return Tune(trials, numbers.get("tune.seeds", 1), numbers.get("tune.folds", 1))


def with_one_partition(given: Values) -> Values:
    """The override that `tune=` adds to a command that does not say how the documents are split."""
    return {} if "split" in given else {"split": [f"split={FIXED}"]}


def tuning_folds(reported: Collection[int] | None, n_folds: int, count: int) -> Sequence[int]:
    """The folds on which settings are chosen: the last that are not reported nor validate on a reported test part.

    If all three parts are given there is fold 0 alone, and settings are chosen on its validation part.

    Args:
        reported: the folds whose test scores are reported; None: all three parts are given.
        n_folds: of the partition.
        count: how many are wanted.

    Raises:
        UserError: there are fewer.
    """
    if reported is None:
        if count > 1:
            raise UserError(
                f"tune.folds={count}: all three parts are given, so there is one fold; leave tune.folds out, or train "
                f"each trial with several seeds, tune.seeds={count}."
            )
        return [0]
    free = [k for k in range(n_folds) if not {k, validation_part(k, n_folds)} & {*reported}]
    if len(free) < count:
        raise UserError(
            f"tune.folds={count}: settings are chosen on folds that are not reported and do not validate on a reported "
            f"test part, and of n_folds={n_folds} that leaves {len(free)}; report fewer with fold=, such as "
            f"fold={','.join(map(str, range(max(1, n_folds - 1 - count))))}."
        )
    return free[-count:]
