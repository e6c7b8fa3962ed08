"""One run, from its configuration to its results."""

import logging

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer
from omegaconf import DictConfig

from training.run import build, results
from training.run.folder import provenance
from training.run.folder.checkpoints import Resumption, resumption
from training.run.folder.run_folder import RunFolder
from training.run.loggers import closing
from training.run.problem import Problem
from training.run.resume import keyboard_interrupts

log = logging.getLogger("lstm-cs")


def fit(config: DictConfig, folder: RunFolder) -> None:
    """Load the data, train, test and write one run to its folder, which is finished then.

    Raises:
        UserError: the configuration, the data or the training allow no result.
        HeldError: another process is training the run.
    """
    problem = build.problem(config)
    task = problem.task(build.net(config, problem), config.lr)
    folder.claim()
    provenance.refuse_changed_data(folder, config)
    begun = resumption(folder)
    trainer = build.trainer(config, problem, folder, begun)
    with closing(trainer):
        train(trainer, task, problem, begun)
        results.write(trainer, task, problem, folder, _seconds(trainer))


def train(trainer: pl.Trainer, task: pl.LightningModule, problem: Problem, begun: Resumption | None = None) -> None:
    """Train, from the last whole epoch if there is one.

    Raises:
        DivergedError: the loss became NaN or infinite.
    """
    if begun is not None:
        log.info("resuming %s", begun.path)
    with keyboard_interrupts():
        trainer.fit(task, problem.data, ckpt_path=begun and begun.path)


def _seconds(trainer: pl.Trainer) -> float:
    """Seconds of training, over all attempts."""
    timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # type: ignore[attr-defined]
    return timer.time_elapsed("train")
