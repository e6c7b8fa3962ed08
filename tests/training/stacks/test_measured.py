"""How many nets fit, by what a few steps really allocate; a counter of storages stands in for a card's allocator."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import StandIn
from test_trainer import MARKET, TEXT, members
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from training.stacks import measured, memory, stacked_task, trainer
from training.stacks.stacked_run import StackedRun

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


class Counter(TorchDispatchMode):
    """Counts the bytes of the storages that live, as a card's allocator does."""

    def __init__(self) -> None:
        super().__init__()
        self.living: dict[int, int] = {}
        self.before = self.peak = 0
        self.room = 10**9

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operator(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.living:
                storage = tensor.untyped_storage()
                self.living[storage._cdata] = storage.nbytes()
                weakref.finalize(storage, self.living.pop, storage._cdata)
        self.peak = max(self.peak, sum(self.living.values()))
        return result

    def begin(self) -> None:
        self.before = self.peak = sum(self.living.values())

    def taken(self) -> int:
        return sum(self.living.values()) - self.before

    def most(self) -> int:
        return self.peak - self.before

    def free(self) -> int:
        return self.room


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter() as counting:
        yield counting


def loaded(tmp_path: Path, *overrides: str) -> StackedRun:
    (run,) = trainer._loaded(members(tmp_path, tmp_path / "cache", *overrides, runs=[(0, 0)]))
    return run


@pytest.mark.parametrize("overrides", [TEXT, MARKET], ids=["text", "market"])
def test_as_many_nets_fit_as_are_said_to(overrides: list[str], tmp_path: Path, counter: Counter) -> None:
    run = loaded(tmp_path, *overrides)
    five, six = (measured.needed(run, nets, CPU, counter) for nets in (5, 6))
    counter.room = int((five + six) / 2 / measured.SHARE)
    assert measured.nets_that_fit(run, CPU, counter) == 5
    counter.room = 0
    assert measured.nets_that_fit(run, CPU, counter) == 1


def test_a_recorded_step_takes_its_memory_twice(
    tmp_path: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = loaded(tmp_path, *MARKET)
    plain = measured.needed(run, 2, CPU, counter)
    monkeypatch.setattr(stacked_task, "recorder_for", lambda net, device: StandIn())
    assert 1.2 * plain < measured.needed(run, 2, CPU, counter) < 2 * plain


def test_the_batch_is_that_of_the_longest_documents(tmp_path: Path) -> None:
    batches = loaded(tmp_path, *TEXT).problem.data.train_dataloader()
    lengths = torch.cat([batch.lengths for batch in batches])
    assert measured.largest(batches).lengths.tolist() == lengths.sort(descending=True).values[:48].tolist()


def test_a_stack_is_split_by_what_was_measured(
    tmp_path: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [loaded(tmp_path, *MARKET)] * 5
    monkeypatch.setattr(memory, "_card", lambda: (CPU, counter))
    monkeypatch.setattr(memory, "nets_that_fit", lambda *_: 2)
    assert list(map(len, memory.split_by_memory(runs))) == [2, 2, 1]

    def fail(*_: object) -> int:
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(memory, "nets_that_fit", fail)
    caplog.set_level("INFO", "lstm-cs")
    assert list(map(len, memory.split_by_memory(runs))) == [5]
    assert "could not be measured, as two did not: it is estimated" in caplog.text
