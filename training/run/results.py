"""What a finished run leaves behind: its tables and pictures, TensorBoard's HParams table, and the mark."""

import logging
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from cells.alterations import Alteration
from datamodules.files import replacing
from training.run.folder import RunFolder, write_atomically
from training.run.problem import Problem
from training.run.record import settings_of
from training.run.resume import keyboard_interrupts
from training.run.states import writer

log = logging.getLogger("lstm-cs")


def write(trainer: pl.Trainer, task: pl.LightningModule, problem: Problem, folder: RunFolder, seconds: float) -> None:
    """Score the chosen epoch, write the results and mark the run finished.

    Args:
        trainer: scores, and logs to the run's folder.
        task: what the run was trained for.
        problem: the run's data.
        folder: holds the checkpoint of the chosen epoch.
        seconds: of training.
    """
    chosen = folder.tested_checkpoint
    facts = _facts(task, problem, folder, seconds) | {"epoch": torch.load(chosen, weights_only=True)["epoch"]}
    with keyboard_interrupts():
        found = problem.results(trainer, task, chosen)
    folder.check_claim()
    rows = [{**facts, **row} for row in found.rows]
    for name, table in (found.tables | {"metrics": pd.DataFrame(rows)}).items():
        write_atomically(folder.path / f"{name}.csv", table.to_csv(index=False))
    for name, picture in found.pictures.items():
        with replacing(folder.path / f"{name}.png") as temporary:
            picture.savefig(temporary, format="png", dpi=120)
        writer(trainer).add_figure(name, picture)
    _log_hyperparameters(trainer, problem, rows[-1])
    folder.finish()
    log.info(_summary(problem, rows[-1], folder))


def _facts(task: pl.LightningModule, problem: Problem, folder: RunFolder, seconds: float) -> dict[str, Any]:
    """Which fit a row is about; `settings` is the same for runs that differ in cell, seed and fold only."""
    run = folder.identity
    return {
        **problem.labels,
        "model": run["model"]["name"],
        "cell": Alteration(**run["cell"]).name,
        **run["cell"],
        "settings": settings_of(run),
        "seed": run["seed"],
        "fold": run["fold"],
        "seconds": round(seconds, 3),
        "parameters": sum(p.numel() for p in task.parameters() if p.requires_grad),
    }


def _log_hyperparameters(trainer: pl.Trainer, problem: Problem, row: dict[str, Any]) -> None:
    logger = trainer.logger
    assert isinstance(logger, TensorBoardLogger)
    scores = {f"{row['split']}/{score}": row[score] for score in (*problem.scores, "seconds")}
    logger.log_hyperparams({key: row[key] for key in problem.compared}, scores)
    logger.finalize("success")


def _summary(problem: Problem, row: dict[str, Any], folder: RunFolder) -> str:
    scores = "  ".join(f"{name} {row[name]:.4f}" for name in problem.headline)
    facts = (
        f"epoch {row['epoch']}, {row['seconds']:.1f} s, {row['parameters']:,} trainable parameters, in {folder.path}"
    )
    return "\n".join([f"{row['split']}: {scores}", facts, *problem.warnings])
