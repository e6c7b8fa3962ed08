"""The confusion matrix of a text classifier, and some of its test texts, for TensorBoard."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from torch import Tensor
from torch.nn import functional as F

from datamodules.texts.text_datamodule import TextDataModule
from training.run.tasks.classification import Classification, Predictions
from training.run.tensorboard import writer

SHOWN_TEXTS = 20
"""Test texts that are logged."""

MOST_CLASSES = 200
"""Classes up to which there is a matrix: a line of one for more is thinner than a pixel."""

READABLE_CLASSES = 15
"""Classes up to which the cells of the matrix carry their numbers."""


class Confusions(Callback):
    """Logs the confusion matrix and some texts after the test.

    Args:
        data: has the texts and the names of the classes.
    """

    def __init__(self, data: TextDataModule):
        self.data = data

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the confusion matrix and SHOWN_TEXTS documents, spread over the test part: it may be sorted by class."""
        assert isinstance(pl_module, Classification)
        predictions = pl_module.predictions
        board = writer(trainer)
        if len(self.data.classes) <= MOST_CLASSES:
            board.add_figure("confusion", confusion(*self._counts(predictions), self.data.classes))
        board.add_text("test texts", self._table(predictions))
        board.flush()

    def _counts(self, predictions: Predictions) -> tuple[Tensor, str]:
        """Documents by true class (row) and predicted class (column), and which classes count as predicted."""
        if self.data.multilabel:
            return predictions.targets.T @ predictions.predicted.float(), "every class above its threshold"
        most_probable = F.one_hot(predictions.probabilities.argmax(1), len(self.data.classes))
        return predictions.targets.T @ most_probable.float(), "most probable class"

    def _table(self, predictions: Predictions) -> str:
        lines = ["| text | truth | predicted | most probable |", "|---|---|---|---|"]
        documents = len(predictions.rows)
        shown = torch.linspace(0, documents - 1, min(SHOWN_TEXTS, documents), device="cpu").long()
        for row, truth, predicted, probability in zip(*(column[shown] for column in predictions), strict=True):
            text = " ".join(self.data.texts[row].replace("|", "/").split())
            best = int(probability.argmax())
            lines.append(
                f"| {text} | {self._names(truth)} | {self._names(predicted)} "
                f"| {self.data.classes[best]} {probability[best]:.2f} |"
            )
        return "\n".join(lines)

    def _names(self, chosen: Tensor) -> str:
        return ", ".join(self.data.classes[c] for c in chosen.nonzero().flatten()) or "none"


def confusion(counts: Tensor, predicted: str, classes: Sequence[str]) -> Figure:
    """A picture of `counts [C, C]` (rows: truth), coloured by the share of the row.

    The next call with the same classes draws on the same figure.
    """
    picture = _empty(predicted, tuple(classes))
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    picture.image.set_data(shares.numpy())
    for (row, column), text in picture.numbers.items():
        text.set_text(f"{counts[row, column]:.0f}")
        text.set_color("white" if shares[row, column] > 0.5 else "black")
    return picture.figure


class _Picture(NamedTuple):
    figure: Figure
    image: AxesImage
    numbers: dict[tuple[int, int], Text]


@functools.lru_cache(maxsize=1)
def _empty(predicted: str, classes: tuple[str, ...]) -> _Picture:
    """The picture without numbers, laid out once for all runs of a study: with 48 classes that takes half a second."""
    n = len(classes)
    size = min(4 + 0.35 * n, 14)
    figure = Figure((size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(np.zeros((n, n)), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class")
    axes.set(xlabel=f"predicted ({predicted})", ylabel="truth", xticks=range(n), yticks=range(n))
    axes.set_xticklabels(classes, rotation=90)
    axes.set_yticklabels(classes)
    shown = range(n if n <= READABLE_CLASSES else 0)
    numbers = {(row, column): axes.text(column, row, "", ha="center", va="center") for row in shown for column in shown}
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return _Picture(figure, image, numbers)
