"""An epoch of training by Lightning, as train.py runs it, beside a bare loop over the same net and batches."""

import argparse
import copy
import statistics
import tempfile
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from cells.llvm.plan import cached_plan
from conf.compose import composed
from training.run import build
from training.run.fit import train
from training.run.folder.run_folder import RunFolder

STEPS, EPOCH, BARE_STEPS, BARE_EPOCH = "steps by Lightning", "epoch by Lightning", "bare steps", "bare epoch"
"""Training part alone, and with the validation part. Lightning's epoch includes all that train.py does around the
steps: metrics, logs, TensorBoard's histograms and texts, checkpoints."""


def run(arguments: argparse.Namespace) -> None:
    """Print the times of Lightning and of the bare loop, which take turns epoch by epoch."""
    with tempfile.TemporaryDirectory() as runs_dir:
        here = [f"runs_dir={runs_dir}", f"epochs={arguments.epochs + 1}", "patience=null"]
        config = composed(*(arguments.overrides or ["data=mlma"]), *here)
        turns = _train(config)
    print(f"{'seconds, threads: ' + str(torch.get_num_threads()):<26}{'first':>9}{'least':>9}{'median':>9}")
    for name, (first, *rest) in turns.items():
        print(f"{name:<26}{first:9.3f}{min(rest):9.3f}{statistics.median(rest):9.3f}")
    for name, bare in ((STEPS, BARE_STEPS), (EPOCH, BARE_EPOCH)):
        pairs = statistics.median(one / other for one, other in zip(turns[name][1:], turns[bare][1:], strict=True))
        least = min(turns[name][1:]) / min(turns[bare][1:])
        print(f"{name} over {bare}: least {least:.3f}, median of the pairs {pairs:.3f}")


def _train(config: DictConfig) -> dict[str, list[float]]:
    problem = build.problem(config)
    task = problem.task(build.net(config, problem), config.lr)
    folder = RunFolder.of(config)
    folder.claim()
    trainer = build.trainer(config, problem, folder)
    turns = Turns(task)
    trainer.callbacks.append(turns)  # type: ignore[attr-defined]
    train(trainer, task, problem)
    return turns.times


class Turns(Callback):
    """Repeats each of Lightning's epochs by a bare loop on a copy of the task, and times both.

    Args:
        task: not trained yet.
    """

    def __init__(self, task: pl.LightningModule):
        self.copy = copy.deepcopy(task)
        self.times: dict[str, list[float]] = {name: [] for name in (STEPS, BARE_STEPS, EPOCH, BARE_EPOCH)}
        self.start = 0.0
        self.train: list[Any] = []
        self.validation: list[Any] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the bare loop its turn, then start Lightning's clock."""
        self._epoch_is_over()
        self.start = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the bare loop its last turn."""
        self._epoch_is_over()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        """Keep the batch for the bare loop."""
        self.train.append(batch)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep the batch for the bare loop."""
        self.validation.append(batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the time of the steps; validation follows."""
        self.times[STEPS].append(time.perf_counter() - self.start)

    def _epoch_is_over(self) -> None:
        if not self.train:
            return  # the first epoch is about to begin
        end = time.perf_counter()
        self.times[EPOCH].append(end - self.start)
        cached_plan.cache_clear()  # the bare loop has to plan these batches itself
        bare_steps(self.copy, self.train)
        trained = time.perf_counter()
        bare_validation(self.copy, self.validation)
        self.times[BARE_STEPS].append(trained - end)
        self.times[BARE_EPOCH].append(time.perf_counter() - end)
        self.train.clear()
        self.validation.clear()


def bare_steps(task: Any, batches: list[Any]) -> None:
    """Train on the batches, and do nothing else."""
    optimizer = task.configure_optimizers()
    task.train()
    for batch in batches:
        optimizer.zero_grad()
        task.criterion(task.net(batch.tokens, batch.lengths), batch.targets).backward()
        optimizer.step()


@torch.no_grad()
def bare_validation(task: Any, batches: list[Any]) -> None:
    """Compute the loss of the batches, and do nothing else."""
    task.eval()
    for batch in batches:
        task.criterion(task.net(batch.tokens, batch.lengths), batch.targets)
