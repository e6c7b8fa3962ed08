"""How the documents of a study are split into folds: anew by each seed, or once for all of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from analysis.study.results import configuration
from conf.kinds import BY_SEED, FIXED
from training.run.folder.record import Record


def partition_of(configuration: Mapping[str, object]) -> str:
    """The way a group's documents are split: "by_seed", or the one partition of all its seeds, "fixed 0"."""
    if configuration.get("split", FIXED) == BY_SEED:
        return BY_SEED
    return f"{FIXED} {configuration['split_seed']}"


def one_group_by_seed(
    runs: pd.DataFrame, known: Collection[str] = ()
) -> tuple[pd.DataFrame, dict[str, dict[str, object]]]:
    """Group the runs of older versions with 'split_seed=${seed}' as what they are: runs in which each seed splits anew.

    Older versions recorded the number, so each seed had settings of its own. Groups that agree in all but split_seed,
    each with one seed, which is its split_seed, become the group of `split=by_seed`, if there are two or more.

    Args:
        runs: columns settings, folder, seed.
        known: settings of such groups that were found before: one more seed joins its group.

    Returns:
        The runs, with the settings of such a group in place of their own, and the configuration of each group.
    """
    configurations = _configurations(runs)
    seeds = runs.groupby("settings")["seed"].agg(["min", "max"])
    alike: dict[str, list[str]] = defaultdict(list)
    for settings, config in configurations.items():
        own = config.get("split_seed") if config.get("split") != BY_SEED else None
        if own is not None and (seeds.loc[settings] == own).all():
            alike[Record(_by_seed(config)).settings].append(settings)
    renamed = {old: new for new, group in alike.items() if len(group) > 1 or new in known for old in group}
    grouped = {renamed.get(key, key): key for key in configurations}
    return runs.assign(settings=runs["settings"].replace(renamed)), {
        new: _by_seed(configurations[old]) if new in renamed.values() else configurations[old]
        for new, old in grouped.items()
    }


def _by_seed(configuration: Mapping[str, object]) -> dict[str, object]:
    return {**{key: value for key, value in configuration.items() if key != "split_seed"}, "split": BY_SEED}


def _configurations(runs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """One configuration for each fingerprint."""
    first = runs.drop_duplicates("settings")
    return {
        str(key): configuration(Path(folder)) for key, folder in zip(first["settings"], first["folder"], strict=True)
    }
