"""Which values of a configuration are allowed. Imports nothing heavy, so that a mistake is answered at once."""

import importlib.util
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig

from cells.alterations import Alteration
from cells.errors import UserError
from conf.compose import PLACEBO, alteration_of, is_placebo
from conf.keys import refuse_quotes
from conf.kinds import BY_SEED, FIXED, KINDS, Kind, kind_of
from conf.tuned import trials_and_search

CHOICES = {
    "logger": ("tensorboard", "csv", "mlflow", "wandb"),
    "loss": ("sigmoid", "softmax"),
    "monitor": ("loss", "accuracy"),
    "padding": ("mask", "paper"),
    "split": (BY_SEED, FIXED),
    "test_epoch": ("best", "last"),
}
PACKAGED_LOGGERS = ("mlflow", "wandb")
"""Loggers that need a package of their name, which an extra of their name brings."""

AT_LEAST = {"seed": 0, "split_seed": 0, "fold": 0, "n_folds": 3, "epochs": 1, "batch_size": 1}

LARGEST_SEED = 2**32 - 1
"""The largest seed that the generators of NumPy and scikit-learn take."""

AT_MOST = {"seed": LARGEST_SEED, "split_seed": LARGEST_SEED, "threads": 1024}
"""The largest allowed values, where it is not LARGEST; OpenMP ends the program over too many threads."""

LARGEST = 2**31 - 1
"""The largest value of any other whole number."""


def check(config: DictConfig, given: Sequence[str] = ()) -> None:
    """Refuse values that no run can use.

    Args:
        config: as composed.
        given: the overrides on the command line, such as "window=7".

    Raises:
        UserError: names the key, its value and what is allowed.
    """
    kind = kind_of(config)
    kind.check(config)
    for override in given:
        _refuse_misplaced(override, kind)
    for key, choices in CHOICES.items():
        if config[key] not in choices:
            raise UserError(f"{key}={config[key]}: choose {' or '.join(choices)}.")
    check_numbers(config, {**AT_LEAST, **kind.at_least})
    for key in ("data_dir", "cache_dir", "runs_dir", "run_dir"):
        if (not isinstance(config[key], str) or not config[key]) and not (key == "run_dir" and config[key] is None):
            raise UserError(f"{key}={config[key]}: give the path of a folder.")
        refuse_file(f"{key}=", config[key])
    for key in ("runs_dir", "run_dir"):
        if config[key] is not None and os.fsencode(config[key]).decode("utf-8", "replace") != config[key]:
            raise UserError(f"{key}={config[key]}: give a name in UTF-8, because TensorBoard writes to no other.")
    _check_training(config)
    _refuse_other_file(config)
    if config.tuned is not None:
        trials_and_search(str(config.tuned))
    _check_logger(config.logger)
    if is_placebo(config) and alteration_of(config) != Alteration():
        raise UserError(
            f"cell={PLACEBO} is the baseline with other random numbers, without cell.current= or another equation."
        )
    if config.split == BY_SEED and (useless := [each for each in given if each.startswith("split_seed=")]):
        raise UserError(f"{useless[0]}: with split={BY_SEED} the folds follow seed=, add split={FIXED}.")


def refuse_file(key: str, folder: str | None) -> None:
    """Raise UserError if a file stands where a folder is wanted, or one above it; the key stands before its value."""
    for path in (Path(folder), *Path(folder).parents) if folder is not None else ():
        if os.path.exists(path) and not os.path.isdir(path):
            raise UserError(f"{key}{folder}: {path} is a file, give the path of a folder.")


def _check_training(config: DictConfig) -> None:
    for key in ("patience", "threads"):
        if config[key] is not None:
            _check_integer(key, config[key], 1)
    _check_positive("lr", config.lr, "the learning rate is a number above 0, such as 0.001")
    if config.clip is not None:
        _check_positive("clip", config.clip, "give the gradient's largest norm, a number above 0, or null")
    if config.fold >= config.n_folds:
        raise UserError(f"fold={config.fold}: with n_folds={config.n_folds} the folds are 0 to {config.n_folds - 1}.")
    if config.test_epoch == "last" and config.patience is not None:
        raise UserError("test_epoch=last tests the epoch that epochs= names: add patience=null.")
    if config.monitor != "loss" and config.test_epoch == "last":
        raise UserError(f"monitor={config.monitor}: nothing looks at it with test_epoch=last, add test_epoch=best.")


def _refuse_other_file(config: DictConfig) -> None:
    """Refuse data.file= beside a data set that has no file of its own."""
    data = config.get("data")
    if data is not None and data.get("file") is not None and not {"url", "reader"} & set(data):
        raise UserError(
            f"data.file={data.file}: data={data.name} has no file; for a file of your own give data=csv "
            f"data.file={data.file} data.text=... data.label=..., the names of its columns."
        )


def _check_logger(name: str) -> None:
    """Refuse a logger whose package is missing; a folder of that name here, as W&B makes one, is no package."""
    found = importlib.util.find_spec(name) if name in PACKAGED_LOGGERS else None
    if name in PACKAGED_LOGGERS and (found is None or found.origin is None):
        raise UserError(f'logger={name} needs a package more: pip install -e ".[{name}]" brings it.')


def _refuse_misplaced(override: str, kind: Kind) -> None:
    key = re.split(r"[.=]", override.lstrip("+~"))[0]
    for other in KINDS:
        if other is not kind and key in other.keys:
            raise UserError(f"{override}: {key}= {other.misplaced}.")


def check_numbers(config: DictConfig, least: Mapping[str, int]) -> None:
    """Refuse what is no whole number, or is out of range.

    Args:
        config: as composed.
        least: the smallest allowed value of each key.

    Raises:
        UserError: names the key, its value and what is allowed.
    """
    for key, smallest in least.items():
        _check_integer(key, config[key], smallest)


def _check_positive(key: str, value: object, allowed: str) -> None:
    refuse_quotes(key, value)
    if not isinstance(value, float | int) or isinstance(value, bool) or not 0 < value < math.inf:
        raise UserError(f"{key}={value}: {allowed}.")


def _check_integer(key: str, value: object, least: int) -> None:
    refuse_quotes(key, value)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{key}={value}: give a whole number, {least} or more.")
    if value > (largest := AT_MOST.get(key, LARGEST)):
        raise UserError(f"{key}={value}: give a whole number up to {largest}.")
