"""From a configuration to the objects of a run: data, net, task, trainer."""

import logging
import sys

import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig
from torch import nn

from datamodules.text import TextDataModule
from models.tasks import Classification, DivergedError

from .configuration import alteration_of
from .errors import UserError
from .folder import RunFolder
from .insight import Insight
from .progress import EpochLines, quiet
from .resume import SeededEpochs, StayStopped

log = logging.getLogger("lstm-cs")


def data(config: DictConfig) -> TextDataModule:
    """The corpus of `data=`, pre-processed and split; texts are read or downloaded here."""
    module = TextDataModule.from_config(config)
    if config.loss == "softmax" and module.multilabel:
        raise UserError(f"loss=softmax: {config.data.name} is multi-label, use loss=sigmoid.")
    for line in module.report:
        log.info(line)
    return module


def net(config: DictConfig, data: TextDataModule) -> nn.Module:
    """The net of `model=` with the cell of `cell=`; its initial weights depend on the seed alone."""
    torch.manual_seed(config.seed)
    sizes = {key: value for key, value in config.model.items() if key != "name"}
    alteration = alteration_of(config)
    log.info("%s with %s", config.model.name, alteration.name)
    make = instantiate(sizes, _partial_=True)
    try:
        return make(vocabulary=len(data.vocabulary), classes=len(data.classes), alteration=alteration)
    except ValueError as error:
        raise UserError(f"model={config.model.name}: {error}.") from error


def task(config: DictConfig, data: TextDataModule, net: nn.Module) -> Classification:
    """What the net is trained for."""
    return Classification(net, len(data.classes), config.loss, config.lr)


def trainer(config: DictConfig, data: TextDataModule, folder: RunFolder) -> pl.Trainer:
    """A trainer that keeps the epoch to test and the last one in `folder`, and logs there for TensorBoard."""
    quiet()
    interactive = sys.stdout.isatty()
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=config.epochs,
        callbacks=_callbacks(config, data, folder) + ([] if interactive else [EpochLines()]),
        logger=_logger(folder),
        log_every_n_steps=1,  # the task logs once an epoch; a larger number only brings a warning on short epochs
        enable_progress_bar=interactive,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
    )


def _callbacks(config: DictConfig, data: TextDataModule, folder: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [SeededEpochs(config.seed), Timer(verbose=False), Insight(data)]
    if config.patience is not None:
        early = EarlyStopping("val/loss", patience=config.patience, check_on_train_epoch_end=True)
        callbacks += [early, StayStopped(early)]
    checkpoint = ModelCheckpoint(
        folder.checkpoints,
        "model",
        monitor="val/loss" if config.test_epoch == "best" else None,
        save_last=True,
        save_on_train_epoch_end=True,  # after validation: from there a resumed run goes on exactly
        enable_version_counter=False,
    )
    return [*callbacks, checkpoint]


def fit(trainer: pl.Trainer, task: Classification, data: TextDataModule, folder: RunFolder) -> None:
    """Train, from the last whole epoch if there is one.

    Raises:
        UserError: the loss became NaN or infinite.
    """
    last = folder.last_checkpoint
    if last is not None:
        log.info("resuming %s", last)
    try:
        trainer.fit(task, data, ckpt_path=last)
    except DivergedError as error:
        raise UserError(f"{error}; try a smaller lr (now {task.lr}) or another cell.") from error
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None


def _logger(folder: RunFolder) -> TensorBoardLogger:
    purge = {}
    if folder.last_checkpoint is not None:  # drop what the interrupted epoch had logged
        checkpoint = torch.load(folder.last_checkpoint, map_location="cpu", weights_only=True)
        purge = {"purge_step": checkpoint["global_step"] + 1}
    return TensorBoardLogger(folder.path, name="", version="", default_hp_metric=False, **purge)
