"""A run in a stack: its best epoch, when its training ends, and the files it leaves."""

import logging
import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import lightning.pytorch as pl
from omegaconf import DictConfig
from torch import Tensor

from training.run import build, results
from training.run.folder import checkpoints
from training.run.folder.checkpoints import DamagedError
from training.run.folder.errors import DivergedError
from training.run.folder.run_folder import RunFolder
from training.run.loggers import closing
from training.run.problem import Problem
from training.run.resume import MONITORED
from training.run.state_logger import StateLogger
from training.stacks.adam_state import AdamState

log = logging.getLogger("lstm-cs")

StateDict = dict[str, Tensor]

KEPT = ("_curves", "_tested", "_lowest", "_weights", "_waited", "_seconds")
"""The attributes in stack.ckpt, under these names: an interruption must not lose them."""

ADAM_STATE = "moments"
"""The key of Adam's state in stack.ckpt; checkpoints keep its old name."""


class StackedRun:
    """A run whose net is one of a stack's.

    Attributes:
        net: at first with the run's initial weights, or those of its last saved epoch; in the end with the tested
            epoch's.
        steps: in an epoch.
        adam_state: of an interrupted run, by the names of the weights; empty in a fresh one.
        is_over: whether its training has ended.

    Args:
        config: the run's configuration.
        folder: the run's folder.
        problem: the run's data and task.
    """

    def __init__(self, config: DictConfig, folder: RunFolder, problem: Problem):
        self.config, self.folder, self.problem = config, folder, problem
        self.net = build.net(config, problem)
        self.steps = len(problem.data.train_dataloader())
        self.is_over = False
        self._error = ""
        self._curves: list[dict[str, float]] = []
        self._tested, self._lowest, self._weights = 0, math.inf, StateDict()
        self._waited, self._seconds = 0, 0.0
        self.adam_state: dict[str, AdamState] = {}
        if self.folder.stack_checkpoint.exists():
            self._resume()

    @property
    def epochs(self) -> int:
        """The number of epochs trained."""
        return len(self._curves)

    def saved(self, weights: StateDict, adam_state: dict[str, AdamState]) -> AbstractContextManager[None]:
        """Write what stack.ckpt will be when the block ends; from there the run resumes after its last epoch."""
        state = {name: getattr(self, name) for name in KEPT}
        return checkpoints.saved(
            {"net": weights, ADAM_STATE: adam_state, **state}, self.folder.stack_checkpoint, self.folder
        )

    def _resume(self) -> None:
        try:
            checkpoint = checkpoints.read(self.folder.stack_checkpoint)
        except DamagedError as error:
            path = self.folder.stack_checkpoint
            log.warning("%s was damaged (%s) and is removed; the run begins anew.", path, error.reason)
            path.unlink()
            return
        self.net.load_state_dict(checkpoint["net"])
        self.adam_state = checkpoint[ADAM_STATE]
        for name in KEPT:
            setattr(self, name, checkpoint[name])
        self._decide()

    @property
    def has_failed(self) -> bool:
        """Whether its training ended without a result."""
        return bool(self._error)

    def end_epoch(
        self, scores: dict[str, float], diverged: tuple[float, str], seconds: float, weights: Callable[[], StateDict]
    ) -> None:
        """Note the scores of an epoch, keep its weights if they are to be tested, and decide whether it was the last.

        Args:
            scores: of the epoch, by name.
            diverged: the first loss of the epoch that was NaN or infinite, or 0, and the layer where that began.
            seconds: the run's share of the epoch's time.
            weights: returns the net's present weights.
        """
        epoch = self.epochs
        self._seconds += seconds
        loss, layer = diverged
        if not math.isfinite(loss):
            self._error, self.is_over = str(DivergedError(loss, epoch, self.config.lr, layer)), True
            return
        self._curves.append(scores)
        by = MONITORED[self.config.monitor]
        score = scores[by.score] if by.mode == "min" else -scores[by.score]
        if is_best := score < self._lowest:
            self._lowest = score
        if is_best or self.config.test_epoch == "last":
            self._tested, self._weights = epoch, weights()
        self._waited = 0 if is_best else self._waited + 1
        self._decide()

    def _decide(self) -> None:
        patience = self.config.patience
        self.is_over = self.epochs == self.config.epochs or (patience is not None and self._waited >= patience)

    def finish(self) -> None:
        """Write the same files as a run trained alone, or record why it failed."""
        if self._error:
            self.folder.fail(self._error)
            return
        self.folder.check_lease()
        self.net.load_state_dict(self._weights)
        task = self.problem.task(self.net, self.config.lr)
        for left in self.folder.path.glob("events.out.tfevents.*"):  # from a process that was killed here
            left.unlink()
        trainer = build.evaluator(self.config, self.problem, self.folder)
        with closing(trainer):
            self._save(task)
            self._log(trainer)
            results.write(trainer, task, self.problem, self.folder, self._seconds)

    def _save(self, task: pl.LightningModule) -> None:
        checkpoint = {
            "epoch": self._tested,
            "global_step": (self._tested + 1) * self.steps,
            "pytorch-lightning_version": pl.__version__,
            "state_dict": task.state_dict(),
            type(self.problem.data).__qualname__: self.problem.data.state_dict(),
        }
        checkpoints.save(checkpoint, self.folder.tested_checkpoint, self.folder)

    def _log(self, trainer: pl.Trainer) -> None:
        """Log the curves, and the states of the tested epoch alone: the weights of the other epochs are gone."""
        for epoch, scores in enumerate(self._curves):
            for logger in trainer.loggers:
                logger.log_metrics({**scores, "epoch": epoch}, self._last_step(epoch))
        for callback in self.problem.callbacks():
            if isinstance(callback, StateLogger):
                callback.record(trainer, self.net, self._last_step(self._tested))

    def _last_step(self, epoch: int) -> int:
        """The step at which Lightning logs the scores of an epoch."""
        return (epoch + 1) * self.steps - 1
