"""The TensorBoard log of a run: its logger, and the writer behind it for pictures, texts and histograms."""

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from training.run.folder import RunFolder


def logger(folder: RunFolder) -> TensorBoardLogger:
    """A logger to the run's folder, which drops what an interrupted epoch had logged there."""
    purge = {}
    if folder.last_checkpoint is not None:
        checkpoint = torch.load(folder.last_checkpoint, map_location="cpu", weights_only=True)
        purge = {"purge_step": checkpoint["global_step"] + 1}
    return TensorBoardLogger(folder.path, name="", version="", default_hp_metric=False, **purge)


def writer(trainer: pl.Trainer) -> SummaryWriter:
    """The writer of a trainer's events."""
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger.experiment
