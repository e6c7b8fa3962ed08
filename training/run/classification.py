"""What a net is trained for and how it is scored. A task knows nothing of data sets, files or configurations."""

from typing import NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score

from models.batch import TextBatch
from models.decision import decide, probabilities


class Predictions(NamedTuple):
    """Rows of the corpus `[N]`, and `[N, C]` each: true classes, predicted classes (0 or 1), probabilities."""

    rows: Tensor
    targets: Tensor
    predicted: Tensor
    probabilities: Tensor


class DivergedError(Exception):
    """The loss is no longer a finite number.

    Args:
        loss: NaN or infinite.
        epoch: in which it became so.
    """

    def __init__(self, loss: float, epoch: int):
        super().__init__(f"the loss is {loss} in epoch {epoch}")
        self.loss, self.epoch = loss, epoch


class Classification(pl.LightningModule):
    """Multi-class or multi-label classification of texts.

    loss="sigmoid" (the paper's): binary cross-entropy of each class, averaged over classes and batch; a class is
    predicted where its probability is above 0.5, so that a document may have none or several, also where exactly one
    is true. loss="softmax": cross-entropy; the most probable class is predicted.

    Metrics (per split, `test/accuracy` and so on):
        accuracy     share of the N x C one-hot cells that are predicted rightly (what the paper calls accuracy)
        top1         share of documents whose most probable class is a true one (the usual accuracy)
        macro_f1, micro_f1, weighted_f1   F1 over the predicted classes; a class with neither truth nor prediction
                     counts as 0 in the macro mean
        loss

    Args:
        net: `(tokens, lengths) -> logits [B, C]`.
        classes: C.
        loss: "sigmoid" or "softmax".
        lr: learning rate of Adam.

    Raises:
        DivergedError: in any step, the loss is NaN or infinite.
    """

    def __init__(self, net: nn.Module, classes: int, loss: str, lr: float):
        super().__init__()
        if loss not in ("sigmoid", "softmax"):
            raise ValueError(f"loss is sigmoid or softmax, not {loss!r}")
        self.net = net
        self.loss = loss
        self.criterion = F.binary_cross_entropy_with_logits if loss == "sigmoid" else F.cross_entropy
        self.lr = lr
        self.train_loss = EpochMean()
        self.val_scores = Scores(classes)
        self.test_scores = Scores(classes)
        self._tested: list[Predictions] = []

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        """Mean loss of the batch."""
        loss = self._loss(self.net(batch.tokens, batch.lengths), batch.targets)
        self.train_loss.update(loss.detach(), len(batch.targets))
        return loss

    def validation_step(self, batch: TextBatch, _: int) -> None:
        """Update the validation scores."""
        self._score(self.val_scores, batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val/...` and, while training, `train/loss`: the mean over the epoch that is about to end."""
        self._log("val", self.val_scores)
        if self.trainer.state.fn == "fit":
            self.log("train/loss", self.train_loss.compute())

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self._tested = []

    def test_step(self, batch: TextBatch, _: int) -> None:
        """Update the test scores and keep the predictions."""
        logits = self._score(self.test_scores, batch)
        predicted = decide(logits, self.loss)
        self._tested.append(Predictions(batch.rows, batch.targets, predicted, probabilities(logits, self.loss)))

    def on_test_epoch_end(self) -> None:
        """Log `test/...`."""
        self._log("test", self.test_scores)

    @property
    def predictions(self) -> Predictions:
        """Of the last test, in the order of the test part."""
        return Predictions(*(torch.cat(column) for column in zip(*self._tested, strict=True)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over what is trained."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = self.criterion(logits, targets)
        if not torch.isfinite(loss):
            raise DivergedError(loss.item(), self.current_epoch)
        return loss

    def _score(self, scores: "Scores", batch: TextBatch) -> Tensor:
        logits = self.net(batch.tokens, batch.lengths)
        scores.update(logits, decide(logits, self.loss), batch.targets, self._loss(logits, batch.targets))
        return logits

    def _log(self, split: str, scores: "Scores") -> None:
        in_curves = self.trainer.state.fn == "fit"  # scoring the chosen epoch when all is done adds no point
        values = {f"{split}/{name}": value for name, value in scores.compute().items()}
        self.log_dict(values, logger=in_curves)


class FittedClassification(Classification):
    """Classification by a net that is fitted at once, by its method `fit(batches, loss)`, and not by descent.

    One epoch follows, which scores the net and leaves what any other run leaves.
    """

    def on_fit_start(self) -> None:
        """Let there be one epoch."""
        self.trainer.fit_loop.max_epochs = 1

    def on_train_start(self) -> None:
        """Fit the net to the training part."""
        self.net.fit(self.trainer.train_dataloader, self.loss == "sigmoid")  # type: ignore[operator]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One that moves nothing: Lightning writes a checkpoint only after a step."""
        return torch.optim.SGD(self.parameters(), lr=0.0)


class EpochMean:
    """A mean over the samples of an epoch, from the means over its batches; much cheaper a batch than a metric.

    Of K nets at once, means and numbers of samples are `[K]`.
    """

    def __init__(self) -> None:
        self._batches: list[tuple[Tensor, Tensor | int]] = []

    def update(self, mean: Tensor, samples: Tensor | int) -> None:
        """Add a batch."""
        self._batches.append((mean, samples))

    def compute(self) -> Tensor:
        """The mean; the next batch begins anew."""
        means = torch.stack([mean for mean, _ in self._batches])
        samples = torch.stack([torch.as_tensor(samples) for _, samples in self._batches]).to(means)
        self._batches = []
        return (means * samples).sum(0) / samples.sum(0)


class Scores(nn.Module):
    """The metrics of one split, over its batches.

    Args:
        classes: C.
    """

    def __init__(self, classes: int):
        super().__init__()
        metrics: dict[str, Metric | MetricCollection] = {
            "accuracy": MultilabelAccuracy(classes, average="micro", validate_args=False)
        }
        for average in ("macro", "micro", "weighted"):
            metrics[f"{average}_f1"] = MultilabelF1Score(classes, average=average, validate_args=False)
        self.cells = MetricCollection(metrics)
        self.top1 = MeanMetric()
        self.loss = EpochMean()
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def update(self, logits: Tensor, predicted: Tensor, targets: Tensor, loss: Tensor) -> None:
        """Add a batch: logits, predicted and true classes, `[B, C]` each, and its mean loss."""
        self._batches.append((logits, predicted, targets))
        self.loss.update(loss, len(targets))

    def compute(self) -> dict[str, Tensor]:
        """The metrics by name; the next batch begins anew."""
        # All batches at once: an update costs a metric as much as a step of a small net.
        logits, predicted, targets = (torch.cat(column) for column in zip(*self._batches, strict=True))
        self._batches = []
        self.cells.update(predicted, targets.long())
        self.top1.update(targets.gather(1, logits.argmax(1, keepdim=True)))
        values = {**self.cells.compute(), "top1": self.top1.compute(), "loss": self.loss.compute()}
        for metric in (self.cells, self.top1):
            metric.reset()
        return values
