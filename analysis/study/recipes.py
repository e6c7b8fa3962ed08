"""The names of groups of runs: a recipe of conf/recipe, or the settings in which they differ from others."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

from conf.compose import CONF
from conf.tuned import TUNED
from training.run.folder.record import AS_BEFORE, SEARCHED

BEST, PAPER = "best", "paper"
"""The recipes of conf/recipe: what a practitioner would do, which is the default, and what the cell paper does."""

Named = Mapping[str, Mapping[str, str]]
"""The values of each recipe by key, with the same keys in all of them."""


def recipes(configurations: Mapping[str, Mapping[str, object]], named: Named | None = None) -> dict[str, str]:
    """A name for each group of runs that distinguishes it within its model: "paper", "best, lr=0.001", "epochs=10".

    The keys of the recipes come first. A group that is neither "best" nor "paper" has there what differs from "best",
    or "paper" and what differs from that if it is less: "paper, padding=mask".
    They are left out where all groups of a model agree, unless they are "paper". Then come all other settings in which
    groups differ; those of a data set (data.instead) are compared among runs on that data set only. A tuned group,
    whose cells differ in what was searched, is "best, tuned by 20 trials on fold 8 (3f2a)".

    Args:
        configurations: by the fingerprint of the settings.
        named: from `recipes_of_texts`; None: settings alone.
    """
    if not configurations:
        return {}
    named = named or {}
    leaves = {key: _flat(config) for key, config in configurations.items()}
    flat = pd.DataFrame.from_dict(leaves, orient="index")
    described = pd.Series("", index=flat.index)
    if named:
        labels = pd.Series({key: _named(values, named) for key, values in leaves.items()}, dtype=str)
        differ = labels.groupby(flat["model.name"]).transform("nunique") > 1
        described += labels.radd(", ").where(differ | labels.str.startswith(PAPER), "")
    first = {key for values in named.values() for key in values}
    tuned = flat[TUNED].notna() if TUNED in flat else pd.Series(False, index=flat.index)
    for key in sorted({str(name) for name in flat} - {"data.name", "model.name", "split_seed", TUNED} - first):
        among = ["model.name", "data.name"] if key.startswith("data.") else ["model.name"]
        alike = flat[~tuned] if key in SEARCHED else flat
        differing = _differing(alike, key, among, _usual().get(key, "-") if named else "-")
        described += differing.reindex(flat.index, fill_value="")
    if TUNED in flat:
        described += (", tuned by " + flat[TUNED]).where(tuned, "")
    if "split_seed" in flat:
        fixed = flat[flat["split_seed"].notna()]
        described += _differing(fixed, "split_seed", ["model.name"]).reindex(flat.index, fill_value="")
    return {str(key): described[key].removeprefix(", ") for key in flat.index}


@cache
def recipes_of_texts() -> Named:
    """The values of the recipes in conf/recipe, for every key that one of them sets.

    A recipe that does not set a key has the value of conf/config.yaml.
    """
    files = {name: CONF / "recipe" / f"{name}.yaml" for name in (BEST, PAPER)}
    given = {name: _flat(_loaded(path)) for name, path in files.items()}
    keys = list(dict.fromkeys(key for values in given.values() for key in values))
    return {name: {key: values.get(key, _usual()[key]) for key in keys} for name, values in given.items()}


def _named(values: Mapping[str, str], named: Named) -> str:
    meant = {**named[BEST], **{key: str(value) for key, value in AS_BEFORE.items()}, **values}
    differing = {
        name: [f"{key}={meant[key]}" for key in recipe if meant[key] != recipe[key]] for name, recipe in named.items()
    }
    if len(differing[PAPER]) < len(differing[BEST]):
        return ", ".join([PAPER, *differing[PAPER]])
    return ", ".join(differing[BEST]) or BEST


def _differing(flat: pd.DataFrame, key: str, among: list[str], absent: str = "-") -> pd.Series:
    """The text ", lr=0.002" for each group whose value differs from that of another, empty for others."""
    values = flat[key].fillna(absent)
    differs = values.groupby([flat[name] for name in among]).transform("nunique") > 1
    return (f", {key}=" + values).where(differs, "")


@cache
def _usual() -> Mapping[str, str]:
    """The values of conf/config.yaml, which stand for keys that a record does not have."""
    return _flat(_loaded(CONF / "config.yaml"))


def _loaded(path: Path) -> Mapping[str, object]:
    tree = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items() if key not in ("defaults", "hydra")}


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Leaves of a configuration by names such as "data.name", without those in which runs of a group differ."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{name}.") if name != "cell" else {}
        elif name not in ("seed", "fold"):
            leaves[name] = str(value)
    return leaves
