"""The task of a text classifier: loss and scores. A task knows nothing of data sets, files or configurations."""

from typing import NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score

from models.batch import TextBatch
from models.decision import decide, probabilities
from models.fitted import FittedNet
from models.on_cpu import on_cpu
from training.run.divergence import odd_layer
from training.run.folder.errors import DivergedError
from training.run.tasks.epoch_mean import EpochMean


class Predictions(NamedTuple):
    """The answers to N test documents with C classes.

    Attributes:
        rows: `[N]`, the documents' rows in the corpus.
        targets: `[N, C]`, the true classes, 0 or 1.
        predicted: `[N, C]`, the predicted classes, 0 or 1.
        probabilities: `[N, C]`.
    """

    rows: Tensor
    targets: Tensor
    predicted: Tensor
    probabilities: Tensor


class Classification(pl.LightningModule):
    """Multi-class or multi-label classification of texts.

    loss="sigmoid" (the paper's): binary cross-entropy of each class, averaged over classes and batch; a class is
    predicted where its probability is above 0.5, so that none or several may be predicted for a document that has
    exactly one. loss="softmax": cross-entropy; the most probable class is predicted.

    Metrics (per split, `test/accuracy` and so on):
        accuracy     share of the N x C one-hot cells that are predicted correctly (the paper's accuracy)
        top1         share of documents whose most probable class is a true one (the usual accuracy)
        macro_f1, micro_f1, weighted_f1   F1 over the predicted classes; a class that is neither true nor predicted
                     anywhere counts as 0 in the macro mean
        loss         mean over the documents

    Args:
        net: `(tokens, lengths) -> logits [B, C]`.
        classes: C.
        loss: "sigmoid" or "softmax".
        lr: learning rate of Adam.

    Raises:
        DivergedError: the loss of a batch is NaN or infinite; raised by the steps.
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
        """The mean loss of the batch."""
        loss = self._loss(self.net(batch.tokens, batch.lengths), batch)
        self.train_loss.update(loss.detach(), len(batch.targets))
        return loss

    def validation_step(self, batch: TextBatch, _: int) -> None:
        """Update the validation scores."""
        self._score(self.val_scores, batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val/...` and, while training, `train/loss`: the mean over the epoch that is ending."""
        self._log("val", self.val_scores)
        if self.trainer.state.fn == "fit":
            self.log("train/loss", self.train_loss.compute())

    def on_test_epoch_start(self) -> None:
        """Drop the predictions of an earlier test."""
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
        """The answers to the last test, in the order of the test part, on the CPU."""
        return on_cpu(Predictions(*(torch.cat(column) for column in zip(*self._tested, strict=True))))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all weights that are trained."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr)

    def _loss(self, logits: Tensor, batch: TextBatch) -> Tensor:
        loss = self.criterion(logits, batch.targets)
        if not torch.isfinite(loss):
            layer = odd_layer(self.net, batch.tokens, batch.lengths)
            raise DivergedError(loss.item(), self.current_epoch, self.lr, layer)
        return loss

    def _score(self, scores: "Scores", batch: TextBatch) -> Tensor:
        logits = self.net(batch.tokens, batch.lengths)
        scores.update(logits, decide(logits, self.loss), batch.targets, self._loss(logits, batch))
        return logits

    def _log(self, split: str, scores: "Scores") -> None:
        in_curves = self.trainer.state.fn == "fit"  # the scores of the chosen epoch, computed at the end, add no point
        values = {f"{split}/{name}": value for name, value in scores.compute().items()}
        self.log_dict(values, logger=in_curves)


class FittedClassification(Classification):
    """Classification by a `FittedNet`, which is fitted at once and not by gradient descent.

    One epoch scores the net after that, so that the run leaves behind what any other run does.
    """

    net: FittedNet

    def on_fit_start(self) -> None:
        """Make it one epoch."""
        self.trainer.fit_loop.max_epochs = 1

    def on_train_start(self) -> None:
        """Fit the net to the training part."""
        assert self.trainer.train_dataloader is not None
        self.net.fit(self.trainer.train_dataloader, self.loss == "sigmoid")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """An optimiser that moves nothing, because Lightning writes a checkpoint only after a step."""
        return torch.optim.SGD(self.parameters(), lr=0.0)


class Scores(nn.Module):
    """The metrics of one split, collected batch by batch.

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
        """Add a batch: its logits, predicted and true classes, `[B, C]` each, and its mean loss."""
        self._batches.append((logits, predicted, targets))
        self.loss.update(loss, len(targets))

    def compute(self) -> dict[str, Tensor]:
        """The metrics by name; the next batch begins a new epoch."""
        # All batches at once: one update of a metric costs as much as a step of a small net.
        logits, predicted, targets = (torch.cat(column) for column in zip(*self._batches, strict=True))
        self._batches = []
        self.cells.update(predicted, targets.long())
        self.top1.update(targets.gather(1, logits.argmax(1, keepdim=True)))
        values = {**self.cells.compute(), "top1": self.top1.compute(), "loss": self.loss.compute()}
        for metric in (self.cells, self.top1):
            metric.reset()
        return values
