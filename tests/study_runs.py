"""Folders of finished runs on texts as train.py leaves them, without training."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from cells import resolve

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
        run: data, model, settings, seed, fold, epochs, patience, where they are not the usual ones.
    """
    run = {"data": "hate", "model": "bilstm", "settings": "a1", "seed": 0, "fold": 0, "epochs": 4, "patience": 5, **run}
    alteration = resolve(cell)
    states = {state: getattr(alteration, state) for state in ("current", "hidden")}
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        CONFIG.format(**run, **{state: formula or "null" for state, formula in states.items()})
    )
    names = [run["data"], run["model"], cell, *(formula or "" for formula in states.values()), run["settings"]]
    start = ",".join(str(value) for value in [*names, run["seed"], run["fold"], seconds, 1000, epoch])
    values = ",".join(repr(float(score)) for score in scores)
    worse = ",".join(["0.001"] * len(SCORES))
    (folder / "metrics.csv").write_text(f"{HEADER}\n{start},val,{worse}\n{start},test,{values}\n")
    if finished:
        (folder / "finished").write_text("")
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
    """Runs whose scores are 0.5 (1 + gain of the cell + noise), 10 s each, altered ones 10.5 s."""
    random = np.random.default_rng(0)
    suffix = "-".join(str(value) for value in run.values())
    for name, cell, seed, fold in itertools.product(data, cells, range(seeds), range(folds)):
        scores = 0.5 * (1 + gains.get(cell, 0) + noise * random.standard_normal(len(SCORES)))
        seconds = 10 if cell == "baseline" else 10.5
        settings = f"{name}-{model}{suffix}"
        about = {"data": name, "model": model, "seed": seed, "fold": fold, "settings": settings, **run}
        path = folder / name / model / cell / f"seed{seed}_fold{fold}_{settings}"
        write_run(path, scores, cell, seconds=seconds, **about)
