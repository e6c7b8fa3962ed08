"""The tasks of a stack: those of `training.run` with a leading K."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multilabel_accuracy, multilabel_f1_score

from cells.packed import packed, packed_on_device
from cells.stack import StackedLSTM
from models.batch import PackedNet
from models.decision import decide
from training.run.tasks.classification import Classification
from training.run.tasks.forecast import Errors, Forecast
from training.stacks.batches import StackedBatch
from training.stacks.shapes import counted, launches_dominate, placed, rounded
from training.stacks.stacked_task import StackedTask


class StackedClassification(StackedTask):
    """`Classification` of K nets.

    Args:
        net, lr, clip: see `StackedTask`.
        loss: "sigmoid" or "softmax".
    """

    def __init__(self, net: nn.Module, lr: float, clip: float | None, loss: str):
        super().__init__(net, lr, clip)
        self.loss = loss
        self.has_fixed_shapes = isinstance(net, PackedNet)
        self._documents = 0  # of the largest batch so far, which the first one is
        self._units = max((part.hidden_size for part in net.modules() if isinstance(part, StackedLSTM)), default=0)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def prepared(self, batch: StackedBatch) -> StackedBatch:
        """Count its words before it is on a device; where steps are recorded, round the numbers."""
        if not isinstance(self.net, PackedNet):
            return batch
        batch = counted(batch)
        assert batch.counts is not None
        if not self.is_on_device:
            return batch
        is_large = not launches_dominate(batch.counts, self._units)
        if self.training and self.recorder and not is_large:
            self._documents = max(self._documents, batch.own.tokens.size(1))
            return rounded(batch, self._documents)
        return placed(batch, max(1, batch.counts.places))._replace(is_large=is_large)

    def inputs(self, batch: StackedBatch) -> tuple[Tensor, ...]:
        """Tokens `[K, B, T]` and lengths `[K, B]`."""
        return batch.own.tokens, batch.own.lengths

    def outputs(self, batch: StackedBatch) -> Tensor:
        """Logits `[K, B, C]`."""
        tokens, lengths = self.inputs(batch)
        if not isinstance(self.net, PackedNet):
            return super().outputs(batch)
        if batch.places:
            return self.net.of_rows(tokens, packed_on_device(lengths, tokens.size(2), batch.places, batch.counts))
        samples = batch.counts.samples if batch.counts else None
        return self.net.of_rows(tokens, packed(lengths, tokens.size(2), samples=samples))

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
        own = zip(forecasts.double(), rows, real, strict=True)
        found = [self._errors(k, values[there], days[there]) for k, (values, days, there) in enumerate(own)]
        return [{f"val/{name}": value for name, value in of_net.items()} for of_net in found]

    def _errors(self, k: int, forecasts: Tensor, rows: Tensor) -> dict[str, float]:
        if not forecasts.isfinite().all():
            return {}
        try:
            return self.errors[k](forecasts.numpy(), rows.numpy())
        except OverflowError:  # an error is infinite, although the loss, which is of scaled values, is not
            losses = torch.zeros(len(self.errors), device=self.device)
            losses[k] = math.inf
            self.divergences.note(losses)
            return {}


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
