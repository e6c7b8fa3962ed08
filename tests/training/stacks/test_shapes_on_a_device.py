"""Padding that makes batches of texts equal in shape changes no number, and leaves few shapes."""

from collections.abc import Iterator

import pytest
import torch
from recording import StandIn
from torch import Tensor

from cells import backend
from datamodules.texts.text_datamodule import TextBatch
from models.bilstm import BiLSTMClassifier
from training.stacks import shapes
from training.stacks.batches import StackedBatch, side_by_side
from training.stacks.nets import stack_nets
from training.stacks.shapes import rounded_up
from training.stacks.tasks import StackedClassification

NOISY = "C1; zoneout = 0.2; recurrent_dropout = 0.3"
LENGTHS = [[[5, 2, 0, 3], [1, 4, 4]], [[2, 2], [3]], [[9, 1, 1, 1], [2, 2, 9, 3]]]
"""The lengths of three batches of two nets."""


@pytest.fixture(autouse=True)
def in_double(device: torch.device) -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    with backend("eager"):
        yield
    torch.set_default_dtype(torch.float32)


def batches() -> Iterator[StackedBatch]:
    generator = torch.Generator().manual_seed(2)
    for of_nets in LENGTHS:
        own = []
        for lengths in of_nets:
            tokens = torch.randint(1, 12, (len(lengths), max(lengths)), generator=generator)
            there = torch.tensor(lengths)
            tokens *= torch.arange(max(lengths)) < there.unsqueeze(1)
            targets = torch.randint(0, 2, (len(lengths), 3), generator=generator).float()
            own.append(TextBatch(tokens, there, targets, torch.arange(len(lengths))))
        yield side_by_side(own)


def moved(batch: StackedBatch, device: torch.device) -> StackedBatch:
    own = TextBatch(*(tensor.to(device) for tensor in batch.own))
    return batch._replace(samples=batch.samples.to(device), own=own)


def learnt(device: torch.device, loss: str, recorder: StandIn | None) -> tuple[list[Tensor], list[tuple[int, ...]]]:
    """Each step's losses, then the weights; and the shapes of the batches."""
    torch.manual_seed(0)
    nets = [BiLSTMClassifier(12, 3, 4, 4, 0.4, NOISY) for _ in range(2)]
    task = StackedClassification(stack_nets(nets), 0.02, 0.5, loss).to(device)
    task.recorder = recorder
    task.seed([3, 4])
    optimizer = task.configure_optimizers()
    losses, shapes = [], []
    for batch in batches():
        prepared = moved(task.prepared(batch), device)
        shapes.append((*prepared.own.tokens.shape, prepared.places))
        losses.append(task.learn(optimizer, task.given(prepared)).cpu())
    return [*losses, *(weight.detach().cpu() for weight in task.parameters())], shapes


@pytest.mark.parametrize("loss", ["sigmoid", "softmax"])
def test_padding_changes_no_number(loss: str, device: torch.device) -> None:
    there, shapes = learnt(device, loss, None)
    assert shapes == [(2, 4, 5, 10), (2, 2, 3, 4), (2, 4, 9, 16)]
    padded, shapes = learnt(device, loss, StandIn())
    assert shapes == [(2, 4, 6, 10), (2, 4, 3, 4), (2, 4, 12, 16)]
    on_cpu, _ = learnt(torch.device("cpu"), loss, None)
    for one, other, third in zip(there, padded, on_cpu, strict=True):
        torch.testing.assert_close(other, one, atol=1e-14, rtol=0)
        torch.testing.assert_close(third, one, atol=1e-14, rtol=0)


@pytest.mark.parametrize("sizes", [2, 4])
def test_round_numbers_are_few_and_near(sizes: int, device: torch.device) -> None:
    rounded = {number: rounded_up(number, sizes) for number in range(1, 1025)}
    assert all(number <= up <= number * (1 + 1 / sizes) for number, up in rounded.items())
    assert sum(512 < up <= 1024 for up in set(rounded.values())) == sizes


def test_a_batch_to_validate_or_a_large_one_is_not_rounded(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = StackedClassification(stack_nets([BiLSTMClassifier(12, 3, 4, 4, 0.4)] * 2), 0.02, None, "sigmoid")
    task, batch = task.to(device), next(batches())
    task.recorder = StandIn()
    assert task.prepared(batch).own.tokens.size(2) == 6
    assert not task.prepared(batch).is_large
    assert task.eval().prepared(batch).own.tokens.size(2) == 5
    monkeypatch.setattr(shapes, "LAUNCHES", 2 * 10 * 4 - 1)  # nets, rows and units
    assert task.train().prepared(batch).own.tokens.size(2) == 5
    assert task.prepared(batch).is_large
