"""Many runs of one command: which there are, and which are to be made."""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from cells.errors import UserError
from conf.command_line import MISTAKES
from training.run.folder import RunFolder
from training.run.record import fingerprint
from training.studies.stack_key import KEYS, Values, asked

LIGHT = ("seed", "fold")
"""Keys that touch nothing else of a configuration, so that runs which differ in them only are composed once. They also
vary slowest: a study that was stopped half-way has all cells of its first seed and folds."""

Run = Mapping[str, str]
"""One run of a command: an override for each key."""


@dataclass(frozen=True)
class Study:
    """What an experiment and the rest of the command line vary.

    Attributes:
        params: of the experiment.
        one_of: more of them, of which each run has one; where not every model goes with every cell.
        given: on the command line; takes the place of `params` and chooses among `one_of`.
        stack: how many runs at most are trained as one.
    """

    params: Values
    one_of: Sequence[Values]
    given: Values
    stack: int = 1

    @classmethod
    def read(
        cls,
        params: Mapping[str, object],
        one_of: Iterable[Mapping[str, object]],
        arguments: Sequence[str],
        parser: OverridesParser,
        n_folds: int,
    ) -> "Study":
        """From what stands in the experiment's file and on the command line; there are `n_folds` folds.

        Raises:
            UserError: several experiments are named, or a stack that cannot be.
        """

        def values(overrides: Sequence[str]) -> Values:
            return {override.get_key_element(): _each(override) for override in parser.parse_overrides(list(overrides))}

        def lines(mapping: Mapping[str, object]) -> list[str]:
            return [f"{key}={value}" for key, value in mapping.items()]

        given = values(arguments)
        if len(given.get("experiment", [])) > 1:
            raise UserError(f"{', '.join(given['experiment'])}: name one experiment at a time.")
        fixed = values(lines(params))
        stack, added = asked({**fixed, **given}, n_folds)
        given = {**{key: given[key] for key in given if key not in KEYS}, **added}
        return cls(fixed, [values(lines(more)) for more in one_of], given, stack)

    def runs(self) -> list[Run]:
        """Every combination; those of one seed and fold one after the other.

        Raises:
            UserError: there is none.
        """
        chosen = [run for more in self.one_of or [{}] for run in _product(self._narrowed(more))]
        if not chosen:
            asked = " ".join(value for values in self.given.values() for value in values)
            raise UserError(f"{asked}: the experiment has no such run, see its file in conf/experiment.")
        return _by_seed(chosen)

    def _narrowed(self, more: Values) -> Values:
        """`more` chooses the values that are given as well, which may be none."""
        both = {key: [value for value in more[key] if value in self.given[key]] for key in more if key in self.given}
        return {**self.params, **more, **self.given, **both}


def _each(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: give the values themselves, separated by commas, or range(...).")
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def _product(values: Values) -> list[Run]:
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _by_seed(runs: Sequence[Run]) -> list[Run]:
    together: dict[tuple[str | None, ...], list[Run]] = {}
    for run in runs:
        together.setdefault(tuple(run.get(key) for key in LIGHT), []).append(run)
    return [run for group in together.values() for run in group]


class Planned(NamedTuple):
    """A run that is to be made.

    Attributes:
        overrides: all of them.
        heavy: those but for the keys in `LIGHT`.
        config: what `heavy` composes to; seed and fold are those of another run.
        seed, fold: of the run.
        path: its folder; None where its configuration names none.
    """

    overrides: tuple[str, ...]
    heavy: tuple[str, ...]
    config: DictConfig
    seed: int
    fold: int
    path: Path | None


class Plan(NamedTuple):
    """Runs that differ from each other.

    Attributes:
        todo: those that are not finished.
        finished: the folders of those that are.
    """

    todo: list[Planned]
    finished: list[Path]

    @property
    def folders(self) -> list[Path]:
        """Of all runs."""
        return [*self.finished, *(run.path for run in self.todo if run.path)]


def plan(runs: Sequence[Run], compose: Callable[[list[str]], DictConfig], parser: OverridesParser) -> Plan:
    """Which runs are to be made. One that is in no state to be found is, too: it will say what is wrong.

    Args:
        runs: of the command.
        compose: a configuration from overrides; takes long.
        parser: of overrides.
    """
    heavy = [tuple(override for key, override in run.items() if key not in LIGHT) for run in runs]
    configurations = {overrides: compose(list(overrides)) for overrides in dict.fromkeys(heavy)}
    value = functools.cache(lambda override: parser.parse_override(override).value())
    planned: dict[str, Planned | Path] = {}
    for run, overrides in zip(runs, heavy, strict=True):
        config = configurations[overrides]
        for key in LIGHT:
            if key in run:
                config[key] = value(run[key])
        name, path, finished = _state(config, run)
        made = Planned(tuple(run.values()), overrides, config, config.seed, config.fold, path)
        planned.setdefault(name, path if path and finished else made)
    todo = [run for run in planned.values() if isinstance(run, Planned)]
    return Plan(todo, [path for path in planned.values() if isinstance(path, Path)])


def stacked(runs: Iterable[Planned], size: int) -> list[list[Planned]]:
    """In stacks of runs that differ in seed and fold only, the first ones first.

    Args:
        runs: to be made.
        size: how many runs at most are trained as one.
    """
    together: dict[tuple[str, ...], list[Planned]] = {}
    for run in runs:
        together.setdefault(run.heavy if size > 1 else run.overrides, []).append(run)
    return [same[k : k + size] for same in together.values() for k in range(0, len(same), size)]


def _state(config: DictConfig, run: Run) -> tuple[str, Path | None, bool]:
    """What tells a run from others, its folder, and whether it is finished."""
    try:
        folder = RunFolder.of(config)
        return f"{folder.path} {fingerprint(folder.identity)}", folder.path.absolute(), folder.is_finished()
    except MISTAKES:
        return " ".join(run.values()), None, False
