"""Fake runs on texts: folders as train.py leaves them, without training, and tables as the analysis reads them."""

import csv
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cells import resolve
from conf.compose import PLACEBO
from training.run.folder.record import MEASURED, METRICS, TEXT_SCORES, Record

SCORES = TEXT_SCORES[:-1]
"""The scores of a fake run, which has no loss."""


def record_of(cell: str, **values: object) -> Record:
    """The record of a run with this cell."""
    texts = {**resolve(None).texts(), PLACEBO: True} if cell == PLACEBO else resolve(cell).texts()
    return Record({"cell": texts, **values})


def write_record(folder: Path, record: Record, finished: bool = True) -> None:
    """Write the config.yaml of a run and, if it is finished, the mark."""
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in record.values.items()]  # JSON is YAML
    (folder / "config.yaml").write_text("".join(lines))
    if finished:
        (folder / "finished").write_text("")


def write_run(
    folder: Path,
    scores: Iterable[float],
    cell: str = "baseline",
    finished: bool = True,
    seconds: float = 10,
    epoch: int = 3,
    **run: object,
) -> Path:
    """Write one run and return its folder.

    Args:
        folder: created.
        scores: of the test part, in the order of SCORES; those of the validation part are a tenth.
        cell: of the run.
        finished: False: interrupted before the run was marked as finished.
        seconds: of training.
        epoch: the tested one, from 0.
        run: data, model, seed, fold, epochs, patience, where they are not the usual ones; split_seed, if all seeds
            share that partition; settings, if metrics.csv is to have another fingerprint than that of config.yaml.
    """
    run = {"data": "hate", "model": "bilstm", "seed": 0, "fold": 0, "epochs": 4, "patience": 5, **run}
    settings = {"settings": run.pop("settings")} if "settings" in run else {}
    groups = {group: {"name": run.pop(group)} for group in ("data", "model")}
    split = {} if "split_seed" in run else {"split": "by_seed"}  # as in a record, which has one of the two
    record = record_of(cell, **groups, n_folds=10, **split, **run)
    scores = list(scores)
    measured = dict(zip(MEASURED, (seconds, 1000, epoch), strict=False))
    rows = [
        {**record.columns, **settings, **measured, "split": split, **dict(zip(SCORES, values, strict=True))}
        for split, values in (("val", [score / 10 for score in scores]), ("test", scores))
    ]
    folder.mkdir(parents=True)
    with open(folder / METRICS, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    write_record(folder, record, finished)
    return folder


def write_study(
    folder: Path,
    data: Iterable[str],
    cells: Iterable[str],
    seeds: int,
    folds: int,
    gains: Mapping[str, float],
    noise: float = 0.01,
    model: str = "bilstm",
    **run: object,
) -> None:
    """Write runs with scores 0.5 (1 + gain of the cell + noise); altered cells take 5 % longer."""
    random = np.random.default_rng(0)
    suffix = "".join(f"_{value}" for value in run.values())
    for name, cell, seed, fold in itertools.product(data, cells, range(seeds), range(folds)):
        scores = 0.5 * (1 + gains.get(cell, 0) + noise * random.standard_normal(len(SCORES)))
        seconds = (10 if cell == "baseline" else 10.5) * (1 + (seed + fold / 10) / 10_000)
        about = {"data": name, "model": model, "seed": seed, "fold": fold, **run}
        path = folder / name / model / cell / f"seed{seed}_fold{fold}{suffix}"
        write_run(path, scores, cell, seconds=seconds, **about)


def with_encoder(metrics: Path, checkpoint: str) -> None:
    """Name the encoder in a run's metrics.csv, where a run with one names it."""
    table = pd.read_csv(metrics, dtype=str)
    table.insert(0, "checkpoint", checkpoint)
    table.to_csv(metrics, index=False)


FACTS = {"data": "hate", "model": "bilstm", "settings": "a1", "recipe": "", "n_folds": 10, "partition": "by_seed"}


def results(scores: dict[str, list[float]], **facts: object) -> pd.DataFrame:
    """A table of runs with seeds 0, 1, ... on fold 0: macro_f1 by cell; the other scores are half of it."""
    rows = [
        {**FACTS, **facts, "cell": cell, "seed": seed, "fold": 0, "macro_f1": score, "seconds": 10 + seed}
        for cell, values in scores.items()
        for seed, score in enumerate(values)
    ]
    table = pd.DataFrame(rows)
    return table.assign(**dict.fromkeys(("accuracy", "micro_f1", "weighted_f1"), table["macro_f1"] / 2))
