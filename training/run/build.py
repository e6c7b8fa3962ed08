"""From a configuration to the objects of a run: data, net, trainer."""

import logging
import sys

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig
from torch import nn

from cells.errors import UserError
from conf.command_line import one_of_several
from conf.configuration import alteration_of, is_market
from training.run.classification import DivergedError
from training.run.epoch_lines import EpochLines, quiet
from training.run.folder import RunFolder
from training.run.net import make_net
from training.run.problem import Problem
from training.run.resume import LastEpoch, OneFileAnEpoch, SeededEpochs, StayStopped, TestedEpoch, keyboard_interrupts
from training.run.threads import Threads

log = logging.getLogger("lstm-cs")


def problem(config: DictConfig) -> Problem:
    """The data that a configuration names, read or downloaded, and what is particular about them."""
    # One of the two: each imports libraries that the other has no use for.
    made: Problem
    if is_market(config):
        from training.run.market_problem import MarketProblem

        made = MarketProblem(config)
    else:
        from training.run.text_problem import TextProblem

        made = TextProblem(config)
    for line in made.notes:
        log.info(line)
    return made


def net(config: DictConfig, problem: Problem) -> nn.Module:
    """The net of `model=` with the cell of `cell=`; its initial weights depend on the seed alone.

    Raises:
        UserError: a size is out of range, or the net is for other data.
    """
    torch.manual_seed(config.seed)
    log.info("%s with %s", config.model.name, alteration_of(config).name)
    return make_net(config, problem.sizes)


def trainer(config: DictConfig, problem: Problem, folder: RunFolder) -> pl.Trainer:
    """A trainer that keeps the epoch to test and the last one in `folder`, and logs there for TensorBoard."""
    quiet()
    interactive = sys.stdout.isatty() and not one_of_several()
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=config.epochs,
        gradient_clip_val=config.clip,
        callbacks=_callbacks(config, problem, folder) + ([] if interactive else [EpochLines()]),
        plugins=[OneFileAnEpoch()],
        logger=_logger(folder),
        log_every_n_steps=1,  # the task logs once an epoch; a larger number only brings a warning on short epochs
        enable_progress_bar=interactive,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
    )


def evaluator(config: DictConfig, problem: Problem, folder: RunFolder) -> pl.Trainer:
    """A trainer that scores a net which was trained otherwise, and logs to `folder`."""
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        callbacks=problem.insight(),
        logger=_logger(folder),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,
    )


def _callbacks(config: DictConfig, problem: Problem, folder: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [
        Threads(config.threads),
        SeededEpochs(config.seed),
        Timer(verbose=False),
        *problem.insight(),
    ]
    if config.patience is not None:
        early = EarlyStopping("val/loss", patience=config.patience, check_on_train_epoch_end=True)
        callbacks += [early, StayStopped(early)]
    return [*callbacks, TestedEpoch(folder.checkpoints, config.test_epoch == "best"), LastEpoch(folder.checkpoints)]


def fit(trainer: pl.Trainer, task: pl.LightningModule, problem: Problem, folder: RunFolder) -> None:
    """Train, from the last whole epoch if there is one.

    Raises:
        UserError: the loss became NaN or infinite.
    """
    last = folder.last_checkpoint
    if last is not None:
        log.info("resuming %s", last)
    try:
        with keyboard_interrupts():
            trainer.fit(task, problem.data, ckpt_path=last)
    except DivergedError as error:
        raise UserError(diverged(error.loss, error.epoch, task.lr)) from error


def diverged(loss: float, epoch: int, lr: object) -> str:
    """What to say of a loss that is no number."""
    return f"the loss is {loss} in epoch {epoch}; try a smaller lr (now {lr}) or another cell."


def seconds(trainer: pl.Trainer) -> float:
    """How long a trainer has trained, over all attempts."""
    timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # type: ignore[attr-defined]
    return timer.time_elapsed("train")


def _logger(folder: RunFolder) -> TensorBoardLogger:
    purge = {}
    if folder.last_checkpoint is not None:  # drop what the interrupted epoch had logged
        checkpoint = torch.load(folder.last_checkpoint, map_location="cpu", weights_only=True)
        purge = {"purge_step": checkpoint["global_step"] + 1}
    return TensorBoardLogger(folder.path, name="", version="", default_hp_metric=False, **purge)
