"""What TensorBoard shows of a run beyond its scores: states, gates, confusions, texts."""

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

from cells import LSTM
from cells.observe import observe, saturation
from datamodules.text import TextDataModule
from models.tasks import Classification, Predictions

TEXTS = 20
READABLE_CELLS = 15


class Insight(Callback):
    """Logs, per epoch, how an alteration changes the recurrent states; after the test, the confusions and some texts.

    Per LSTM layer and direction, over the first validation batch: distributions of `c` and `h`, and the share of
    saturated values of each gate (below 0.05 or above 0.95; for g, beyond 0.95 in size).

    Args:
        data: brings the first validation batch, the names of the classes and the texts.
    """

    def __init__(self, data: TextDataModule):
        self.data = data

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the states, while training."""
        if trainer.state.fn != "fit":
            return
        assert isinstance(pl_module, Classification)
        batch = trainer.strategy.batch_to_device(next(iter(self.data.val_dataloader())))
        for name, states in _states(pl_module.net, batch.tokens, batch.lengths).items():
            for state in ("c", "h"):
                _writer(trainer).add_histogram(f"{state}/{name}", states[state], trainer.current_epoch)
            for gate in "ifgo":
                _writer(trainer).add_scalar(
                    f"saturated {gate}/{name}", saturation(gate, states[gate]), trainer.current_epoch
                )

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the confusion matrix, and documents from all over the test part: a corpus may be sorted by class."""
        assert isinstance(pl_module, Classification)
        predictions = pl_module.predictions
        writer = _writer(trainer)
        writer.add_figure("confusion", confusion(*self._counts(predictions), self.data.classes))
        writer.add_text("test texts", self._table(predictions))
        writer.flush()

    def _counts(self, predictions: Predictions) -> tuple[Tensor, str]:
        """Documents of each true class (row) by predicted class (column), and what counts as predicted."""
        if self.data.multilabel:
            return predictions.targets.T @ predictions.predicted.float(), "every class above its threshold"
        most_probable = F.one_hot(predictions.probabilities.argmax(1), len(self.data.classes))
        return predictions.targets.T @ most_probable.float(), "most probable class"

    def _table(self, predictions: Predictions) -> str:
        lines = ["| text | truth | predicted | most probable |", "|---|---|---|---|"]
        documents = len(predictions.rows)
        shown = torch.linspace(0, documents - 1, min(TEXTS, documents)).long()
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
    """A picture of `counts [C, C]` (rows: truth), coloured by its share of the row.

    The cells carry their numbers where there are few enough classes to read them.
    """
    n = len(classes)
    size = min(4 + 0.35 * n, 14)
    figure = Figure((size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    figure.colorbar(axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1), label="share of the true class")
    axes.set(xlabel=f"predicted ({predicted})", ylabel="truth", xticks=range(n), yticks=range(n))
    axes.set_xticklabels(classes, rotation=90)
    axes.set_yticklabels(classes)
    if n <= READABLE_CELLS:
        for row in range(n):
            for column in range(n):
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=colour)
    return figure


def _states(net: nn.Module, tokens: Tensor, lengths: Tensor) -> dict[str, dict[str, Tensor]]:
    """The states and gates of every LSTM inside `net`, by its name, layer and direction, on one batch."""
    inputs: dict[str, Tensor] = {}
    layers = {name: module for name, module in net.named_modules() if isinstance(module, LSTM)}
    hooks = [
        module.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args[0]}))
        for name, module in layers.items()
    ]
    try:
        with torch.no_grad():
            net(tokens, lengths)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        f"{name}/{cell}": values
        for name, module in layers.items()
        for cell, values in zip(_cells(module), observe(module, inputs[name], lengths), strict=True)
    }


def _cells(lstm: LSTM) -> list[str]:
    """What `observe` returns, by name: "forward", "reverse", with the layer's number where there are several."""
    directions = ("forward", "reverse") if lstm.bidirectional else ("forward",)
    if lstm.num_layers == 1:
        return list(directions)
    return [f"layer_{layer}/{direction}" for layer in range(lstm.num_layers) for direction in directions]


def _writer(trainer: pl.Trainer) -> SummaryWriter:
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger.experiment
