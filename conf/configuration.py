"""What a configuration may say, and what it means. Imports nothing heavy: mistakes are answered at once."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from cells.alterations import CURRENT, HIDDEN, Alteration
from cells.errors import UserError

CONF = Path(__file__).resolve().parent.parent / "conf"

TEXT_KEYS = ("data", "loss", "padding", "preprocess", "split_seed")
MARKET_KEYS = ("features", "sentiment", "window", "horizon", "protocol", "source", "start", "end", "control")
"""Keys that only one of the two kinds of runs knows; the other's are not part of its identity."""

CHOICES = {"loss": ("sigmoid", "softmax"), "padding": ("mask", "paper"), "test_epoch": ("best", "last")}
LARGEST_SEED = 2**32 - 1
"""What the generators of NumPy and scikit-learn take."""

AT_LEAST = {"seed": 0, "split_seed": 0, "fold": 0, "n_folds": 3, "epochs": 1, "batch_size": 1}


def register_cells() -> None:
    """Offer each line of Table 1, and the baseline, to Hydra as `cell=NAME`."""
    store = ConfigStore.instance()
    table = {"baseline": Alteration()}
    table |= {name: Alteration(current=formula) for name, formula in CURRENT.items()}
    table |= {name: Alteration(hidden=formula) for name, formula in HIDDEN.items()}
    for name, alteration in table.items():
        store.store(group="cell", name=name, node=alteration.texts())


def composed(*overrides: str) -> DictConfig:
    """The configuration as train.py composes it, not yet checked."""
    register_cells()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def alteration_of(config: DictConfig) -> Alteration:
    """The cell's alteration; a `FormulaError` points at what is wrong in a formula."""
    return Alteration(current=config.cell.current, hidden=config.cell.hidden)


def is_market(config: DictConfig) -> bool:
    """Whether a feature set is named: the run forecasts a market, and does not classify texts."""
    return "features" in config


def kind(config: DictConfig) -> str:
    """The name of what is learnt from: a data set or a feature set."""
    return str((config.features if is_market(config) else config.data).name)


def check(config: DictConfig, given: Sequence[str] = ()) -> None:
    """Refuse values that no run can use.

    Args:
        config: as composed.
        given: the overrides on the command line, such as "window=7".

    Raises:
        UserError: names the key, its value and what is allowed.
    """
    _refuse_keys_of_the_other_kind(config, given)
    if is_market(config):
        _check_market(config)
    for key, choices in CHOICES.items():
        if config[key] not in choices:
            raise UserError(f"{key}={config[key]}: choose {' or '.join(choices)}.")
    for key, least in AT_LEAST.items():
        _check_integer(key, config[key], least)
    for key in ("seed", "split_seed"):
        if config[key] > LARGEST_SEED:
            raise UserError(f"{key}={config[key]}: give a whole number up to {LARGEST_SEED}.")
    for key in ("data_dir", "cache_dir", "runs_dir"):
        if not isinstance(config[key], str) or not config[key]:
            raise UserError(f"{key}={config[key]}: give the path of a folder.")
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


def _refuse_keys_of_the_other_kind(config: DictConfig, given: Sequence[str]) -> None:
    if is_market(config) and "data" in config:
        raise UserError(
            f"data={config.data.name} and features={config.features.name}: data= classifies texts and features= "
            "forecasts the market, leave one of them out."
        )
    for override in given:
        key = re.split(r"[.=]", override.lstrip("+~"))[0]
        if is_market(config) and key in TEXT_KEYS:
            raise UserError(
                f"{override}: {key}= is about texts, features= forecasts the market; leave one of them out."
            )
        if not is_market(config) and key in MARKET_KEYS:
            raise UserError(
                f"{override}: {key}= is about the market; name a feature set as well, such as features=btc."
            )


def _check_market(config: DictConfig) -> None:
    if config.protocol not in config.stopping:
        raise UserError(f"protocol={config.protocol}: choose {' or '.join(config.stopping)}.")
    for key in ("window", "horizon"):
        _check_integer(key, config[key], 1)
    if "sentiment" in config.features.series and (missing := OmegaConf.missing_keys(config.sentiment)):
        needed = " and ".join(f"{key}=..." for key in sorted(missing))
        raise UserError(
            f"sentiment={config.sentiment.name} needs {needed}: a file is named by its path below data_dir, such as "
            "sentiment.file=market/tweets.csv."
        )


def _check_positive(key: str, value: object, what: str) -> None:
    if not isinstance(value, float | int) or isinstance(value, bool) or not value > 0:
        raise UserError(f"{key}={value}: {what}.")


def _check_integer(key: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{key}={value}: give a whole number, {least} or more.")
