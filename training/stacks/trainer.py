"""Several runs of one configuration, differing in seed and fold, trained as one net: see `training.stacks.nets`."""

import functools
import logging
import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from conf.command_line import report
from training.run import build
from training.run.epoch_lines import quiet
from training.run.errors import HeldError, is_full
from training.run.fit import fit as fit_alone
from training.run.folder import Member
from training.run.resume import keyboard_interrupts, seed_of_epoch
from training.run.threads import Threads
from training.stacks import adam_state, memory
from training.stacks.batches import StackedBatches
from training.stacks.member import StackedRun
from training.stacks.nets import stacked, weights_of, why_not
from training.stacks.tasks import stacked_task

log = logging.getLogger("lstm-cs")


def fit(members: Sequence[Member]) -> None:
    """Train runs as one, or as several stacks if the memory is too small, or if their epochs have not the same length.

    A run is finished or failed as soon as its own training ends; the others go on.

    Args:
        members: the runs. One that nothing goes with, or whose net has a part that cannot be stacked, is trained alone.
    """
    runs = _runs(members)
    if not runs:
        return
    if reason := why_not(runs[0].net):
        log.info("model=%s is trained one by one: %s.", runs[0].config.model.name, reason)
        _one_by_one([Member(run.config, run.folder) for run in runs])
        return
    for stack in _in_step(runs):
        for part in memory.affordable(stack):
            if len(part) == 1 and not part[0].epochs:
                _one_by_one([Member(part[0].config, part[0].folder)])
            else:
                _Stack(part).fit()


def _one_by_one(members: Sequence[Member]) -> None:
    for member in members:
        try:
            fit_alone(*member)
        except Exception as error:
            if is_full(error) or isinstance(error, HeldError):
                raise
            member.folder.fail(report(error))


def _runs(members: Sequence[Member]) -> list[StackedRun]:
    """With their data, which runs of one fold share, and their initial nets. One that can have neither fails."""
    problems: dict[int, Any] = {}
    runs = []
    for config, folder in members:
        try:
            if config.fold not in problems:
                problems[config.fold] = build.problem(config)
            run = StackedRun(config, folder, problems[config.fold].with_seed(config.seed))
            folder.claim()
        except Exception as error:
            if is_full(error) or isinstance(error, HeldError):
                raise
            folder.fail(report(error))
        else:
            runs.append(run)
    return runs


def _in_step(runs: Sequence[StackedRun]) -> list[list[StackedRun]]:
    """One step of Adam is one for every net of a stack: they begin with the same one and end their epochs together."""
    groups: dict[tuple[int, int], list[StackedRun]] = {}
    for run in runs:
        groups.setdefault((run.steps, run.epochs), []).append(run)
    return list(groups.values())


class _Stack:
    """Runs that are trained as one.

    Args:
        runs: with equally many steps in an epoch.
    """

    def __init__(self, runs: Sequence[StackedRun]):
        self.config: DictConfig = runs[0].config
        self.members = _Members(runs)

    def fit(self) -> None:
        """Train all of them."""
        quiet()
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=self.config.epochs - self.members.first_epoch,
            callbacks=[Threads(self.config.threads), self.members],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
        )
        train, validation = self.members.train, self.members.validation
        with keyboard_interrupts():
            trainer.fit(self.members.task, train, validation)


def _end(run: StackedRun) -> None:
    """Let a run end, whatever it meets: the others go on."""
    try:
        run.finish()
    except HeldError:
        pass  # somebody else has it now, and writes the same
    except Exception as error:
        if is_full(error):
            raise
        run.folder.fail(report(error))


SECONDS = 60.0
"""Between two times that what has been trained so far is written: a stack of large nets takes seconds for it."""


class _Members(Callback):
    """Keeps each run's scores and best epoch, and lets go of those whose training has ended.

    Args:
        runs: whose nets the stack consists of, in its order.

    Attributes:
        first_epoch: with which the stack begins; later than 0 where it goes on after an interruption.
    """

    def __init__(self, runs: Sequence[StackedRun]):
        self.runs = list(runs)
        first = runs[0]
        self.first_epoch = first.epochs
        net = stacked([run.net for run in runs])
        tasks = [run.problem.task(run.net, run.config.lr) for run in runs]
        self.task = stacked_task(net, tasks, first.config.clip)
        self.train = StackedBatches([run.problem.data.train_dataloader() for run in runs], self.first_epoch)
        self.validation = StackedBatches([run.problem.data.val_dataloader() for run in runs])
        self.since = 0.0
        self.saved = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on where the runs stopped."""
        if self.first_epoch:
            (optimizer,) = trainer.optimizers
            for name, weight in self.task.net.named_parameters():
                if weight.requires_grad:
                    optimizer.state[weight] = adam_state.together([run.moments[name] for run in self.runs], weight)
            for run in self.runs:
                run.moments = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed what is random in each net."""
        self.since = time.perf_counter()
        self.task.seed([seed_of_epoch(run.config.seed, run.epochs) for run in self.runs])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the epoch of every run, and end those that are done."""
        seconds = (time.perf_counter() - self.since) / len(self.runs)
        diverged = self.task.diverged.expand(len(self.runs)).tolist()
        for k, (run, scores, loss) in enumerate(zip(self.runs, self.task.scores, diverged, strict=True)):
            run.epoch_is_over(scores, loss, seconds, functools.partial(self._weights, k))
        going_on = [k for k, run in enumerate(self.runs) if not run.is_over]
        for run in self.runs:
            if run.is_over:
                _end(run)
        self._keep(going_on, trainer)
        if going_on and time.monotonic() - self.saved > SECONDS:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        (optimizer,) = trainer.optimizers
        for k, run in enumerate(self.runs):
            run.save(self._weights(k), adam_state.of_net(self.task.net, optimizer, k, run.net))
        self.saved = time.monotonic()

    def _weights(self, k: int) -> dict[str, torch.Tensor]:
        return {name: value.cpu().clone() for name, value in weights_of(self.task.net, k, self.runs[k].net).items()}

    def _keep(self, places: Sequence[int], trainer: pl.Trainer) -> None:
        """Let the stack consist of these nets."""
        if len(places) == len(self.runs):
            return
        if not places:
            trainer.should_stop = True
            return
        self.runs = [self.runs[k] for k in places]
        for batches in (self.train, self.validation):
            batches.parts = [batches.parts[k] for k in places]
        chosen = torch.tensor(places, device=self.task.device)
        (optimizer,) = trainer.optimizers
        for weight in self.task.parameters():
            state = optimizer.state.get(weight, {})
            state.update({name: value[chosen] for name, value in state.items() if value.dim()})
            weight.data, weight.grad = weight.data[chosen], None
        self.task.chosen(places)
