"""Trains runs of one configuration that differ in seed and fold as one net, see `training.stacks.nets`."""

import copy
import functools
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig
from torch import Tensor

from conf.kinds import kind_of
from conf.mistakes import report
from models.on_cpu import on_cpu
from training.run import build
from training.run.divergence import odd_layer
from training.run.epoch_lines import quiet
from training.run.fit import fit as fit_alone
from training.run.folder import provenance
from training.run.folder.errors import HeldError, is_disk_full
from training.run.folder.run_folder import Member
from training.run.resume import keyboard_interrupts
from training.run.seeds import seed_of_epoch, seed_of_net
from training.run.threads import Threads
from training.stacks.adam_state import state_by_name, state_of_net, state_of_stack
from training.stacks.batches import StackedBatches
from training.stacks.epoch_lines import EpochLines
from training.stacks.memory import split_by_memory
from training.stacks.nets import obstacle, stack_nets, weights_of
from training.stacks.stacked_run import StackedRun, StateDict
from training.stacks.tasks import stacked_task

log = logging.getLogger("lstm-cs")

SAVE_INTERVAL = 60.0
"""Seconds between two checkpoints: a stack of large nets takes seconds to write one."""


def fit(members: Sequence[Member]) -> None:
    """Train runs as one stack, or as several if the memory is too small or their epochs differ in length.

    A run is finished, or has failed, as soon as its own training ends; the other runs go on.

    Args:
        members: the runs. A run that shares no stack with another, or whose net cannot be stacked, is trained alone.
    """
    loaded = _loaded(members)
    for run in loaded:
        if run.is_over:  # interrupted while it was being finished
            _finish(run)
    runs = [run for run in loaded if not run.is_over]
    if not runs:
        return
    if reason := obstacle(runs[0].net):
        log.info("model=%s is trained one by one: %s.", runs[0].config.model.name, reason)
        _fit_one_by_one(runs)
        return
    for group in _in_step(runs):
        for stack in split_by_memory(group):
            if len(stack) == 1 and not stack[0].epochs:
                _fit_one_by_one(stack)
            else:
                Stack(stack).fit()


def _fit_one_by_one(runs: Sequence[StackedRun]) -> None:
    for run in runs:
        try:
            fit_alone(run.config, run.folder)
        except Exception as error:
            if is_disk_full(error) or isinstance(error, HeldError):
                raise
            run.folder.fail(report(error))


def _loaded(members: Sequence[Member]) -> list[StackedRun]:
    """Load each run's data, shared where the parts are the same, and initial net; mark a run failed if that fails."""
    problems: dict[tuple[int, ...], Any] = {}
    runs = []
    for config, folder in members:
        try:
            parts = kind_of(config).parts(config)
            if parts not in problems:
                problems[parts] = build.problem(config)
            run = StackedRun(config, folder, problems[parts].with_seed(config.seed))
            folder.claim()
            provenance.refuse_changed_data(folder, config)
        except Exception as error:
            if is_disk_full(error) or isinstance(error, HeldError):
                raise
            folder.fail(report(error))
        else:
            runs.append(run)
    return runs


def _in_step(runs: Sequence[StackedRun]) -> list[list[StackedRun]]:
    """Group runs that can share Adam's steps: they begin at the same epoch, and their epochs are equally long."""
    groups: dict[tuple[int, int], list[StackedRun]] = {}
    for run in runs:
        groups.setdefault((run.steps, run.epochs), []).append(run)
    return list(groups.values())


class Stack(Callback):
    """Runs that are trained as one.

    During the training it keeps each run's scores and best epoch, and drops the runs whose training has ended.

    Args:
        runs: whose nets are stacked, in this order. They have equally many steps in an epoch, and equally many epochs
            behind them.

    Attributes:
        first_epoch: the number of the first epoch to train; above 0 after an interruption.
    """

    def __init__(self, runs: Sequence[StackedRun]):
        self.runs = list(runs)
        first = runs[0]
        self.config: DictConfig = first.config
        self.first_epoch = first.epochs
        net = stack_nets([run.net for run in runs])
        tasks = [run.problem.task(run.net, run.config.lr) for run in runs]
        self.task = stacked_task(net, tasks, first.config.clip)
        self.task.divergences.layer_of = self._odd_layer
        self.train = StackedBatches([run.problem.data.train_dataloader() for run in runs], self.first_epoch)
        self.validation = StackedBatches([run.problem.data.val_dataloader() for run in runs])
        self.epoch_began = 0.0
        self.lines = EpochLines()
        self.saved = time.monotonic()

    def fit(self) -> None:
        """Train all of them."""
        quiet()
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=self.config.epochs - self.first_epoch,
            callbacks=[Threads(self.config.threads), self],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            inference_mode=False,  # TorchScript modules that ran with gradients fail under inference_mode
        )
        with keyboard_interrupts():
            trainer.fit(self.task, self.train, self.validation)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore Adam's state after an interruption, and write down what the runs are trained with."""
        for run in self.runs:
            provenance.write(run.folder, run.config, self.task, len(self.runs))
        if self.first_epoch:
            (optimizer,) = trainer.optimizers
            for name, weight in self.task.net.named_parameters():
                if weight.requires_grad:
                    states = [run.adam_state[name] for run in self.runs]
                    optimizer.state[weight] = state_of_stack(states, weight, optimizer.defaults["capturable"])
            for run in self.runs:
                run.adam_state = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed each net's random numbers."""
        self.epoch_began = time.perf_counter()
        self.task.seed([seed_of_epoch(seed_of_net(run.config), run.epochs) for run in self.runs])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the epoch of every run, finish those whose last it was, and go on with the others."""
        seconds = time.perf_counter() - self.epoch_began
        diverged = self.task.divergences.of_nets(len(self.runs))
        weights = functools.cache(self._weights)  # of all nets: they leave the device together
        for k, (run, scores, odd) in enumerate(zip(self.runs, self.task.scores, diverged, strict=True)):
            run.end_epoch(scores, odd, seconds / len(self.runs), functools.partial(self._weights_of, k, weights))
        self.lines.end_epoch(self.runs, seconds)
        going_on = [k for k, run in enumerate(self.runs) if not run.is_over]
        # A smaller stack rounds otherwise, so that after an interruption all have to go on from the same epoch.
        if len(going_on) < len(self.runs) or time.monotonic() - self.saved > SAVE_INTERVAL:
            self._save(trainer, weights)
        for run in self.runs:
            if run.is_over:
                _finish(run)
        self._keep(going_on, trainer)

    def _save(self, trainer: pl.Trainer, weights: Callable[[], StateDict]) -> None:
        (optimizer,) = trainer.optimizers
        states = on_cpu(state_by_name(self.task.net, optimizer))
        with ExitStack() as written:  # all are put in place when all are written: a stack goes on from one epoch
            for k, run in enumerate(self.runs):
                if not run.has_failed:
                    state = state_of_net(states, k, run.net)
                    written.enter_context(run.saved(self._weights_of(k, weights), state))
        self.saved = time.monotonic()

    def _weights(self) -> StateDict:
        """The weights of all nets."""
        return on_cpu(self.task.net.state_dict())

    def _weights_of(self, k: int, weights: Callable[[], StateDict]) -> StateDict:
        """A copy of net k's weights."""
        return {name: value.clone() for name, value in weights_of(weights(), k, self.runs[k].net).items()}

    def _odd_layer(self, k: int, inputs: Sequence[Tensor]) -> str:
        """The layer of net k with which it began to give odd numbers for these inputs of the stack."""
        net = copy.deepcopy(self.runs[k].net).train(self.task.net.training)
        net.load_state_dict(weights_of(self.task.net.state_dict(), k, net))
        with torch.random.fork_rng(devices=[]):
            return odd_layer(net, *(each[k] for each in inputs))

    def _keep(self, places: Sequence[int], trainer: pl.Trainer) -> None:
        """Keep the runs at these places alone, with their nets, Adam's state and batches; without any, stop."""
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
        self.task.keep_nets(places)


def _finish(run: StackedRun) -> None:
    """Finish a run; an error there is its own, and the other runs go on."""
    try:
        run.finish()
    except HeldError:
        pass  # another process has taken the run over, and writes the same
    except Exception as error:
        if is_disk_full(error):
            raise
        run.folder.fail(report(error))
