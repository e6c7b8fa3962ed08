"""Searches of settings, one for each cell of a command, in rounds that train a trial of every search side by side."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from datamodules.texts.sources import load_corpus
from training.studies.grid import REPLICATE_KEYS, RunOverrides
from training.studies.search import Compose, Search
from training.studies.tune_key import Tune

Train = Callable[[Sequence[RunOverrides]], None]
"""Trains runs that are not finished, and returns when each has a result or an error."""


def with_tuned(runs: Sequence[RunOverrides], tune: Tune, compose: Compose, train: Train) -> list[RunOverrides]:
    """The runs of a command, and each of them once more with the best settings of its cell.

    All runs that share everything but seed and fold have one search; all searches have the same number of trials.

    Args:
        runs: of the command, with the given settings.
        tune: what was asked for.
        compose: makes a configuration from overrides.
        train: trains the runs of trials.

    Raises:
        UserError: as `Search`.
    """
    alike: dict[tuple[str, ...], list[RunOverrides]] = {}
    for run in runs:
        alike.setdefault(tuple(_shared(run).values()), []).append(run)
    one_partition = functools.cache(_has_one_partition)  # all cells learn from the same data
    searches = {}
    for key, group in alike.items():
        config = compose(key)
        reported = None if one_partition(config.data, config.data_dir) else _folds(group, config)
        searches[key] = Search(_shared(group[0]), reported, tune, compose)
    while open_searches := [search for search in searches.values() if search.following]:
        _round(open_searches, train)
    for search in searches.values():
        print(search, flush=True)
    return [*runs, *({**run, **searches[tuple(_shared(run).values())].tuned} for run in runs)]


def _round(searches: Sequence[Search], train: Train) -> None:
    """Train the trials that can be made now, those with the same number side by side."""
    numbers = {search: search.following for search in searches}
    first, last = min(each[0] for each in numbers.values()), max(each[-1] for each in numbers.values())
    trials = f"Trial {first}" if first == last else f"Trials {first} to {last}"
    cells = f"{len(searches)} searches" if len(searches) > 1 else "one search"
    print(f"{trials} of {searches[0].tune.trials}, numbered from 0, of {cells}.", flush=True)
    train([run for search, each in numbers.items() for number in each for run in search.runs(number)])
    for search, each in numbers.items():
        search.tell(each)


def _shared(run: RunOverrides) -> RunOverrides:
    return {key: override for key, override in run.items() if key not in REPLICATE_KEYS}


def _has_one_partition(data: DictConfig, data_dir: str) -> bool:
    """Whether all three parts are given; they can be with a user's own texts alone, and only reading these tells."""
    return "reader" in data and load_corpus(data, Path(data_dir)).has_one_partition


def _folds(runs: Sequence[RunOverrides], config: DictConfig) -> list[int]:
    """The folds of these runs; without `fold=` it is that of the configuration."""
    return [int(run["fold"].partition("=")[2]) if "fold" in run else config.fold for run in runs]
