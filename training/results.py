"""What a finished run leaves behind: predictions.csv, metrics.csv, TensorBoard's HParams table, and the mark."""

import logging
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from cells.alterations import Alteration
from datamodules.text import TextDataModule
from models.tasks import Classification

from .configuration import fingerprint
from .folder import RunFolder, write_atomically

log = logging.getLogger("lstm-cs")

COMPARED = ("data", "model", "cell", "seed", "fold")
"""The hyper-parameters by which TensorBoard's table compares runs."""

SCORES = ("accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1", "loss")


def write(trainer: pl.Trainer, task: Classification, data: TextDataModule, folder: RunFolder) -> None:
    """Score the chosen epoch on the validation and the test part, write the results and mark the run finished."""
    checkpoint = trainer.checkpoint_callback
    assert isinstance(checkpoint, ModelCheckpoint)
    chosen = checkpoint.best_model_path  # the last epoch where nothing is monitored (test_epoch=last)
    facts = _facts(trainer, task, folder) | {"epoch": torch.load(chosen, weights_only=True)["epoch"]}
    rows = []
    for split, score in (("val", trainer.validate), ("test", trainer.test)):
        score(task, data, ckpt_path=chosen, verbose=False)
        scores = {name: trainer.callback_metrics[f"{split}/{name}"].item() for name in SCORES}
        rows.append({**facts, "split": split, **scores})
    write_atomically(folder.path / "predictions.csv", _predictions(task, data).to_csv(index=False))
    write_atomically(folder.path / "metrics.csv", pd.DataFrame(rows).to_csv(index=False))
    _log_hyperparameters(trainer, rows[-1])
    folder.finish()
    log.info(_summary(rows[-1], folder))


def _facts(trainer: pl.Trainer, task: Classification, folder: RunFolder) -> dict[str, Any]:
    """Which fit a row is about; `settings` is the same for runs that differ in cell, seed and fold only."""
    run = folder.identity
    timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # type: ignore[attr-defined]
    return {
        "data": run["data"]["name"],
        "model": run["model"]["name"],
        "cell": Alteration(**run["cell"]).name,
        **run["cell"],
        "settings": fingerprint({key: run[key] for key in run if key not in ("cell", "seed", "fold")}),
        "seed": run["seed"],
        "fold": run["fold"],
        "seconds": round(timer.time_elapsed("train"), 3),
        "parameters": sum(p.numel() for p in task.net.parameters() if p.requires_grad),
    }


def _predictions(task: Classification, data: TextDataModule) -> pd.DataFrame:
    """One line a test document: its row in the corpus, true and predicted classes, each class's probability."""
    rows, targets, predicted, probabilities = (column.cpu() for column in task.predictions)
    columns = {f"p({name})": probabilities[:, c].numpy() for c, name in enumerate(data.classes)}
    named = {"truth": _names(targets, data.classes), "predicted": _names(predicted, data.classes)}
    return pd.DataFrame({"row": rows.numpy(), **named, **columns})


def _names(chosen: Tensor, classes: Sequence[str]) -> list[str]:
    """The chosen classes of each row of `chosen [N, C]`, joined by |."""
    return ["|".join(classes[c] for c in row.nonzero().flatten()) for row in chosen]


def _log_hyperparameters(trainer: pl.Trainer, row: dict[str, Any]) -> None:
    logger = trainer.logger
    assert isinstance(logger, TensorBoardLogger)
    scores = {f"test/{score}": row[score] for score in SCORES}
    logger.log_hyperparams({key: row[key] for key in COMPARED}, {**scores, "test/seconds": row["seconds"]})
    logger.finalize("success")


def _summary(row: dict[str, Any], folder: RunFolder) -> str:
    scores = "  ".join(f"{name} {row[name]:.4f}" for name in ("accuracy", "top1", "macro_f1", "micro_f1", "loss"))
    return (
        f"test: {scores}\nepoch {row['epoch']}, {row['seconds']:.1f} s, "
        f"{row['parameters']:,} trainable parameters, in {folder.path}"
    )
