"""The Triton backend: its choice, its printed kernels, and their numbers in Triton's interpreter."""

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import PROJECT

from cells import LSTM, backend
from cells.backends import BackendError
from cells.equations import CellEquations
from cells.errors import UserError
from cells.language.functions import FUNCTIONS
from cells.obstacle import Obstacle, ObstacleKind
from cells.packed import packed, packed_on_device
from cells.triton import backend as triton_backend
from cells.triton import printer
from cells.triton.layout import layout, stacked_layout
from cells.triton.operands import Operands, operands

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="needs Triton: pip install -e '.[triton]'"
)


@needs_triton
@pytest.mark.processes
@pytest.mark.slow
def test_kernels_compute_what_the_definition_says(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    program = [sys.executable, str(Path(__file__).with_name("triton_cases.py")), "quick"]
    done = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 42


@needs_triton
@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 4])
def test_kernels_compiled_for_a_card_spill_nothing(number: int) -> None:
    from benchmarks.kernels import PRODUCTS, needs

    hidden, own = PRODUCTS[number]
    assert [kernel.spilled for kernel in needs("C1", 90, hidden, own)] == [0, 0]


@needs_triton
@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "capability", "number"),
    [("zoneout = 0.1", 90, 4), ("NIG", 100, 4), ("CIFG", 100, 3), ("CIFG", 80, 1), ("C9", 90, 3)],
)
def test_kernels_of_cells_that_need_more_warps_spill_nothing(cell: str, capability: int, number: int) -> None:
    from benchmarks.kernels import PRODUCTS, needs

    assert [kernel.spilled for kernel in needs(cell, capability, *PRODUCTS[number])] == [0, 0]


@needs_triton
@pytest.mark.processes
@pytest.mark.slow
def test_kernels_of_a_step_spill_nothing() -> None:
    from benchmarks.kernels import needs_of_steps

    assert [(kernel.shared, kernel.spilled) for kernel in needs_of_steps("PEEPHOLES", 90)] == [(0, 0), (0, 0)]


def test_every_function_is_printed() -> None:
    assert printer.FUNCTIONS.keys() == FUNCTIONS.keys()


def test_on_the_cpu_it_is_not_mentioned_but_when_asked_for() -> None:
    lstm, x = LSTM(3, 4, alteration="layer_norm(c)"), torch.randn(5, 2, 3)
    assert (lstm.path, list(lstm.obstacles)) == ("torchscript", ["llvm"])
    with backend("triton"), pytest.raises(BackendError) as caught:
        lstm(x)
    assert str(caught.value) == (
        "the backend triton cannot run this cell: its tensors are not on a CUDA device; "
        "ask for another backend or for none"
    )


CALL, FORMULA = ObstacleKind.CALL, ObstacleKind.FORMULA


@pytest.mark.parametrize(
    ("lstm", "kind", "reason"),
    [
        (LSTM(3, 4, proj_size=2), CALL, "it has a projection"),
        (LSTM(3, 4).double(), CALL, "it is in torch.float64, not entirely in float32, float16 or bfloat16"),
        (LSTM(3, 4).bfloat16(), CALL, "Triton's interpreter has no bfloat16"),
        (
            LSTM(3, 4, alteration="softmax(c)"),
            FORMULA,
            "softmax(...) is over all units, and the kernels are elementwise",
        ),
    ],
    ids=["projection", "float64", "bfloat16", "softmax"],
)
def test_obstacles(lstm: LSTM, kind: ObstacleKind, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_backend, "_interpreted", lambda: True)
    monkeypatch.setattr(triton_backend, "_in_library", lambda: None)
    found = triton_backend.Triton().obstacle(lstm.recurrence, [], lstm._weights(0))
    assert found == Obstacle(kind, reason)


@pytest.fixture
def tf32() -> Iterator[Callable[[bool], None]]:
    """Allows TF32 or does not."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    yield lambda allowed: setattr(matmul, "allow_tf32", allowed)
    matmul.allow_tf32 = before


class Card:
    """The properties of a device."""

    def __init__(self, name: str, major: int, shared: int) -> None:
        self.name, self.major, self.shared_memory_per_block_optin = name, major, shared << 10


class Elsewhere:
    """Stands in for a tensor on a card."""

    is_cpu, dtype, device = False, torch.float32, torch.device("cuda:0")


@pytest.mark.parametrize(
    ("card", "hidden", "allowed", "obstacle"),
    [
        (Card("A100", 8, 163), 64, False, None),
        (Card("A100", 8, 163), 128, True, None),
        (Card("H100", 9, 227), 33, True, None),
        (Card("L4", 8, 99), 64, True, None),
        (
            Card("H100", 9, 227),
            96,
            False,
            "W_hh of 96 units needs 524 KB of a block's memory, which has 227; "
            "with torch.backends.cuda.matmul.allow_tf32 it needs less",
        ),
        (Card("H100", 9, 227), 129, True, "W_hh of 129 units needs 524 KB of a block's memory, which has 227"),
        (Card("V100", 7, 96), 64, True, "V100 has no TF32"),
    ],
)
def test_what_fits_into_a_card(
    card: Card,
    hidden: int,
    allowed: bool,
    obstacle: str | None,
    tf32: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triton_backend, "_card", lambda _: card)
    tf32(allowed)
    found = triton_backend.Triton().in_card(Elsewhere(), hidden)
    assert (found and found.reason) == obstacle
    of_steps = triton_backend.TritonSteps().in_card(Elsewhere(), hidden)
    assert (of_steps and of_steps.reason) == (obstacle if card.major < 8 else None)


def test_operands(tf32: Callable[[bool], None]) -> None:
    tf32(True)
    assert operands(torch.float32, 64) == Operands(torch.float32, "tf32")
    half = operands(torch.float32, 65)
    assert half.dtype == torch.float16
    paper, open_ended = CellEquations.of({}), LSTM(3, 4, alteration="H1").recurrence.step.cell.known().equations
    assert (half.scaled(paper), half.scaled(open_ended), half.scaled_backward) == (False, True, True)
    torch.backends.cuda.matmul.fp32_precision = "tf32"  # allow_tf32 cannot be read now
    assert operands(torch.float32, 65) == half
    tf32(False)
    assert operands(torch.float32, 65) == Operands(torch.float32, "tf32x3")
    assert operands(torch.bfloat16, 65).dtype == torch.bfloat16


def test_a_layout() -> None:
    own = layout(((3, 2, 2, 0), (1,)), 7, torch.device("cpu"))
    assert own.starts.tolist() == [[0, 0, 0, 3, 5, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert own.lengths.tolist() == [[3, 3, 1], [1, 0, 0]]
    assert (own.steps, own.batch, own.full) == (3, 3, False)
    assert layout(((3, 2, 2, 0),), 7, torch.device("cpu")).full
    assert layout(((3, 2, 2, 0),), 7, torch.device("cpu"), 4).lengths.tolist() == [[3, 3, 1, 0]]


def test_a_layout_that_only_the_device_knows() -> None:
    lengths = torch.tensor([[1, 3, 0, 3], [0, 1, 0, 0]])
    read, there = (stacked_layout(made, 9) for made in (packed(lengths, 5), packed_on_device(lengths, 5, 9, None)))
    assert there.lengths.tolist() == read.lengths.tolist() == [[3, 3, 1, 0], [1, 0, 0, 0]]
    assert there.starts[:, 2:5].tolist() == [[0, 3, 5], [0, 1, 1]], "at steps 0, 1 and 2"
    assert read.starts.tolist() == [[0, 0, 0, 3, 5, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert (there.steps, there.batch, there.full) == (5, 4, False)
    assert there.starts.dtype == there.lengths.dtype == torch.int32


@needs_triton
def test_a_spill_ends_the_table_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import kernels

    def found(cell: str, capability: int) -> list[tuple[int, str, list[kernels.Needs]]]:
        return [(64, "tf32", [kernels.Needs(2048, 32, 0), kernels.Needs(1024, 40, 12 if cell == "C2" else 0)])]

    monkeypatch.setattr(kernels, "_of_a_card", found)
    kernels.run(argparse.Namespace(cells=["C1"]))
    with pytest.raises(UserError, match=r"3 of these rows spill: the warps are chosen in cells/triton/resident.py\."):
        kernels.run(argparse.Namespace(cells=["C1", "C2"]))
    assert capsys.readouterr().out.splitlines()[-1].endswith("| 64 | tf32 | 2 / 1 of 227 | 32 / 40 | 0 / 12 |")
