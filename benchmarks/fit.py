"""An epoch of training by Lightning, as train.py does it, beside a bare loop over the same net and batches."""

import argparse
import copy
import statistics
import tempfile
import time
from typing import Any

import hydra
import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from cells.llvm.plan import plan
from conf.compose import register_cells
from training.run import build
from training.run.fit import train
from training.run.folder import RunFolder

STEPS, EPOCH, BARE_STEPS, BARE_EPOCH = "steps by Lightning", "epoch by Lightning", "bare steps", "bare epoch"
"""Without and with the validation part. Lightning's epoch has all that train.py does around the steps: metrics, logs,
TensorBoard's histograms and texts, checkpoints."""


def run(arguments: argparse.Namespace) -> None:
    """Print the times of both, which take turns epoch by epoch."""
    register_cells()
    with tempfile.TemporaryDirectory() as runs_dir, hydra.initialize("../conf", version_base="1.3"):
        here = [f"runs_dir={runs_dir}", f"epochs={arguments.epochs + 1}", "patience=null"]
        config = hydra.compose("config", [*(arguments.overrides or ["data=mlma"]), *here])
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
    train(trainer, task, problem, folder)
    return turns.times


class Turns(Callback):
    """After each of Lightning's epochs, the same epoch by a bare loop on a copy of the task.

    Args:
        task: before it is trained.
    """

    def __init__(self, task: pl.LightningModule):
        self.copy = copy.deepcopy(task)
        self.times: dict[str, list[float]] = {name: [] for name in (STEPS, BARE_STEPS, EPOCH, BARE_EPOCH)}
        self.start = 0.0
        self.train: list[Any] = []
        self.validation: list[Any] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The bare loop's turn, then Lightning's."""
        self._epoch_is_over()
        self.start = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last turn of the bare loop."""
        self._epoch_is_over()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        """The bare loop gets the same batches."""
        self.train.append(batch)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The bare loop gets the same batches."""
        self.validation.append(batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The steps are done, validation follows."""
        self.times[STEPS].append(time.perf_counter() - self.start)

    def _epoch_is_over(self) -> None:
        if not self.train:
            return  # it is the first that begins
        end = time.perf_counter()
        self.times[EPOCH].append(end - self.start)
        plan.cache_clear()  # of these very batches; the bare loop is to make them itself
        bare_steps(self.copy, self.train)
        trained = time.perf_counter()
        bare_validation(self.copy, self.validation)
        self.times[BARE_STEPS].append(trained - end)
        self.times[BARE_EPOCH].append(time.perf_counter() - end)
        self.train.clear()
        self.validation.clear()


def bare_steps(task: Any, batches: list[Any]) -> None:
    """What has to be done to train on the batches, and nothing else."""
    optimizer = task.configure_optimizers()
    task.train()
    for batch in batches:
        optimizer.zero_grad()
        task.criterion(task.net(batch.tokens, batch.lengths), batch.targets).backward()
        optimizer.step()


@torch.no_grad()
def bare_validation(task: Any, batches: list[Any]) -> None:
    """The loss of the batches, and nothing else."""
    task.eval()
    for batch in batches:
        task.criterion(task.net(batch.tokens, batch.lengths), batch.targets)
