"""Training steps that are recorded and taken again, as CUDA graphs are, by a recorder that stands in for them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import train_here_in
from recording import StandIn
from torch import Tensor, nn

from cells import backend
from training.stacks import shapes, stacked_task
from training.stacks.recorded import CudaGraphs, RecordedStep, recorder_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_drawn")]

DAYS = ("source=synthetic", "start=2015-01-01", "end=2015-12-31", "protocol=walk_forward", "n_folds=3", "batch_size=32")
MARKET = (*DAYS, "features=btc", "model=cnn_lstm", "model.hidden=4", "cell=C1", "cell.zoneout=0.2", "clip=0.5")
NET = ("model.hidden=4", "model.embedding=4", "model.dropout=0.2", "cell=C1", "cell.zoneout=0.2", "clip=0.5")
TEXT = ("data=robo", "batch_size=100", "cell.recurrent_dropout=0.2", "lr=0.05", *NET)
STACK = ("stack.seeds=3", "stack.folds=1", "epochs=4", "patience=1")


def curves(folder: Path, *overrides: str, path: str = "eager") -> list[pd.DataFrame]:
    """The predictions and metrics of all runs of a command, their cells by the backend `path`."""
    folder.mkdir()
    with backend(path):
        done = train_here_in(folder, *overrides, *STACK)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = sorted([*folder.rglob("metrics.csv"), *folder.rglob("predictions.csv")])
    assert len(list(folder.rglob("finished"))) == 3
    return [pd.read_csv(table).drop(columns="seconds", errors="ignore") for table in tables]


class Plain(StandIn):
    """Records nothing, so that the steps with the very same batches are taken as they are."""

    def record(self, step: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Any:
        raise RuntimeError("not here")


@pytest.mark.parametrize("overrides", [MARKET, TEXT], ids=["market", "text"])
def test_recorded_steps_give_the_same_numbers(
    overrides: tuple[str, ...], device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, found = StandIn(), []
    for kind in (Plain(), recorder):
        monkeypatch.setattr(stacked_task, "recorder_for", lambda net, device, kind=kind: kind)
        found.append(curves(tmp_path / type(kind).__name__, *overrides))
    assert recorder.recorded >= 2, "a full batch and the last one, or two numbers of words"
    assert recorder.taken > recorder.recorded
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_large_steps_are_taken_as_they_are(
    device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = StandIn()
    monkeypatch.setattr(stacked_task, "recorder_for", lambda net, device: recorder)
    monkeypatch.setattr(shapes, "LAUNCHES", 0)
    curves(tmp_path / "runs", *TEXT)
    assert (recorder.recorded, recorder.taken) == (0, 0)


@pytest.mark.parametrize("overrides", [MARKET, TEXT], ids=["market", "text"])
def test_cuda_graphs_give_the_same_scores(
    overrides: tuple[str, ...], device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type != "cuda":
        pytest.skip("CUDA graphs need a GPU of NVIDIA's")
    found = []
    for kind in (Plain(), CountedGraphs()):
        monkeypatch.setattr(stacked_task, "recorder_for", lambda net, device, kind=kind: kind)
        found.append(curves(tmp_path / type(kind).__name__, *overrides, path="triton"))
    assert kind.recorded >= 2
    for one, other in zip(*found, strict=True):
        numbers = [name for name in one if name in ("loss", "rmse")]  # a GPU adds an embedding's gradients in any order
        pd.testing.assert_frame_equal(one[numbers], other[numbers], check_exact=False, rtol=1e-3)


class CountedGraphs(CudaGraphs):
    """CUDA graphs that count how many steps were recorded."""

    recorded = 0

    def record(self, step: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Any:
        self.recorded += 1
        return super().record(step, generators)


def means(device: torch.device, recorder: StandIn | None, spoil: str = "") -> list[Tensor]:
    """A net's mean losses in ten steps, taken as they are or recorded; two shapes take turns."""
    torch.manual_seed(0)
    net = nn.Linear(3, 1).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1, capturable=spoil != "steps on the CPU")
    generator, count = torch.Generator(device).manual_seed(1), torch.zeros((), device=device)

    def learn(batch: tuple[Tensor, ...]) -> Tensor:
        nonlocal count
        kept = torch.empty(len(batch[0]), 3, device=device).bernoulli_(0.5, generator=generator)
        loss = net(batch[0] * kept).square().mean() + count
        if spoil == "a state of Python's":
            count = count + 1
        if spoil == "a wait" and float(loss.detach()) < 0:
            return loss
        if spoil == "a size" and len(loss[kept.sum() > 0]) == len(batch):
            return loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = RecordedStep(learn, recorder, lambda: [generator]) if recorder else learn
    data = torch.randn(10, 4, 3).to(device)
    return [step((rows[: 4 - k % 2],)).cpu() for k, rows in enumerate(data)]


def test_a_step_that_leaves_a_state_to_python_is_not_taken_again_rightly(device: torch.device) -> None:
    assert means(device, None) == means(device, StandIn())
    state = "a state of Python's"
    assert means(device, None, state) != means(device, StandIn(), state)


@pytest.mark.parametrize("mistake", ["a wait", "a size", "steps on the CPU"])
def test_a_step_that_cannot_be_recorded_is_taken_as_it_is(
    mistake: str, device: torch.device, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = StandIn()
    assert means(device, None, mistake) == means(device, recorder, mistake)
    assert (recorder.recorded, recorder.taken) == (1, 0)
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "lstm-cs"]
    assert "cannot be recorded, so it is slower: its kernels start one by one (operation not permitted when" in warning


def test_what_is_forgotten_is_recorded_again(device: torch.device) -> None:
    recorder = StandIn()
    step = RecordedStep(lambda batch: batch[0] + 1, recorder, list)
    for _ in range(2):
        for value in (1, 2, 3):
            assert step((torch.full((2,), value, device=device),)).tolist() == [value + 1] * 2
        step.forget()
    assert (recorder.recorded, recorder.taken) == (2, 4)


def test_on_a_device_without_graphs_nothing_is_recorded(device: torch.device) -> None:
    if device.type != "cuda":
        assert recorder_for(nn.Linear(3, 1), device) is None
