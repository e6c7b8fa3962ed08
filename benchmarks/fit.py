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

from training import build
from training.configuration import register_cells
from training.folder import RunFolder

LIGHTNING, VALIDATED, BARE = "training by Lightning", "and validation", "bare loop"


def run(arguments: argparse.Namespace) -> None:
    """Print the times of both, which take turns epoch by epoch."""
    register_cells()
    with tempfile.TemporaryDirectory() as runs_dir, hydra.initialize("../conf", version_base="1.3"):
        here = [f"runs_dir={runs_dir}", f"epochs={arguments.epochs + 1}", "patience=null"]
        config = hydra.compose("config", [*(arguments.overrides or ["data=mlma"]), *here])
        turns = _train(config)
    print(f"{'s an epoch, threads: ' + str(torch.get_num_threads()):<26}{'first':>9}{'least':>9}{'median':>9}")
    for name, (first, *rest) in turns.items():
        print(f"{name:<26}{first:9.3f}{min(rest):9.3f}{statistics.median(rest):9.3f}")
    lightning, bare = turns[LIGHTNING][1:], turns[BARE][1:]
    of_pairs = statistics.median(one / other for one, other in zip(lightning, bare, strict=True))
    print(f"{LIGHTNING} over {BARE}: least {min(lightning) / min(bare):.3f}, median of the pairs {of_pairs:.3f}")


def _train(config: DictConfig) -> dict[str, list[float]]:
    job = build.job(config)
    task = job.task(build.net(config, job), config.lr)
    folder = RunFolder.of(config)
    folder.claim()
    trainer = build.trainer(config, job, folder)
    turns = Turns(task)
    trainer.callbacks.append(turns)  # type: ignore[attr-defined]
    build.fit(trainer, task, job, folder)
    return turns.times


class Turns(Callback):
    """After each of Lightning's epochs, the same epoch by a bare loop on a copy of the task.

    Args:
        task: before it is trained.
    """

    def __init__(self, task: pl.LightningModule):
        self.copy = copy.deepcopy(task)
        self.times: dict[str, list[float]] = {LIGHTNING: [], VALIDATED: [], BARE: []}
        self.start = 0.0
        self.batches: list[Any] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's turn."""
        self.start = time.perf_counter()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        """The bare loop gets the same batches."""
        self.batches.append(batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training is over, validation follows."""
        self.times[LIGHTNING].append(time.perf_counter() - self.start)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The bare loop's turn."""
        self.times[VALIDATED].append(time.perf_counter() - self.start)
        start = time.perf_counter()
        bare_epoch(self.copy, self.batches)
        self.times[BARE].append(time.perf_counter() - start)
        self.batches.clear()


def bare_epoch(task: Any, batches: list[Any]) -> None:
    """What has to be done for the batches, and nothing else."""
    optimizer = task.configure_optimizers()
    for batch in batches:
        optimizer.zero_grad()
        task.criterion(task.net(batch.tokens, batch.lengths), batch.targets).backward()
        optimizer.step()
