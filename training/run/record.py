"""The record of a run: what its configuration is known by, in its folder and in its tables."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from conf.configuration import MARKET_KEYS, TEXT_KEYS, alteration_of, is_market

SURROUNDINGS = ("data_dir", "cache_dir", "runs_dir", "run_dir", "threads", "stack")
"""Keys that say where things are and who computes; they change no result and are not part of a run's identity."""

DESCRIPTIONS = ("url", "page", "note")
"""Keys of a data set that say where its file comes from; which file it is does count."""


RECORDED_AS = {
    "datamodules.texts.corpora": "datamodules.corpora",
    "models.bilstm": "models.text",
    "models.forecasters": "models.market",
}
"""Modules whose functions `_target_` names, and how a record calls them: code may move, and a run's name stays."""


def identity(config: DictConfig) -> dict[str, Any]:
    """What a run's numbers depend on: two runs are the same run if their identities are equal."""
    resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    resolved["cell"] = alteration_of(config).texts()
    ignored = {*SURROUNDINGS, *(("stopping", *TEXT_KEYS) if is_market(config) else MARKET_KEYS)}
    if is_market(config) and "sentiment" not in config.features.series:
        ignored.add("sentiment")
    for group in ("data", "sentiment"):
        if group in resolved:
            resolved[group] = {key: value for key, value in resolved[group].items() if key not in DESCRIPTIONS}
    for part in (resolved["model"], resolved.get("data", {}).get("corpus", {})):
        if "_target_" in part:
            part["_target_"] = recorded_target(part["_target_"])
    if resolved.get("clip") is None:
        ignored.add("clip")  # a run of a version that knew no clipping is the same run
    return {str(key): value for key, value in resolved.items() if key not in ignored}


def settings_of(identity: Mapping[str, Any]) -> str:
    """The fingerprint that runs share which differ in cell, seed and fold only."""
    return fingerprint({key: identity[key] for key in identity if key not in ("cell", "seed", "fold")})


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that differ where two identities differ."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def recorded_target(target: str) -> str:
    """A `_target_` as records have it."""
    module, _, name = target.rpartition(".")
    return f"{RECORDED_AS.get(module, module)}.{name}"


def target_of(recorded: str) -> str:
    """The `_target_` that a record names, where it is today."""
    module, _, name = recorded.rpartition(".")
    today = {before: now for now, before in RECORDED_AS.items()}
    return f"{today.get(module, module)}.{name}"
