"""Folders of finished runs on texts as train.py leaves them, without training; and what is read from them."""

import itertools
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from cells import resolve
from training.run.record import settings_of

SCORES = ("accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1")
HEADER = "data,model,cell,current,hidden,settings,seed,fold,seconds,parameters,epoch,split," + ",".join(SCORES)

CONFIG = """\
cell: {{current: {current}, hidden: {hidden}}}
data: {{name: {data}}}
model: {{name: {model}}}
seed: {seed}
fold: {fold}
n_folds: 10
split_seed: 0
epochs: {epochs}
patience: {patience}
"""


def write_run(
    folder: Path,
    scores: Iterable[float],
    cell: str = "baseline",
    finished: bool = True,
    seconds: float = 10,
    epoch: int = 3,
    **run: object,
) -> Path:
    """One run.

    Args:
        folder: created.
        scores: of the test part, in the order of SCORES.
        cell: of the run.
        finished: False: interrupted before its results were marked as whole.
        seconds: of training.
        epoch: the tested one, from 0.
        run: data, model, seed, fold, epochs, patience, where they are not the usual ones; settings, where metrics.csv
            is to have another fingerprint than that of config.yaml.
    """
    run = {"data": "hate", "model": "bilstm", "seed": 0, "fold": 0, "epochs": 4, "patience": 5, **run}
    states = resolve(cell).texts()
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        CONFIG.format(**run, **{state: formula or "null" for state, formula in states.items()})
    )
    settings = run.get("settings", _settings(*(str(run[key]) for key in ("data", "model", "epochs", "patience"))))
    names = [run["data"], run["model"], cell, *(formula or "" for formula in states.values()), settings]
    start = ",".join(str(value) for value in [*names, run["seed"], run["fold"], seconds, 1000, epoch])
    values = ",".join(repr(float(score)) for score in scores)
    worse = ",".join(["0.001"] * len(SCORES))
    (folder / "metrics.csv").write_text(f"{HEADER}\n{start},val,{worse}\n{start},test,{values}\n")
    if finished:
        (folder / "finished").write_text("")
    return folder


@cache
def _settings(data: str, model: str, epochs: str, patience: str) -> str:
    """The fingerprint that such a run has: it does not depend on cell, seed and fold."""
    about = {"data": data, "model": model, "epochs": epochs, "patience": patience}
    text = CONFIG.format(**about, seed=0, fold=0, current="null", hidden="null")
    return settings_of(yaml.safe_load(text))


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
    """Runs whose scores are 0.5 (1 + gain of the cell + noise), 10 s each, altered ones 10.5 s."""
    random = np.random.default_rng(0)
    suffix = "".join(f"_{value}" for value in run.values())
    for name, cell, seed, fold in itertools.product(data, cells, range(seeds), range(folds)):
        scores = 0.5 * (1 + gains.get(cell, 0) + noise * random.standard_normal(len(SCORES)))
        seconds = 10 if cell == "baseline" else 10.5
        about = {"data": name, "model": model, "seed": seed, "fold": fold, **run}
        path = folder / name / model / cell / f"seed{seed}_fold{fold}{suffix}"
        write_run(path, scores, cell, seconds=seconds, **about)


FACTS = {"data": "hate", "model": "bilstm", "settings": "a1", "recipe": "", "n_folds": 10, "split_seed": 0}


def results(scores: dict[str, list[float]], **facts: object) -> pd.DataFrame:
    """Runs of seeds 0, 1, ... on fold 0: macro_f1 by cell; the other scores are half of it."""
    rows = [
        {**FACTS, **facts, "cell": cell, "seed": seed, "fold": 0, "macro_f1": score, "seconds": 10 + seed}
        for cell, values in scores.items()
        for seed, score in enumerate(values)
    ]
    table = pd.DataFrame(rows)
    return table.assign(**dict.fromkeys(("accuracy", "micro_f1", "weighted_f1"), table["macro_f1"] / 2))
