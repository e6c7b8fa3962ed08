"""One run of those that are trained as one: its best epoch, when it ends, and what it leaves behind."""

import math
from collections.abc import Callable
from pickle import UnpicklingError

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig
from torch import Tensor

from cells.errors import UserError
from datamodules.files import replacing
from training.run import build, results
from training.run.folder import RunFolder
from training.run.problem import Problem
from training.run.states import States
from training.stacks.adam_state import Moments

Weights = dict[str, Tensor]

KEPT = ("_curves", "_tested", "_lowest", "_weights", "_waited", "_seconds")
"""Attributes of a run that an interruption must not lose."""


class StackedRun:
    """A run with a net of its own inside a stack.

    Attributes:
        net: with the initial weights of the run; in the end with those of the tested epoch.
        steps: of an epoch.
        moments: what Adam remembers of an interrupted run, by the names of the weights.
        is_over: whether it takes no part in the training any more.

    Args:
        config: of the run.
        folder: likewise, claimed.
        problem: likewise.
    """

    def __init__(self, config: DictConfig, folder: RunFolder, problem: Problem):
        self.config, self.folder, self.problem = config, folder, problem
        self.net = build.net(config, problem)
        self.steps = len(problem.data.train_dataloader())
        self.is_over = False
        self._error = ""
        self._curves: list[dict[str, float]] = []
        self._tested, self._lowest, self._weights = 0, math.inf, Weights()
        self._waited, self._seconds = 0, 0.0
        self.moments: dict[str, Moments] = {}
        if self.folder.stack_checkpoint.exists():
            self._go_on()

    @property
    def epochs(self) -> int:
        """How many it has trained."""
        return len(self._curves)

    def save(self, weights: Weights, moments: dict[str, Moments]) -> None:
        """Write what the run needs to go on after its last epoch."""
        state = {name: getattr(self, name) for name in KEPT}
        with replacing(self.folder.stack_checkpoint) as temporary, open(temporary, "wb") as file:
            torch.save({"net": weights, "moments": moments, **state}, file)

    def _go_on(self) -> None:
        try:
            checkpoint = torch.load(self.folder.stack_checkpoint, weights_only=True)
        except (RuntimeError, UnpicklingError, EOFError, ValueError, KeyError) as error:
            raise UserError(
                f"{self.folder.stack_checkpoint} is damaged; remove it, and the run begins anew."
            ) from error
        self.net.load_state_dict(checkpoint["net"])
        self.moments = checkpoint["moments"]
        for name in KEPT:
            setattr(self, name, checkpoint[name])

    def epoch_is_over(
        self, scores: dict[str, float], diverged: float, seconds: float, weights: Callable[[], Weights]
    ) -> None:
        """Note an epoch, and whether it was the last.

        Args:
            scores: of the epoch.
            diverged: the first loss of the epoch that was NaN or infinite, or 0.
            seconds: that it took, the run's share of them.
            weights: brings those that the net has now.
        """
        epoch = self.epochs
        self._seconds += seconds
        if not math.isfinite(diverged):
            self._error, self.is_over = build.diverged(diverged, epoch, self.config.lr), True
            return
        self._curves.append(scores)
        if is_best := scores["val/loss"] < self._lowest:
            self._lowest = scores["val/loss"]
        if is_best or self.config.test_epoch == "last":
            self._tested, self._weights = epoch, weights()
        self._waited = 0 if is_best else self._waited + 1
        patience = self.config.patience
        self.is_over = epoch + 1 == self.config.epochs or (patience is not None and self._waited >= patience)

    def finish(self) -> None:
        """Write what a run leaves that was trained alone, or why it failed."""
        if self._error:
            self.folder.fail(self._error)
            return
        self.net.load_state_dict(self._weights)
        task = self.problem.task(self.net, self.config.lr)
        for left in self.folder.path.glob("events.out.tfevents.*"):  # by an attempt that was killed here
            left.unlink()
        trainer = build.evaluator(self.config, self.problem, self.folder)
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
        with replacing(self.folder.tested_checkpoint) as temporary, open(temporary, "wb") as file:
            torch.save(checkpoint, file)

    def _log(self, trainer: pl.Trainer) -> None:
        """The curves, and the states of the tested epoch alone: those of a stack's other epochs are gone."""
        assert trainer.logger is not None
        for epoch, scores in enumerate(self._curves):
            trainer.logger.log_metrics({**scores, "epoch": epoch}, self._last_step(epoch))
        for callback in self.problem.insight():
            if isinstance(callback, States):
                callback.record(trainer, self.net, self._last_step(self._tested))

    def _last_step(self, epoch: int) -> int:
        """Where Lightning puts the scores of an epoch."""
        return (epoch + 1) * self.steps - 1
