"""The task of a text classifier: its scores by hand and beside scikit-learn's."""

from typing import NamedTuple

import lightning.pytorch as pl
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from training.run.tasks.classification import Classification, DivergedError


class Batch(NamedTuple):
    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


class Echo(nn.Module):
    """A net that returns its input as logits, so that every score can be checked by hand."""

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return tokens


def batch(logits: Tensor, targets: Tensor) -> Batch:
    return Batch(logits, torch.ones(len(logits)), targets, torch.arange(len(logits)))


def scores(
    logits: Tensor, targets: Tensor, loss: str = "sigmoid", sizes: tuple[int, ...] = (2, 1, 1)
) -> dict[str, float]:
    """Test scores of a task that sees the rows in batches of these sizes."""
    task = Classification(Echo(), targets.size(1), loss, 0.1)
    logged: dict[str, Tensor] = {}
    task.log_dict = lambda values, logger: logged.update(values)  # type: ignore[method-assign]
    task.trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    task.on_test_epoch_start()
    for x, y in zip(logits.split(list(sizes)), targets.split(list(sizes)), strict=True):
        task.test_step(batch(x, y), 0)
    task.on_test_epoch_end()
    return {name.removeprefix("test/"): float(value) for name, value in logged.items()}


LOGITS = torch.tensor([[2.0, -1.0, -1.0], [1.0, 3.0, -2.0], [-1.0, -0.5, -2.0], [-3.0, -1.0, 0.5]])
TARGETS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_sigmoid_scores_by_hand() -> None:
    # predicted: {0}, {0, 1}, {}, {2}; 8 of the 12 cells are right; 2 true positives, 2 false positives, 2 misses
    got = scores(LOGITS, TARGETS)
    assert got["accuracy"] == pytest.approx(8 / 12)
    assert got["micro_f1"] == pytest.approx(0.5)
    assert got["top1"] == pytest.approx(3 / 4)
    # class 0: tp 1 fp 1 fn 1 -> 1/2; class 1: tp 1 fp 0 fn 1 -> 2/3; class 2: fp 1 -> 0
    assert got["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert got["weighted_f1"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_softmax_predicts_exactly_one_class() -> None:
    # predicted: {0}, {1}, {1}, {2}
    got = scores(LOGITS, TARGETS, "softmax")
    assert got["top1"] == pytest.approx(3 / 4)
    assert got["micro_f1"] == pytest.approx(3 / 4)
    assert got["accuracy"] == pytest.approx(10 / 12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_f1_equals_scikit_learns(average: str) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(50, 6, generator=generator)
    targets = (torch.rand(50, 6, generator=generator) > 0.7).float()
    targets[:, 5] = 0  # a class nobody has and
    logits[:, 5] = -1  # nobody predicts counts as 0
    expected = f1_score(targets.numpy(), (logits > 0).numpy(), average=average, zero_division=0)
    assert scores(logits, targets, sizes=(20, 20, 10))[f"{average}_f1"] == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["sigmoid", "softmax"])
def test_the_mean_loss_weights_documents_not_batches(loss: str) -> None:
    once = scores(LOGITS, TARGETS, loss, sizes=(4,))["loss"]
    assert scores(LOGITS, TARGETS, loss, sizes=(3, 1))["loss"] == pytest.approx(once)


def test_sigmoid_loss_is_the_mean_over_the_cells() -> None:
    p = LOGITS.sigmoid()
    by_hand = -(TARGETS * p.log() + (1 - TARGETS) * (1 - p).log()).sum() / 12
    assert scores(LOGITS, TARGETS)["loss"] == pytest.approx(float(by_hand))


def test_predictions_keep_the_order_of_the_test_part() -> None:
    task = Classification(Echo(), 3, "softmax", 0.1)
    task.on_test_epoch_start()
    task.test_step(batch(LOGITS, TARGETS), 0)
    task.test_step(batch(LOGITS[:1], TARGETS[:1]), 1)
    assert task.predictions.rows.tolist() == [0, 1, 2, 3, 0]
    assert task.predictions.predicted.argmax(1).tolist() == [0, 1, 1, 2, 0]
    torch.testing.assert_close(task.predictions.probabilities.sum(1), torch.ones(5))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops(bad: float) -> None:
    task = Classification(Echo(), 3, "sigmoid", 0.1)
    with pytest.raises(DivergedError, match="in epoch 0"):
        task.training_step(batch(torch.full((2, 3), bad), TARGETS[:2]), 0)


def test_only_trained_weights_are_optimised() -> None:
    net = nn.Linear(2, 2)
    net.bias.requires_grad_(False)
    (group,) = Classification(net, 2, "sigmoid", 0.1).configure_optimizers().param_groups
    assert [p.shape for p in group["params"]] == [net.weight.shape]
