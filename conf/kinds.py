"""The two kinds of runs, which classify texts (`data=`) or forecast the market (`features=`). Imports nothing heavy."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError

Config = Mapping[str, Any] | DictConfig
"""A composed configuration, or the part of it that config.yaml keeps."""


class Kind(ABC):
    """Everything about a configuration that only one kind of run knows.

    Attributes:
        groups: the configuration groups whose `name` is a column of metrics.csv; the first one names what the run
            learns from.
        columns: the keys whose values are further columns of metrics.csv.
        keys: the keys that mean something to this kind alone.
        misplaced: why a run of the other kind refuses them, and what to do.
        in_name: the keys whose values are part of a run's name, beside cell, seed and fold.
        at_least: the smallest allowed value of each whole number that only this kind has.
        headline: the score that stands for a run's result where there is room for one.
    """

    groups: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[tuple[str, ...]]
    misplaced: ClassVar[str]
    in_name: ClassVar[tuple[str, ...]] = ()
    at_least: ClassVar[Mapping[str, int]] = {}
    headline: ClassVar[str]

    @property
    def group(self) -> str:
        """The group that names what a run learns from: "data" or "features"."""
        return self.groups[0]

    def learnt_from(self, config: Config) -> str:
        """The name of the data set or of the feature set."""
        return str(config[self.group]["name"])

    def unused(self, config: Config) -> set[str]:
        """Keys of a composed configuration that change nothing in a run of this kind."""
        return {key for kind in KINDS if kind is not self for key in kind.keys}

    def unread(self, config: Config) -> dict[str, Any]:
        """Keys that change nothing in a run with these settings, each with the value that its record has nevertheless.

        Records of older versions have the key, so that it cannot be left out as those in `unused` are.
        """
        return {}

    def parts(self, config: Config) -> tuple[int, ...]:
        """The numbers that decide which samples are in which part, where all other settings are the same."""
        return (config["fold"],)

    @abstractmethod
    def check(self, config: DictConfig) -> None:
        """Check the values that only this kind has; `checks.check` checks those in `at_least`.

        Raises:
            UserError: names the key, its value and what is allowed.
        """


class Texts(Kind):
    """Runs that classify texts."""

    groups = ("data",)
    keys = ("data", "recipe", "loss", "monitor", "padding", "preprocess", "split", "split_seed")
    misplaced = "is about texts, features= forecasts the market; leave one of them out"
    headline = "macro_f1"

    def unused(self, config: Config) -> set[str]:
        """See `Kind`; `split_seed` too, where each seed has its own partition."""
        return super().unused(config) | ({"split_seed"} if config["split"] == BY_SEED else set())

    def parts(self, config: Config) -> tuple[int, ...]:
        """See `Kind`."""
        return (config["fold"], partition_seed(config))

    def check(self, config: DictConfig) -> None:
        """See `Kind`; of a user's own texts, the file and its columns are to be named."""
        data = config.data
        if missing := missing_keys(data):
            needed = " and ".join(f"data.{key}=" for key in missing)
            known = "hf data.path=PATH" if "path" in data else "csv data.file=FILE"
            raise UserError(
                f"give {needed} as well: data.text and data.label name columns, and python -m datamodules {known} "
                "lists them."
            )
        for key in OWN_COLUMNS:
            _check_columns(f"data.{key}", data.get(key), several=key in ("text", "label"))
        if not re.fullmatch(r"[\w.-]+", str(data.name)):
            raise UserError(f"data.name={data.name}: give a name of letters, digits, _ . and -.")


OWN_COLUMNS = ("text", "label", "group", "part")
"""The keys of a user's own texts that name columns."""


def missing_keys(data: DictConfig) -> list[str]:
    """The keys of a data set that have to be given and are not; its name may depend on them."""
    return [str(key) for key in data if key != "name" and OmegaConf.is_missing(data, key)]


def _check_columns(key: str, value: object, several: bool) -> None:
    """Refuse what is no name or number of a column, nor a list of these where several may be named."""
    each = list(value) if several and OmegaConf.is_list(value) else [value]  # type: ignore[call-overload]
    names = [isinstance(column, str) and column != "" for column in each]
    numbers = [type(column) is int and column > 0 for column in each]
    if value is not None and not (each and (all(names) or all(numbers)) and len({*each}) == len(each)):
        raise UserError(
            f"{key}={value}: name a column{', or several as [title,body], each once' if several else ''}; numbers, "
            "from 1, are for files without a header."
        )


DAILY = ("sentiment", "messages")
"""The groups that name the source of a daily series, which not every feature set has."""

MARKET_TARGETS = ("close", "volatility")

SERIES = "series"
"""The keys of a series of the user's own, which features=csv and features=symbols have."""


class Market(Kind):
    """Runs that forecast the market."""

    groups = ("features", *DAILY)
    columns = ("window", "horizon", "target", "protocol", "control", "source")
    keys = (*groups, *columns, "start", "end", SERIES)
    misplaced = "is about the market; name a feature set as well, such as features=btc"
    in_name = ("window",)
    at_least = {"window": 1, "horizon": 1}  # noqa: RUF012 (nobody writes to it)
    headline = "rmse"

    def unused(self, config: Config) -> set[str]:
        """See `Kind`; sentiment and messages too, where they are not among the features."""
        return super().unused(config) | {"stopping", "newest", *(set(DAILY) - set(config["features"]["series"]))}

    def unread(self, config: Config) -> dict[str, Any]:
        """See `Kind`; the paper's protocol has one split, so that `n_folds` stays at what the YAML files give it."""
        return {"n_folds": 4 if is_own(config) else 10} if config["protocol"] == "paper" else {}

    def check(self, config: DictConfig) -> None:
        """See `Kind`."""
        if "data" in config:
            raise UserError(
                f"data={config.data.name} and features={config.features.name}: data= classifies texts and features= "
                "forecasts the market, leave one of them out."
            )
        if config.protocol not in config.stopping:
            raise UserError(f"protocol={config.protocol}: choose {' or '.join(config.stopping)}.")
        if is_own(config):
            _check_own(config)
        elif config.target not in MARKET_TARGETS:
            raise UserError(f"target={config.target}: choose {' or '.join(MARKET_TARGETS)}.")
        for group in DAILY:
            if group in config.features.series:
                _check_daily(group, config[group])


def is_own(config: Config) -> bool:
    """Whether a run forecasts a series of the user's own, and not Bitcoin."""
    return SERIES in config


def _check_own(config: DictConfig) -> None:
    """Refuse a series of the user's own that lacks a key or has an impossible value."""
    series = config[SERIES]
    if missing := sorted(OmegaConf.missing_keys(series)):
        needed = " and ".join(f"{key}=..." for key in missing)
        raise UserError(f"features={chosen_source(config)} needs {needed}; python train.py --help explains them.")
    for key, example in (("inputs", "price,holiday"), ("symbols", "ETH-USD,GC=F")):
        given = series.get(key)
        if given is not None and not (OmegaConf.is_list(given) and all(isinstance(each, str) for each in given)):
            raise UserError(f"series.{key}={given}: give a list of names, such as [{example}].")
    if odd := [each for each in series.get("symbols") or () if not re.fullmatch(r"[\w^=.-]*\w[\w^=.-]*", each)]:
        raise UserError(f"series.symbols has {odd[0]!r}: give Yahoo's names, such as ETH-USD, GC=F or ^GSPC.")
    if series.season is not None and not (isinstance(series.season, int) and series.season >= 1):
        raise UserError(f"series.season={series.season}: give a whole number of periods, 1 or more.")
    if config.target != series.target:
        raise UserError(f"target={config.target}: a series of your own is named by series.target=.")
    if config.control is not None:
        raise UserError(f"control={config.control} needs features with sentiment, such as features=btc_sent.")
    if config.source != chosen_source(config):
        raise UserError(f"source={config.source}: it is for features=btc and the like, leave it out.")


def chosen_source(config: DictConfig) -> str:
    """The value of `source` of a series of the user's own: "csv" or "symbols"."""
    return "symbols" if "symbols" in config[SERIES] else "csv"


def _check_daily(group: str, source: DictConfig) -> None:
    """Refuse a source of a daily series that lacks a key or has an impossible value."""
    if missing := OmegaConf.missing_keys(source):
        needed = " and ".join(f"{key}=..." for key in sorted(missing))
        raise UserError(
            f"{group}={source.name} needs {needed}: a file is named by its path below data_dir, such as "
            f"{group}.file=market/tweets.csv."
        )
    if source.get("prepare", "raw") not in ("raw", "paper"):
        raise UserError(f"{group}.prepare={source.prepare}: choose raw or paper.")


TEXTS, MARKET = Texts(), Market()
KINDS: tuple[Kind, ...] = (TEXTS, MARKET)


BY_SEED, FIXED = "by_seed", "fixed"
"""The values of `split`: each seed has its own partition into folds, or all seeds have that of `split_seed`."""


GIVEN = "given"
"""In place of these where the test part is ready-made, so that all seeds and folds are tested on the same documents."""


def partition_seed(config: Config) -> int:
    """The seed of the partition of a corpus into folds."""
    return int(config["seed"] if config["split"] == BY_SEED else config["split_seed"])


def validation_part(fold: int, n_folds: int) -> int:
    """The number of the part on which a fold of texts validates, which is the one that the next fold tests."""
    return (fold + 1) % n_folds


def kind_of(config: Config) -> Kind:
    """The kind of a run: naming a feature set makes it one on the market."""
    return MARKET if MARKET.group in config else TEXTS


def encoder_of(config: Config) -> str | None:
    """The pre-trained encoder whose word pieces the net reads; None: the net reads words."""
    return config["model"].get("checkpoint")
