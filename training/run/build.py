"""From a configuration to the objects of a run: its problem, net and trainer."""

import logging
import sys

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, LambdaCallback, Timer
from omegaconf import DictConfig
from torch import nn

from conf.compose import PLACEBO, alteration_of, in_multirun, is_placebo
from conf.kinds import TEXTS, is_own, kind_of
from training.run.epoch_lines import EpochLines, quiet
from training.run.folder import provenance
from training.run.folder.checkpoints import Resumption
from training.run.folder.run_folder import RunFolder
from training.run.loggers import loggers
from training.run.net import make_net
from training.run.problem import Problem
from training.run.resume import MONITORED, LastEpoch, SeededEpochs, SharedCheckpointIO, StayStopped, TestedEpoch
from training.run.seeds import seed_of_net
from training.run.threads import Threads

log = logging.getLogger("lstm-cs")


def problem(config: DictConfig) -> Problem:
    """The problem of a configuration: its data, read or downloaded, and everything that depends on their kind.

    Raises:
        UserError: the data are missing or broken, or allow no such run.
    """
    made: Problem
    if kind_of(config) is TEXTS:  # imported here, because each imports libraries that the other has no use for
        from training.run.text_problem import TextProblem

        made = TextProblem(config)
    elif is_own(config):
        from training.run.series_problem import SeriesProblem

        made = SeriesProblem(config)
    else:
        from training.run.market_problem import MarketProblem

        made = MarketProblem(config)
    for line in made.notes:
        log.info(line)
    return made


def net(config: DictConfig, problem: Problem) -> nn.Module:
    """The net of `model=` with the cell of `cell=`; its initial weights depend on `seed_of_net` alone.

    Raises:
        UserError: a size is out of range, or the net is for other data.
    """
    torch.manual_seed(seed_of_net(config))
    log.info("%s with %s", config.model.name, PLACEBO if is_placebo(config) else alteration_of(config).name)
    return make_net(config, problem.sizes)


def trainer(config: DictConfig, problem: Problem, folder: RunFolder, begun: Resumption | None = None) -> pl.Trainer:
    """A trainer that keeps the tested epoch and the last one in `folder`, and logs there.

    Args:
        config: of the run.
        problem: of the run.
        folder: of the run.
        begun: where an interrupted run goes on.
    """
    quiet()
    interactive = sys.stdout.isatty() and not in_multirun()
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=config.epochs,
        gradient_clip_val=config.clip,
        callbacks=_callbacks(config, problem, folder) + ([] if interactive else [EpochLines()]),
        plugins=[SharedCheckpointIO(folder)],
        logger=loggers(config, folder, begun),
        log_every_n_steps=1,  # the task logs once an epoch; a larger number only brings a warning on short epochs
        enable_progress_bar=interactive,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
    )


def evaluator(config: DictConfig, problem: Problem, folder: RunFolder) -> pl.Trainer:
    """A trainer that scores a net which is trained already, and logs to `folder`."""
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        callbacks=problem.callbacks(),
        logger=loggers(config, folder),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
    )


def _callbacks(config: DictConfig, problem: Problem, folder: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [
        LambdaCallback(on_train_start=lambda _, task: provenance.write(folder, config, task)),
        Threads(config.threads),
        SeededEpochs(seed_of_net(config)),
        Timer(verbose=False),
        *problem.callbacks(),
    ]
    by = MONITORED[config.monitor]
    if config.patience is not None:
        early = EarlyStopping(by.score, mode=by.mode, patience=config.patience, check_on_train_epoch_end=True)
        callbacks += [early, StayStopped(early)]
    tested = TestedEpoch(folder.checkpoints, by if config.test_epoch == "best" else None)
    return [*callbacks, tested, LastEpoch(folder.checkpoints)]
