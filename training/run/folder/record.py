"""The record of a run: what config.yaml and metrics.csv mean, to writers and readers."""

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cells.alterations import Alteration
from conf.compose import PLACEBO, alteration_of, is_placebo
from conf.kinds import FIXED, TEXTS, Kind, encoder_of, kind_of
from conf.tuned import TUNED
from datamodules.files import known_as

METRICS = "metrics.csv"
"""One row for each split that was scored, the last one of which is the run's result. Its columns are those of
`Record.data_columns`, `Problem.columns`, `Record.fit_columns` and MEASURED, then the scores."""

MEASURED = ("seconds", "parameters", "epoch", "split")
"""Columns: seconds of training, number of trainable parameters, the tested epoch (from 0), and the scored part."""

TEXT_SCORES = ("accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1", "loss")
"""Columns: the scores of a run on texts, see `classification.Classification`. `forecasting.accuracy` names those of a
run on the market."""

TEST_PART = "test_part"
"""A column of runs that are tested on a ready-made part: there it has the value `conf.kinds.GIVEN`."""

FINITE_SCORES = {"data": TEXT_SCORES, "features": ("rmse", "mae")}
"""By the group of a kind: the scores that are finite numbers in every row. Others may be empty, and mape infinite."""

STATES = ("current", "hidden")
"""The columns with the formulas of equation 7. All else that a cell alters is in its name, in the column `cell`."""

PLACES = ("data_dir", "cache_dir", "runs_dir", "run_dir", "threads", "stack", "tune", "logger")
"""Keys that say where things are, who computes and where it is logged: they change no result and are not part of a
record."""

SEARCHED = ("lr", "batch_size", "model.embedding", "model.hidden", "model.dropout")
"""Keys that `tune=` sets: runs with TUNED may differ in them and have the same settings."""

DESCRIPTIONS = ("url", "page", "note", "readings", "paper_row", "reader")
"""Keys of a data set that say where its file comes from, which code reads it, and what the paper may have made of it:
not part of a record, but the file's name and hash are."""

AS_BEFORE = {
    "clip": None,
    TUNED: None,
    "target": "close",
    "sentiment.prepare": "raw",
    "split": FIXED,
    "monitor": "loss",
    "preprocess.order": "lowercase_first",
    "preprocess.tfidf_terms": None,
    "preprocess.min_words": 0,
    "preprocess.duplicates": "keep",
    "preprocess.max_words": None,
    "preprocess.language": "english",
    "data.corpus.classes": 11,
}
"""Values that a record leaves out, so that runs of older versions, which had no such key, are the same runs."""

FILES = (*(("data", key) for key in ("file", "val_file", "test_file", "path")), ("series", "file"))
"""Groups and keys of a user's own files and folders, which a record knows by `files.known_as`."""

RECORDED_AS = {
    "datamodules.texts.corpora": "datamodules.corpora",
    "models.bilstm.BiLSTMClassifier": "models.text.StackedBiLSTM",
    "models.forecasters": "models.market",
}
"""Maps today's `_target_` names, or their prefixes up to a dot, to the names in records: code may move, and a run keeps
its record, its fingerprint and its folder."""


@dataclass(frozen=True)
class Record:
    """Everything that a run's numbers depend on: two runs with equal records are the same run.

    Attributes:
        values: what config.yaml holds, as plain data.
    """

    values: Mapping[str, Any]

    @classmethod
    def of(cls, config: DictConfig) -> "Record":
        """The record of a configuration.

        Raises:
            FormulaError: a formula of the cell makes no sense.
        """
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        assert isinstance(resolved, dict)
        resolved["cell"] = {**alteration_of(config).texts(), **({PLACEBO: True} if is_placebo(config) else {})}
        for group in ("data", "sentiment", "messages"):
            if group in resolved:
                resolved[group] = {key: value for key, value in resolved[group].items() if key not in DESCRIPTIONS}
        for part in (resolved["model"], resolved.get("data", {}).get("corpus", {})):
            if "_target_" in part:
                part["_target_"] = _renamed(part["_target_"], RECORDED_AS)
        for group, key in FILES:
            if isinstance(name := (resolved.get(group) or {}).get(key), str):
                resolved[group] = {**resolved[group], key: known_as(name, Path(config.data_dir))}
        kind = kind_of(config)
        resolved |= kind.unread(config)
        left_out = {*PLACES, *kind.unused(config)}
        for key, value in AS_BEFORE.items():
            _leave_out(resolved, key.split("."), value)
        resolved |= {key: _one_spelling(value) for key, value in resolved.items() if key != "cell"}  # that has one
        return cls({str(key): value for key, value in resolved.items() if key not in left_out})

    @property
    def yaml(self) -> str:
        """The text of config.yaml."""
        return OmegaConf.to_yaml(self.values)

    @property
    def config(self) -> DictConfig:
        """The configuration to build the net from, with the `_target_` that the code has today."""
        config = OmegaConf.create(dict(self.values))
        today = {recorded: now for now, recorded in RECORDED_AS.items()}
        config.model._target_ = _renamed(config.model._target_, today)
        return config

    @property
    def kind(self) -> Kind:
        """Whether the run classifies texts or forecasts the market."""
        return kind_of(self.values)

    @property
    def learnt_from(self) -> str:
        """The name of the data set or of the feature set."""
        return self.kind.learnt_from(self.values)

    @property
    def model(self) -> str:
        """The name of `model=`."""
        return str(self.values["model"]["name"])

    @cached_property
    def cell(self) -> str:
        """The name of the cell: "baseline", "C1", "placebo", or its formulas.

        Of equation 7 alone they are "c = ..." and "h = ...", of equations 5 and 6 alone "c := ..." and "h := ...".
        """
        if is_placebo(self.values):
            return PLACEBO
        name = Alteration(**self.values["cell"]).name
        altered = {key for key, formula in self.values["cell"].items() if formula is not None}
        if altered <= {*STATES}:  # as the first version wrote them: its folders keep their names
            name = name.replace("current = ", "c = ").replace("hidden = ", "h = ")
        elif altered <= {"c", "h"}:  # which would be the same names
            name = name.replace(" = ", " := ")
        return name

    @property
    def seed(self) -> int:
        """The seed of weights, batches and dropout."""
        return int(self.values["seed"])

    @property
    def fold(self) -> int:
        """The number of the fold that is tested."""
        return int(self.values["fold"])

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits, which differ where two records differ."""
        return _digest(self.values)

    @property
    def settings(self) -> str:
        """The fingerprint shared by all runs that differ in cell, seed and fold only, and, if tuned, in SEARCHED."""
        shared = {key: value for key, value in self.values.items() if key not in ("cell", "seed", "fold")}
        return _digest(without_keys(shared, SEARCHED) if self.values.get(TUNED) else shared)

    @property
    def data_columns(self) -> dict[str, Any]:
        """The columns of metrics.csv that say what the run learnt from.

        `features.name` and so on; a value that an older version did not record is None. `partition` is the value of
        `split`, a name that another column has. A run with a pre-trained encoder says which.
        """
        groups = {group: (self.values.get(group) or {}).get("name") for group in self.kind.groups}
        encoder = encoder_of(self.values)
        return {
            **groups,
            **{key: self.values.get(key) for key in self.kind.columns},
            **({"partition": self.values.get("split", FIXED)} if self.kind is TEXTS else {}),
            **({} if encoder is None else {"checkpoint": encoder}),
        }

    @property
    def fit_columns(self) -> dict[str, Any]:
        """The columns of metrics.csv that say which net was fitted, how, and on which part of the data."""
        return {
            "model": self.model,
            "cell": self.cell,
            **{state: self.values["cell"].get(state) for state in STATES},
            "settings": self.settings,
            "seed": self.seed,
            "fold": self.fold,
        }

    @property
    def columns(self) -> dict[str, Any]:
        """All columns of metrics.csv that the configuration decides, in their order."""
        return {**self.data_columns, **self.fit_columns}

    @property
    def folder(self) -> Path:
        """The run's place below runs_dir, such as robo/bilstm/C1/seed0_fold0_1a2b3c4d."""
        cell = re.sub(r"[^A-Za-z0-9]+", "_", self.cell).strip("_")[:40]
        name = "".join(f"{key}{self.values[key]}_" for key in self.kind.in_name)
        name += f"seed{self.seed}_fold{self.fold}_{self.fingerprint}"
        return Path(self.learnt_from) / self.model / cell / name

    def __str__(self) -> str:
        named = "".join(f" {key} {self.values[key]}" for key in self.kind.in_name)
        return f"{self.learnt_from} {self.model} {self.cell}{named} seed {self.seed} fold {self.fold}"


def metrics_lines(folder: Path) -> list[str]:
    """The header and the rows of a run's metrics.csv, as text; empty where it is missing or has no rows."""
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        return []
    return lines if len(lines) > 1 else []


def result(folder: Path) -> dict[str, str]:
    """The last row of the metrics.csv of a finished run, by column."""
    with open(folder / METRICS, newline="", encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    return last


def validation_score(folder: Path, score: str) -> float:
    """A score of a finished run on its validation part."""
    with open(folder / METRICS, newline="", encoding="utf-8") as file:
        (row,) = [row for row in csv.DictReader(file) if row["split"] == "val"]
    return float(row[score])


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def _one_spelling(value: Any) -> Any:
    """A value with whole numbers as such: lr=1 and lr=1.0 are the same run."""
    if isinstance(value, dict):
        return {key: _one_spelling(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_keys(values: Mapping[str, Any], keys: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """A configuration without these keys, named with their parents."""
    return {
        key: without_keys(value, keys, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in values.items()
        if f"{prefix}{key}" not in keys
    }


def _leave_out(values: dict[Any, Any], path: Sequence[str], value: object) -> None:
    """Remove a key, named with its parents, where it has this value."""
    for name in path[:-1]:
        values = values.get(name) or {}
    if values.get(path[-1], value) == value:
        values.pop(path[-1], None)


def _renamed(target: str, names: Mapping[str, str]) -> str:
    """The dotted name, with the prefix that `names` has replaced."""
    for name, other in names.items():
        if f"{target}.".startswith(f"{name}."):
            return other + target[len(name) :]
    return target
