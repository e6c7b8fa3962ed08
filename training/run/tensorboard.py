"""The TensorBoard log of a run: its logger, and the writer behind it for pictures, texts and histograms."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.summary.writer import event_file_writer
from torch.utils.tensorboard import SummaryWriter

from training.run.folder.checkpoints import Resumption
from training.run.folder.run_folder import RunFolder

EVERY_HOST = "run"
"""Stands for the name of the machine in the names of event files: results do not tell it."""


def logger(folder: RunFolder, begun: Resumption | None = None) -> TensorBoardLogger:
    """A logger to the run's folder, which drops what was logged there after the epoch that the run goes on from."""
    # It names files after the machine, also those that it begins after it was closed, and takes no other name.
    event_file_writer.socket = SimpleNamespace(gethostname=lambda: EVERY_HOST)
    purge: dict[str, Any] = {}
    if begun is not None:
        purge = {"purge_step": begun.step + 1}
        wait_for_a_later_name(folder.path)
    return TensorBoardLogger(folder.path, name="", version="", default_hp_metric=False, **purge)


def wait_for_a_later_name(folder: Path) -> None:
    """Let the second pass in which the folder's newest event file began.

    TensorBoard reads event files in the order of their names, ``events.out.tfevents.SECOND.HOST.PROCESS.N``.
    Of two attempts that begin in one second, the later could have the lower process number and be read first.
    """
    while any(path.name.split(".")[3] == str(int(time.time())) for path in folder.glob("events.out.tfevents.*")):
        time.sleep(0.05)


def writer(trainer: pl.Trainer) -> SummaryWriter:
    """The writer of a trainer's events."""
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger.experiment
