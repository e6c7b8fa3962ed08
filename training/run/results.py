"""The files of a finished run: its tables and pictures, TensorBoard's HParams table, and the mark."""

import logging
from typing import Any

import lightning.pytorch as pl
import pandas as pd
from lightning.pytorch.loggers import TensorBoardLogger

from training.run.folder import checkpoints
from training.run.folder.record import MEASURED, METRICS
from training.run.folder.run_folder import RunFolder
from training.run.loggers import log_results
from training.run.problem import Problem
from training.run.resume import keyboard_interrupts
from training.run.tensorboard import writer

log = logging.getLogger("lstm-cs")


def write(trainer: pl.Trainer, task: pl.LightningModule, problem: Problem, folder: RunFolder, seconds: float) -> None:
    """Score the chosen epoch, write the results and mark the run finished.

    Args:
        trainer: scores, and logs to the run's folder.
        task: with the trained net.
        problem: of the run.
        folder: holds the checkpoint of the chosen epoch.
        seconds: of training.

    Raises:
        DamagedError: the checkpoint is not what was written.
    """
    chosen = folder.tested_checkpoint
    facts = _facts(task, problem, folder, seconds)
    with keyboard_interrupts():
        found = problem.results(trainer, task, chosen)
    folder.check_lease()
    rows = [{**facts, **row} for row in found.rows]
    tables = {f"{name}.csv": table for name, table in found.tables.items()} | {METRICS: pd.DataFrame(rows)}
    for name, table in tables.items():
        folder.write(name, table.to_csv(index=False))
    for name, picture in found.pictures.items():
        with folder.replacing(folder.path / f"{name}.png") as temporary:
            picture.savefig(temporary, format="png", dpi=120)
        writer(trainer).add_figure(name, picture)
    _log_hyperparameters(trainer, problem, rows[-1])
    folder.finish()
    log.info(_summary(problem, rows[-1], folder))


def _facts(task: pl.LightningModule, problem: Problem, folder: RunFolder, seconds: float) -> dict[str, Any]:
    """The columns of metrics.csv that all rows of a run share, see `training.run.folder.record`."""
    parameters = sum(p.numel() for p in task.parameters() if p.requires_grad)
    epoch = checkpoints.read(folder.tested_checkpoint)["epoch"]
    return {
        **folder.record.data_columns,
        **problem.columns,
        **folder.record.fit_columns,
        **dict(zip(MEASURED[:-1], (round(seconds, 3), parameters, epoch), strict=True)),  # each row has its own split
    }


def _log_hyperparameters(trainer: pl.Trainer, problem: Problem, row: dict[str, Any]) -> None:
    logger = trainer.logger
    assert isinstance(logger, TensorBoardLogger)
    scores = {f"{row['split']}/{score}": row[score] for score in (*problem.scores, "seconds")}
    logger.log_hyperparams({key: row[key] for key in problem.compared}, scores)
    logger.finalize("success")
    log_results(trainer, scores)


def _summary(problem: Problem, row: dict[str, Any], folder: RunFolder) -> str:
    scores = "  ".join(f"{name} {row[name]:.4f}" for name in problem.printed)
    facts = (
        f"epoch {row['epoch']}, {row['seconds']:.1f} s, {row['parameters']:,} trainable parameters, in {folder.path}"
    )
    return "\n".join([f"{row['split']}: {scores}", facts, *problem.warnings])
