"""The plan of a study: which of its runs are finished, and which are to do."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from cells.errors import UserError
from conf.checks import AT_LEAST, check, check_numbers
from conf.mistakes import MISTAKES
from training.run.folder.provenance import changed_data
from training.run.folder.run_folder import RunFolder
from training.studies.grid import REPLICATE_KEYS, RunOverrides


class PlannedRun(NamedTuple):
    """A run to do.

    Attributes:
        overrides: all of the run's.
        shared: the overrides but for `REPLICATE_KEYS`.
        config: composed from `shared`, for all runs that share it: ignore its seed and fold and use the fields below.
        seed, fold: the run's.
        path: its folder; None if the configuration is invalid.
    """

    overrides: tuple[str, ...]
    shared: tuple[str, ...]
    config: DictConfig
    seed: int
    fold: int
    path: Path | None


class StudyPlan(NamedTuple):
    """The distinct runs of a study.

    Attributes:
        todo: the runs that are not finished.
        finished: the folders of those that are.
        changed: how many of these were trained on another version of a file than there is now, by its path.
    """

    todo: list[PlannedRun]
    finished: list[Path]
    changed: Counter[str]

    @property
    def folders(self) -> list[Path]:
        """The folders of all runs that have one."""
        return [*self.finished, *(run.path for run in self.todo if run.path)]

    @property
    def total(self) -> int:
        """The number of runs."""
        return len(self.finished) + len(self.todo)

    @property
    def invalid(self) -> int:
        """The number of runs whose configuration is invalid."""
        return sum(run.path is None for run in self.todo)


def plan_study(
    runs: Sequence[RunOverrides], compose: Callable[[tuple[str, ...]], DictConfig], parser: OverridesParser
) -> StudyPlan:
    """Sort runs into finished ones and those to do.

    An invalid run counts as to do; running it reports the error.

    Args:
        runs: of the command; the same run may come twice.
        compose: makes a configuration from overrides; slow.
        parser: of overrides.

    Raises:
        UserError: `run_dir=` names the same folder for several runs.
    """
    shared = [tuple(override for key, override in run.items() if key not in REPLICATE_KEYS) for run in runs]
    configurations = {overrides: compose(overrides) for overrides in dict.fromkeys(shared)}
    value = functools.cache(lambda override: parser.parse_override(override).value())
    planned: dict[str, PlannedRun | Path] = {}
    changed: Counter[str] = Counter()
    for run, overrides in zip(runs, shared, strict=True):
        config = configurations[overrides]
        for key in REPLICATE_KEYS:
            if key in run:
                config[key] = value(run[key])
        name, path, finished = _state(config, run)
        made = PlannedRun(tuple(run.values()), overrides, config, config.seed, config.fold, path)
        if path and finished and name not in planned:
            changed.update(changed_data(path, config))
        planned.setdefault(name, path if path and finished else made)
    _refuse_one_folder_for_many(planned.values())
    todo = [run for run in planned.values() if isinstance(run, PlannedRun)]
    return StudyPlan(todo, [path for path in planned.values() if isinstance(path, Path)], changed)


def _refuse_one_folder_for_many(planned: Iterable[PlannedRun | Path]) -> None:
    places = Counter(run if isinstance(run, Path) else run.path for run in planned)
    for path, number in places.items():
        if path is not None and number > 1:
            raise UserError(
                f"run_dir={path}: it is the folder of one run, but the command has {number}; give runs_dir= instead."
            )


def in_stacks(runs: Iterable[PlannedRun], size: int) -> list[list[PlannedRun]]:
    """Group runs into stacks of at most `size` that differ in seed and fold alone, in the order of the runs."""
    groups: dict[tuple[str, ...], list[PlannedRun]] = {}
    for run in runs:
        groups.setdefault(run.shared if size > 1 and run.path else run.overrides, []).append(run)
    return [group[k : k + size] for group in groups.values() for k in range(0, len(group), size)]


def _state(config: DictConfig, run: RunOverrides) -> tuple[str, Path | None, bool]:
    """A name that tells the run from others, its folder, and whether it is finished."""
    try:
        check_numbers(config, {key: AT_LEAST[key] for key in REPLICATE_KEYS})
        folder = RunFolder.of(config)
        finished = folder.is_finished()
        if not finished:
            check(config, tuple(run.values()))
        return f"{folder.path} {folder.record.fingerprint}", folder.path.absolute(), finished
    except MISTAKES:
        return " ".join(run.values()), None, False
