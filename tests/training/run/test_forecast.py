"""The forecasting task, trained by Lightning on numbers whose answer is known."""

from typing import NamedTuple

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datamodules.batches import Batches
from training.run.tasks.classification import DivergedError
from training.run.tasks.forecast import Forecast


class Batch(NamedTuple):
    inputs: Tensor
    targets: Tensor
    rows: Tensor


class LastDay(nn.Module):
    """A net that forecasts w times the last day's only feature."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weight * inputs[:, -1, 0]


INPUTS = torch.tensor([[[9.0], [1.0]], [[9.0], [2.0]], [[9.0], [-1.0]]])
TRUTH = torch.tensor([2.0, 4.0, -2.0])
BATCHES = Batches(lambda rows: Batch(INPUTS[rows], TRUTH[rows], rows + 5), torch.arange(3), batch_size=2)


def trainer(**options: object) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    return pl.Trainer(**{**quiet, "enable_model_summary": False, "num_sanity_val_steps": 0, **options})  # type: ignore[arg-type]


def test_losses_and_errors_are_those_of_all_batches_together() -> None:
    seen: list[tuple[list[float], list[int]]] = []

    def errors(forecasts: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        seen.append((forecasts.tolist(), rows.tolist()))
        return {"worst": 42.0}

    task = Forecast(LastDay(1.0), 0.0, errors)
    running = trainer(max_epochs=1)
    running.fit(task, BATCHES, BATCHES)
    assert seen == [([1.0, 2.0, -1.0], [5, 6, 7])]
    metrics = {name: value.item() for name, value in running.callback_metrics.items()}
    assert metrics["train/loss"] == pytest.approx((1 + 4 + 1) / 3)
    assert metrics["val/loss"] == pytest.approx((1 + 4 + 1) / 3)
    assert metrics["val/worst"] == 42


def test_it_learns() -> None:
    task = Forecast(LastDay(1.0), 0.1, lambda forecasts, rows: {})
    trainer(max_epochs=50).fit(task, BATCHES, BATCHES)
    assert task.net.weight.item() == pytest.approx(2, abs=0.05)


def test_forecasts_come_in_the_order_of_the_batches() -> None:
    forecasts = trainer().predict(Forecast(LastDay(3.0), 0.1, lambda f, r: {}), BATCHES)
    assert forecasts is not None
    assert torch.cat(forecasts).tolist() == [3, 6, -3]  # type: ignore[arg-type]


def test_a_loss_that_is_not_a_number_stops_the_run() -> None:
    with pytest.raises(DivergedError, match="epoch 0"):
        trainer(max_epochs=1).fit(Forecast(LastDay(float("nan")), 0.1, lambda f, r: {}), BATCHES, BATCHES)
