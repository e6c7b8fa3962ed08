"""The part that all tasks of a stack share: the training step, its optimizer, clipping and random numbers.

A stack's loss is the sum of its nets' losses, so each net gets the gradient of its own loss; and Adam treats each
number by itself. So every net learns what it would learn alone.
"""

import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from cells.draws import Draws
from cells.stack import StackedLSTM
from models.dropout import StackedSpatialDropout
from training.run.tasks.epoch_mean import EpochMean
from training.stacks.batches import StackedBatch
from training.stacks.divergences import Divergences
from training.stacks.recorded import RecordedStep, Recorder, recorder_for


class Given(NamedTuple):
    """The inputs of a training step.

    Attributes:
        batch: on the device.
        drawn: the random numbers of the step, where they are drawn ahead of it.
    """

    batch: StackedBatch
    drawn: Sequence[Tensor] = ()


class StackedTask(pl.LightningModule):
    """The part that classifying and forecasting share.

    Args:
        net: made by `stack_nets`.
        lr: Adam's learning rate.
        clip: the largest norm of each net's gradient; None: no clipping.

    Attributes:
        has_fixed_shapes: whether a step launches the same for all batches of a shape, so that it can be recorded.
        recorder: records the steps; None where they are taken as they are.
        scores: each net's scores in the last epoch, by name, with `train/loss` and `val/loss`.
        divergences: of the epoch.
    """

    has_fixed_shapes: bool

    def __init__(self, net: nn.Module, lr: float, clip: float | None):
        super().__init__()
        self.automatic_optimization = False  # the whole step is one function, which can be recorded
        self.net = net
        self.lr = lr
        self.clip = clip
        self.scores: list[dict[str, float]] = []
        self.divergences = Divergences()
        self.train_loss = EpochMean()
        self.val_loss = EpochMean()
        self.recorder: Recorder | None = None
        self.generators: list[torch.Generator] = []
        self.draws = Draws()
        for part in net.modules():
            if isinstance(part, StackedSpatialDropout | StackedLSTM):
                part.draws = self.draws
        self._learn: Callable[[Given], Tensor]
        self._step: Callable[[Given], Tensor]

    @abstractmethod
    def inputs(self, batch: StackedBatch) -> tuple[Tensor, ...]:
        """The nets' inputs in a batch, each with a leading K."""

    def outputs(self, batch: StackedBatch) -> Tensor:
        """The nets' outputs for a batch: logits `[K, B, C]` or forecasts `[K, B]`."""
        return self.net(*self.inputs(batch))

    @abstractmethod
    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The loss of each sample, `[K, B]`."""

    @abstractmethod
    def validation_scores(self) -> list[dict[str, float]]:
        """Each net's scores on the validation part just seen, the loss aside."""

    def keep_nets(self, places: Sequence[int]) -> None:
        """Go on with the nets at these places of the stack alone."""
        if isinstance(self._step, RecordedStep):
            self._step.forget()

    def seed(self, seeds: Sequence[int]) -> None:
        """Seed each net's random numbers for an epoch; all its parts draw from one generator, as the net's alone."""
        if len(self.generators) != len(seeds):
            self.draws.generators = self.generators = [torch.Generator(self.device) for _ in seeds]
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)

    def find_recorder(self) -> None:
        """Have the steps recorded where that can be."""
        self.recorder = recorder_for(self.net, self.device) if self.has_fixed_shapes else None

    def on_train_start(self) -> None:
        """Decide how a step is taken."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        self._learn = self._step = functools.partial(self.learn, optimizer)
        self.find_recorder()
        if self.recorder:
            self._step = RecordedStep(self._learn, self.recorder, self.drawn_from)

    def drawn_from(self) -> Sequence[torch.Generator]:
        """The generators that a recorded step draws from itself."""
        return self.generators if self.draws.by_call else []

    def prepared(self, batch: StackedBatch) -> StackedBatch:
        """A batch on the CPU as a step takes it."""
        return batch

    def on_before_batch_transfer(self, batch: StackedBatch, dataloader_idx: int) -> StackedBatch:
        """Prepare it."""
        return self.prepared(batch)

    def on_train_epoch_start(self) -> None:
        """Note that no net has diverged in this epoch yet."""
        self.divergences.begin(self.device)

    def training_step(self, batch: StackedBatch, _: int) -> None:
        """Take a step, and note each net's mean loss."""
        means = (self._learn if batch.is_large else self._step)(self.given(batch))
        self.divergences.note(means)
        self.train_loss.update(means, batch.samples)

    def given(self, batch: StackedBatch) -> Given:
        """The inputs of the next step: a batch of texts comes with its random numbers, once it is known which."""
        if batch.counts is None or not self.draws.is_known:
            return Given(batch)
        drawn = self.draws.ahead(batch.counts, next(self.net.parameters()))
        return Given(batch._replace(counts=None) if batch.places else batch, drawn)

    def learn(self, optimizer: torch.optim.Optimizer, given: Given) -> Tensor:
        """Take a step of the optimizer; -> each net's mean loss, `[K]`."""
        batch = given.batch
        with self.draws.call(given.drawn):
            outputs = self.outputs(batch)
        means = self._means(outputs, batch)
        self.divergences.locate(means.detach(), self.inputs(batch))
        optimizer.zero_grad()
        means.sum().backward()
        self._clip()
        optimizer.step()
        return means.detach()

    def validation_step(self, batch: StackedBatch, _: int) -> None:
        """Note each net's loss and outputs."""
        outputs = self.outputs(batch)
        means = self._means(outputs, batch).detach()
        self.divergences.locate(means, self.inputs(batch))
        self.divergences.note(means)
        self.val_loss.update(means, batch.samples)
        self.collect(outputs, batch)

    @abstractmethod
    def collect(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep what `validation_scores` needs."""

    def on_validation_epoch_end(self) -> None:
        """Compute the scores of the epoch that is about to end."""
        losses = zip(self.train_loss.compute().tolist(), self.val_loss.compute().tolist(), strict=True)
        found = ({"train/loss": train, "val/loss": val} for train, val in losses)
        self.scores = [loss | of_net for loss, of_net in zip(found, self.validation_scores(), strict=True)]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all weights that are trained; where steps may be recorded, it counts them on the device."""
        capturable = self.has_fixed_shapes and self.is_on_device
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr, capturable=capturable)

    @property
    def is_on_device(self) -> bool:
        """Whether waiting for the tensors costs time."""
        return self.device.type not in ("cpu", "mps")

    def _clip(self) -> None:
        """Scale each net's gradient down to the largest norm allowed."""
        if self.clip is None:
            return
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scale = (self.clip / (norms + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

    def _means(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """Each net's mean loss over its samples, `[K]`; 0 if it has none."""
        losses = self.losses(outputs, batch).masked_fill(~batch.real, 0.0)
        return losses.sum(1) / batch.samples.clamp(min=1)
