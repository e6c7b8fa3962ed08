"""K nets that are trained as one, each for itself: the tasks of `training.run` with a leading K.

The loss of a stack is the sum of its nets' losses, so that each gets the gradient of its own; Adam works on each number
for itself. So every net learns what it would alone.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multilabel_accuracy, multilabel_f1_score

from models.decision import decide
from models.dropout import StackedSpatialDropout
from training.run.classification import Classification, EpochMean
from training.run.forecast import Errors, Forecast


class StackedBatch(NamedTuple):
    """A batch of each net, padded with zeros.

    Attributes:
        samples: `[K]` int64, how many each net has.
        own: fields of a text or market batch with a leading K, such as `tokens [K, B, T]`.
    """

    samples: Tensor
    own: Any

    @property
    def real(self) -> Tensor:
        """`[K, B]`, where there is a sample."""
        rows = torch.arange(self.own.targets.size(1), device=self.samples.device)
        return rows < self.samples.unsqueeze(1)


class StackedTask(pl.LightningModule):
    """What classifying and forecasting share.

    Args:
        net: of `training.stacks.nets`.
        lr: learning rate of Adam.
        clip: each net's gradient has at most this norm; None: any.

    Attributes:
        scores: of each net in the last epoch, by name, `train/loss` and `val/loss` among them.
        diverged: of each net, the first loss of the epoch that was NaN or infinite, else 0.
    """

    def __init__(self, net: nn.Module, lr: float, clip: float | None):
        super().__init__()
        self.net = net
        self.lr = lr
        self.clip = clip
        self.scores: list[dict[str, float]] = []
        self.diverged = torch.zeros(())
        self.train_loss = EpochMean()
        self.val_loss = EpochMean()

    @abstractmethod
    def outputs(self, batch: StackedBatch) -> Tensor:
        """What the nets make of a batch, `[K, B, ...]`."""

    @abstractmethod
    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The loss of each sample, `[K, B]`."""

    @abstractmethod
    def validated(self) -> list[dict[str, float]]:
        """The scores of each net on the validation part that it has just seen, but for the loss."""

    def chosen(self, places: Sequence[int]) -> None:
        """Go on with the nets at these places of the stack."""

    def seed(self, seeds: Sequence[int]) -> None:
        """Begin the random numbers of an epoch: those of each net are its own."""
        for part in self.net.modules():
            if isinstance(part, StackedSpatialDropout):
                part.seed(seeds, self.device)

    def on_train_epoch_start(self) -> None:
        """No net has diverged in this epoch."""
        self.diverged = torch.zeros((), device=self.device)

    def training_step(self, batch: StackedBatch, _: int) -> Tensor:
        """The sum of the nets' mean losses."""
        losses = self._means(self.outputs(batch), batch)
        self.train_loss.update(losses.detach(), batch.samples)
        return losses.sum()

    def validation_step(self, batch: StackedBatch, _: int) -> None:
        """Keep the loss of each net."""
        outputs = self.outputs(batch)
        self.val_loss.update(self._means(outputs, batch), batch.samples)
        self.keep(outputs, batch)

    @abstractmethod
    def keep(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep what `validated` needs."""

    def on_validation_epoch_end(self) -> None:
        """Make the scores of the epoch that is about to end."""
        losses = zip(self.train_loss.compute().tolist(), self.val_loss.compute().tolist(), strict=True)
        found = ({"train/loss": train, "val/loss": val} for train, val in losses)
        self.scores = [loss | of_net for loss, of_net in zip(found, self.validated(), strict=True)]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over what is trained."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr)

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: Any, **__: Any) -> None:
        """Scale the gradient of each net down to the norm that it may have."""
        if self.clip is None:
            return
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scale = (self.clip / (norms + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

    def _means(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """The mean loss of each net over its samples, `[K]`; 0 where it has none."""
        losses = self.losses(outputs, batch).masked_fill(~batch.real, 0.0)
        means = losses.sum(1) / batch.samples.clamp(min=1)
        found = means.detach()
        self.diverged = torch.where(self.diverged.isfinite(), torch.where(found.isfinite(), 0.0, found), self.diverged)
        return means


class StackedClassification(StackedTask):
    """`Classification` of K nets.

    Args:
        loss: "sigmoid" or "softmax".
        others: of `StackedTask`.
    """

    def __init__(self, net: nn.Module, lr: float, clip: float | None, loss: str):
        super().__init__(net, lr, clip)
        self.loss = loss
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def outputs(self, batch: StackedBatch) -> Tensor:
        """Logits `[K, B, C]`."""
        return self.net(batch.own.tokens, batch.own.lengths)

    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """Cross-entropy of each document, binary ones averaged over the classes."""
        targets = batch.own.targets.to(outputs.dtype)
        if self.loss == "sigmoid":
            return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(2)
        return F.cross_entropy(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(batch.real.shape)

    def keep(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep logits and truth."""
        self._seen.append((outputs, batch.own.targets, batch.real))

    def validated(self) -> list[dict[str, float]]:
        """What `Scores` computes of a net alone."""
        logits, targets, real = (torch.cat(column, 1) for column in zip(*self._seen, strict=True))
        self._seen = []
        classes = logits.size(2)
        predicted = decide(logits.flatten(0, 1), self.loss).view(logits.shape)
        truth = targets.long().masked_fill(~real.unsqueeze(2), -1)
        # The nets stand where the metrics have samples, the documents where these have dimensions of their own.
        cells = (predicted.transpose(1, 2), truth.transpose(1, 2), classes)
        # Of a single sample the metrics lose the dimension: then its mean is the mean over all.
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
        errors: of each net.
        others: of `StackedTask`.
    """

    def __init__(self, net: nn.Module, lr: float, clip: float | None, errors: Sequence[Errors]):
        super().__init__(net, lr, clip)
        self.errors = list(errors)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def outputs(self, batch: StackedBatch) -> Tensor:
        """Forecasts `[K, B]`."""
        return self.net(batch.own.inputs)

    def losses(self, outputs: Tensor, batch: StackedBatch) -> Tensor:
        """Squared errors."""
        return F.mse_loss(outputs, batch.own.targets.to(outputs.dtype), reduction="none")

    def keep(self, outputs: Tensor, batch: StackedBatch) -> None:
        """Keep the forecasts, and of which days they are."""
        self._seen.append((outputs, batch.own.rows, batch.real))

    def chosen(self, places: Sequence[int]) -> None:
        """Keep their errors."""
        self.errors = [self.errors[k] for k in places]

    def validated(self) -> list[dict[str, float]]:
        """The errors of each net."""
        forecasts, rows, real = (torch.cat(column, 1).cpu() for column in zip(*self._seen, strict=True))
        self._seen = []
        own = zip(self.errors, forecasts.double(), rows, real, strict=True)
        found = (errors(values[there].numpy(), days[there].numpy()) for errors, values, days, there in own)
        return [{f"val/{name}": value for name, value in of_net.items()} for of_net in found]


def _by_net(values: dict[str, Tensor]) -> list[dict[str, float]]:
    """`[K]` of each name, as a dictionary for each net."""
    return [dict(zip(values, of_net, strict=True)) for of_net in torch.stack(list(values.values()), 1).tolist()]


def stacked_task(net: nn.Module, tasks: Sequence[pl.LightningModule], clip: float | None) -> StackedTask:
    """The task of a stack of nets, from those that its nets have alone.

    Args:
        net: of `training.stacks.nets`.
        tasks: of the K nets, all of one kind and with one learning rate.
        clip: see `StackedTask`.
    """
    first = tasks[0]
    if isinstance(first, Classification):
        return StackedClassification(net, first.lr, clip, first.loss)
    assert isinstance(first, Forecast)
    return StackedForecast(net, first.lr, clip, [task.errors for task in tasks])  # type: ignore[misc]
