"""The task of a forecaster: loss and errors. A task knows nothing of data sets, files or configurations."""

import math
from collections.abc import Callable
from typing import Protocol

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.on_cpu import on_cpu
from training.run.divergence import odd_layer
from training.run.folder.errors import DivergedError
from training.run.tasks.epoch_mean import EpochMean

Errors = Callable[[NDArray[np.float64], NDArray[np.int64]], dict[str, float]]
"""Forecasts `[n]` of the samples with the numbers `[n]` -> errors by name; raises OverflowError if one is infinite."""


class ForecastBatch(Protocol):
    """A batch: `inputs [B, W, F]`, `targets [B]`, `rows [B]` (the numbers of the samples)."""

    inputs: Tensor
    targets: Tensor
    rows: Tensor


class Forecast(pl.LightningModule):
    """Regression by the mean squared error.

    Each epoch logs `train/loss`, `val/loss`, and whatever `errors` returns, as `val/rmse` and so on.

    Args:
        net: `inputs [B, W, F] -> forecasts [B]`.
        lr: learning rate of Adam.
        errors: computes the errors of forecasts; it knows the true values, and how many dollars a unit is.
    """

    def __init__(self, net: nn.Module, lr: float, errors: Errors):
        super().__init__()
        self.net = net
        self.lr = lr
        self.errors = errors
        self.train_loss = EpochMean()
        self.val_loss = EpochMean()
        self._validated: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: ForecastBatch, _: int) -> Tensor:
        """The mean loss of the batch.

        Raises:
            DivergedError: it is NaN or infinite.
        """
        loss = self._loss(self.net(batch.inputs), batch)
        self.train_loss.update(loss.detach(), len(batch.targets))
        return loss

    def validation_step(self, batch: ForecastBatch, _: int) -> None:
        """Keep the forecasts."""
        forecasts = self.net(batch.inputs)
        self.val_loss.update(self._loss(forecasts, batch), len(batch.targets))
        self._validated.append((forecasts, batch.rows))

    def on_validation_epoch_end(self) -> None:
        """Log both losses and the validation errors of the epoch that is ending.

        Raises:
            DivergedError: an error is infinite, although the loss, which is of scaled values, is not.
        """
        forecasts, rows = (on_cpu(torch.cat(column)).numpy() for column in zip(*self._validated, strict=True))
        self._validated = []
        try:
            errors = self.errors(forecasts.astype(np.float64), rows)
        except OverflowError as error:
            raise DivergedError(math.inf, self.current_epoch, self.lr) from error
        self.log_dict({f"val/{name}": value for name, value in errors.items()})
        for name, loss in (("train", self.train_loss), ("val", self.val_loss)):
            self.log(f"{name}/loss", loss.compute())

    def predict_step(self, batch: ForecastBatch, _: int) -> Tensor:
        """The forecasts `[B]`."""
        return self.net(batch.inputs)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all weights that are trained."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=self.lr)

    def _loss(self, forecasts: Tensor, batch: ForecastBatch) -> Tensor:
        loss = F.mse_loss(forecasts, batch.targets)
        if not torch.isfinite(loss):
            raise DivergedError(loss.item(), self.current_epoch, self.lr, odd_layer(self.net, batch.inputs))
        return loss
