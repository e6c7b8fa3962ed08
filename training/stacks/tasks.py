"""The tasks of a stack: those of `training.run` with a leading K.

A stack's loss is the sum of its nets' losses, so each net gets the gradient of its own loss; and Adam treats each
number by itself. So every net learns what it would learn alone.
"""

import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multilabel_accuracy, multilabel_f1_score

from cells.stack import StackedLSTM
from models.decision import decide
from models.dropout import StackedSpatialDropout
from training.run.tasks.classification import Classification
from training.run.tasks.epoch_mean import EpochMean
from training.run.tasks.forecast import Errors, Forecast
from training.stacks.divergences import Divergences
from training.stacks.recorded import RecordedStep, recorder_for


class StackedBatch(NamedTuple):
    """A batch of each of K nets, padded with zeros.

    Attributes:
        samples: `[K]` int64, the number of each net's samples.
        own: a text or market batch whose fields have a leading K, such as `tokens [K, B, T]`.
    """

    samples: Tensor
    own: Any

    @property
    def real(self) -> Tensor:
        """`[K, B]`: true where there is a sample, false where there is padding."""
        rows = torch.arange(self.own.targets.size(1), device=self.samples.device)
        return rows < self.samples.unsqueeze(1)


class StackedTask(pl.LightningModule):
    """The part that classifying and forecasting share.

    Args:
        net: made by `stack_nets`.
        lr: Adam's learning rate.
        clip: the largest norm of each net's gradient; None: no clipping.

    Attributes:
        has_fixed_shapes: whether a step launches the same for all batches of a shape, so that it can be recorded.
        scores: each net's scores in the last epoch, by name, with `train/loss` and `val/loss`.
        divergences: of the epoch.
    """

    has_fixed_shapes = False

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
        self.generators: list[torch.Generator] = []
        self._step: Callable[[StackedBatch], Tensor]

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
            self.generators = [torch.Generator(self.device) for _ in seeds]
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)
        for part in self.net.modules():
            if isinstance(part, StackedSpatialDropout | StackedLSTM):
                part.generators = self.generators

    def on_train_start(self) -> None:
        """Have the steps recorded where that can be."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        learn = functools.partial(self.learn, optimizer)
        recorder = recorder_for(self.net, self.device) if self.has_fixed_shapes else None
        self._step = RecordedStep(learn, recorder, lambda: self.generators) if recorder else learn

    def on_train_epoch_start(self) -> None:
        """Note that no net has diverged in this epoch yet."""
        self.divergences.begin(self.device)

    def training_step(self, batch: StackedBatch, _: int) -> None:
        """Take a step, and note each net's mean loss."""
        means = self._step(batch)
        self.divergences.note(means)
        self.train_loss.update(means, batch.samples)

    def learn(self, optimizer: torch.optim.Optimizer, batch: StackedBatch) -> Tensor:
        """Take a step of the optimizer with a batch; -> each net's mean loss, `[K]`."""
        means = self._means(self.outputs(batch), batch)
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
        on_device = self.has_fixed_shapes and self.device.type not in ("cpu", "mps")
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr, capturable=on_device)

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


class StackedClassification(StackedTask):
    """`Classification` of K nets.

    Args:
        net, lr, clip: see `StackedTask`.
        loss: "sigmoid" or "softmax".
    """

    def __init__(self, net: nn.Module, lr: float, clip: float | None, loss: str):
        super().__init__(net, lr, clip)
        self.loss = loss
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def inputs(self, batch: StackedBatch) -> tuple[Tensor, ...]:
        """Tokens `[K, B, T]` and lengths `[K, B]`."""
        return batch.own.tokens, batch.own.lengths

    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The cross-entropy of each document; with `sigmoid`, the mean of the classes' binary cross-entropies."""
        targets = batch.own.targets.to(outputs.dtype)
        if self.loss == "sigmoid":
            return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(2)
        return F.cross_entropy(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(batch.real.shape)

    def collect(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep the logits and the true classes."""
        self._seen.append((outputs, batch.own.targets, batch.real))

    def validation_scores(self) -> list[dict[str, float]]:
        """The scores that `Scores` computes for a net alone."""
        logits, targets, real = (torch.cat(column, 1) for column in zip(*self._seen, strict=True))
        self._seen = []
        classes = logits.size(2)
        predicted = decide(logits.flatten(0, 1), self.loss).view(logits.shape)
        truth = targets.long().masked_fill(~real.unsqueeze(2), -1)
        # For the metrics, the nets are the samples, and the documents are a further dimension of each sample.
        cells = (predicted.transpose(1, 2), truth.transpose(1, 2), classes)
        # For a single sample the metrics drop that dimension; then its mean is the mean over everything.
        average_over: Any = "samplewise" if len(logits) > 1 else "global"
        how: Any = {"multidim_average": average_over, "ignore_index": -1, "validate_args": False}
        found = {"accuracy": multilabel_accuracy(*cells, average="micro", **how)}
        averages: tuple[Literal["macro", "micro", "weighted"], ...] = ("macro", "micro", "weighted")
        for average in averages:
            found[f"{average}_f1"] = multilabel_f1_score(*cells, average=average, **how)
        hits = targets.gather(2, logits.argmax(2, keepdim=True)).squeeze(2).masked_fill(~real, 0.0)
        found["top1"] = hits.sum(1) / real.sum(1)
        return _by_net({f"val/{name}": values.reshape(-1) for name, values in found.items()})


class StackedForecast(StackedTask):
    """`Forecast` of K nets.

    Args:
        net, lr, clip: see `StackedTask`.
        errors: computes each net's errors.
    """

    has_fixed_shapes = True  # all windows of a run are equally long

    def __init__(self, net: nn.Module, lr: float, clip: float | None, errors: Sequence[Errors]):
        super().__init__(net, lr, clip)
        self.errors = list(errors)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def inputs(self, batch: StackedBatch) -> tuple[Tensor, ...]:
        """Windows `[K, B, W, F]`."""
        return (batch.own.inputs,)

    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The squared error of each forecast."""
        return F.mse_loss(outputs, batch.own.targets.to(outputs.dtype), reduction="none")

    def collect(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep the forecasts and their days."""
        self._seen.append((outputs, batch.own.rows, batch.real))

    def keep_nets(self, places: Sequence[int]) -> None:
        """Keep the `errors` of these nets alone."""
        super().keep_nets(places)
        self.errors = [self.errors[k] for k in places]

    def validation_scores(self) -> list[dict[str, float]]:
        """Each net's errors, by name; none of a net that has diverged."""
        forecasts, rows, real = (torch.cat(column, 1).cpu() for column in zip(*self._seen, strict=True))
        self._seen = []
        own = zip(self.errors, forecasts.double(), rows, real, strict=True)
        found = (
            errors(values[there].numpy(), days[there].numpy()) if values[there].isfinite().all() else {}
            for errors, values, days, there in own
        )
        return [{f"val/{name}": value for name, value in of_net.items()} for of_net in found]


def _by_net(values: dict[str, Tensor]) -> list[dict[str, float]]:
    """Turn `[K]` numbers for each name into a dictionary for each net."""
    return [dict(zip(values, of_net, strict=True)) for of_net in torch.stack(list(values.values()), 1).tolist()]


def stacked_task(net: nn.Module, tasks: Sequence[pl.LightningModule], clip: float | None) -> StackedTask:
    """The task of a stack, made from its nets' own tasks.

    Args:
        net: made by `stack_nets`.
        tasks: of the K nets, all of one kind and with one learning rate.
        clip: see `StackedTask`.
    """
    first = tasks[0]
    if isinstance(first, Classification):
        return StackedClassification(net, first.lr, clip, first.loss)
    assert isinstance(first, Forecast)
    return StackedForecast(net, first.lr, clip, [task.errors for task in tasks])  # type: ignore[misc]
