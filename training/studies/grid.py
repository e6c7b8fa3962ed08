"""The grid of a study: every combination of the values that a command varies."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from cells.errors import UserError
from conf.keys import plain
from training.studies.stack_key import STACK_KEYS, Values, expand_stack
from training.studies.tune_key import TUNE_KEYS, Tune, read_tune, with_one_partition

REPLICATE_KEYS = ("seed", "fold")
"""The keys that repeat a run without changing what is studied.

They vary slowest, so a study that was stopped halfway has all cells of its first seeds and folds. No other part of a
configuration depends on them, so runs that differ in them alone are composed once.
"""

RunOverrides = Mapping[str, str]
"""One run of a study: an override for each key."""


@dataclass(frozen=True)
class Grid:
    """The values that an experiment and the rest of the command line vary.

    Attributes:
        params: the experiment's.
        one_of: further values of the experiment, of which each run takes one set: not every model takes every cell.
        given: on the command line; they replace `params` and choose among `one_of`.
        stack: the largest number of runs trained as one.
        tune: the search that `tune=` asks for; None: there is none.
    """

    params: Values
    one_of: Sequence[Values]
    given: Values
    stack: int = 1
    tune: Tune | None = None

    @classmethod
    def read(
        cls,
        params: Mapping[str, object],
        one_of: Iterable[Mapping[str, object]],
        arguments: Sequence[str],
        parser: OverridesParser,
        n_folds: int,
    ) -> "Grid":
        """The grid of an experiment's `params` and `one_of` and a command line's `arguments`.

        Raises:
            UserError: several experiments are named, or a stack or a search is impossible.
        """

        def values(overrides: Sequence[str]) -> Values:
            parsed = parser.parse_overrides([plain(override) for override in overrides])
            return {override.get_key_element(): _each(override) for override in parsed}

        def lines(mapping: Mapping[str, object]) -> list[str]:
            return [f"{key}={value}" for key, value in mapping.items()]

        given = values(arguments)
        if len(given.get("experiment", [])) > 1:
            raise UserError(f"{', '.join(given['experiment'])}: name one experiment at a time.")
        fixed = values(lines(params))
        stack, added = expand_stack({**fixed, **given}, n_folds)
        tune = read_tune({**fixed, **given})
        if tune is not None:
            added = {**added, **with_one_partition({**fixed, **given})}
        fixed, given = ({key: of[key] for key in of if key not in (*STACK_KEYS, *TUNE_KEYS)} for of in (fixed, given))
        return cls(fixed, [values(lines(more)) for more in one_of], {**given, **added}, stack, tune)

    def runs(self) -> list[RunOverrides]:
        """Every combination; those with the same seed and fold follow each other.

        Raises:
            UserError: there is none.
        """
        chosen = [run for more in self.one_of or [{}] for run in _product(self._narrowed(more))]
        if not chosen:
            asked = " ".join(value for values in self.given.values() for value in values)
            raise UserError(f"{asked}: the experiment has no such run, see its file in conf/experiment.")
        return _by_replicate(chosen)

    def _narrowed(self, more: Values) -> Values:
        """All values for one of `one_of`; a key in both `more` and `given` keeps only values in both, possibly none."""
        both = {key: [value for value in more[key] if value in self.given[key]] for key in more if key in self.given}
        return {**self.params, **more, **self.given, **both}


def _each(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: give the values themselves, separated by commas, or range(...).")
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def _product(values: Values) -> list[RunOverrides]:
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _by_replicate(runs: Sequence[RunOverrides]) -> list[RunOverrides]:
    groups: dict[tuple[str | None, ...], list[RunOverrides]] = {}
    for run in runs:
        groups.setdefault(tuple(run.get(key) for key in REPLICATE_KEYS), []).append(run)
    return [run for group in groups.values() for run in group]
