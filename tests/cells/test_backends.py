"""The list of backends: which one runs, and what it means to ask for one by name."""

import asyncio
import threading

import pytest
import torch
from torch import Tensor, nn

from cells import LSTM, LSTMCell, backend, backends
from cells.backends import BACKENDS, BackendError
from cells.obstacle import Obstacle, ObstacleKind
from cells.stack import StackedLSTM

X = torch.randn(5, 2, 3)


def stack() -> StackedLSTM:
    return StackedLSTM([LSTM(3, 4, batch_first=True) for _ in range(2)])


def test_the_first_backend_that_can_runs() -> None:
    assert [candidate.name for candidate in BACKENDS] == ["llvm", "triton", "triton-steps", "torchscript", "eager"]
    for module in (LSTM(3, 4), stack()):
        assert (module.path, module.obstacles) == ("llvm", {})
    lstm = LSTM(3, 4)
    assert lstm.loop == "compiled"


def test_a_cell_is_a_single_step() -> None:
    cell = LSTMCell(3, 4)
    assert (cell.path, cell.loop) == ("torchscript", "compiled")
    assert cell.obstacles == {
        "llvm": Obstacle(ObstacleKind.CALL, "it is a single step, and the compiled loops run layers")
    }


@pytest.mark.parametrize(
    ("module", "x"),
    [(LSTM(3, 4), X), (LSTMCell(3, 4), X[0]), (stack(), X[None, :2].expand(2, -1, -1, -1))],
    ids=["LSTM", "LSTMCell", "stack"],
)
def test_a_backend_asked_for_by_name_runs(module: nn.Module, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(BACKENDS[0]), "obstacle", lambda *_: pytest.fail("llvm is asked"))
    with backend("torchscript"):
        assert (module.path, module.obstacles) == ("torchscript", {})
        module(x)


def test_both_backends_give_the_same() -> None:
    lstm = LSTM(3, 4, 2, bidirectional=True, alteration="C4+H2")
    results = []
    for name in ("llvm", "torchscript"):
        with backend(name):
            assert lstm.path == name
            results.append(lstm(X)[0])
    torch.testing.assert_close(*results)


class Mixing(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * torch.softmax(h, -1), h


@pytest.mark.parametrize(
    ("module", "x", "reason"),
    [
        (LSTM(3, 4, alteration=Mixing()), X, "Mixing uses aten::softmax, which no formula has"),
        (LSTM(3, 4).bfloat16(), X.bfloat16(), "it is in torch.bfloat16, not entirely in float32 or float64"),
        (LSTM(3, 4), X[:, :0], "its batch has no steps"),
        (LSTMCell(3, 4), X[0], "it is a single step, and the compiled loops run layers"),
        (stack().bfloat16(), X[None, :2].expand(2, -1, -1, -1).bfloat16(), "it is in torch.bfloat16"),
    ],
    ids=["formula", "dtype", "no steps", "cell", "stack"],
)
def test_a_backend_asked_for_that_cannot_run_is_an_error_of_one_sentence(
    module: nn.Module, x: Tensor, reason: str
) -> None:
    with backend("llvm"), pytest.raises(BackendError) as caught:
        module(x)
    assert str(caught.value).startswith(f"the backend llvm cannot run this cell: {reason}")
    assert str(caught.value).endswith("; ask for another backend or for none")
    assert "\n" not in str(caught.value)
    module(x)  # outside, another backend runs it


def test_an_unknown_name_is_an_error() -> None:
    with (
        pytest.raises(
            ValueError,
            match=r"^there is no backend 'cudnn', choose llvm or triton or .* or eager$",
        ),
        backend("cudnn"),
    ):
        pass


def test_requests_nest_and_end_with_an_error() -> None:
    lstm = LSTM(3, 4)
    with backend("torchscript"):
        with backend("llvm"):
            assert lstm.path == "llvm"
        assert lstm.path == "torchscript"
        with pytest.raises(KeyError), backend("llvm"):
            raise KeyError
        assert lstm.path == "torchscript"
    assert lstm.path == "llvm"


def test_a_request_is_for_its_own_thread() -> None:
    lstm, inside, paths = LSTM(3, 4), threading.Barrier(2), {}

    def run(name: str) -> None:
        with backend(name):
            inside.wait()
            paths[name] = lstm.path
            inside.wait()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("llvm", "torchscript")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == {"llvm": "llvm", "torchscript": "torchscript"}
    assert lstm.path == "llvm"


def test_a_request_is_for_its_own_coroutine() -> None:
    lstm = LSTM(3, 4)

    async def run(name: str) -> str:
        with backend(name):
            await asyncio.sleep(0)
            return lstm.path

    async def both() -> list[str]:
        return await asyncio.gather(run("torchscript"), run("llvm"))

    assert asyncio.run(both()) == ["torchscript", "llvm"]


class Counting:
    """A backend that only counts how often it is asked, and returns sevens."""

    name = "counting"

    def __init__(self, obstacle: Obstacle | None) -> None:
        self.given, self.asked = obstacle, 0

    def obstacle(self, *_: object) -> Obstacle | None:
        self.asked += 1
        return self.given

    def layer(
        self, unroll: object, rows: Tensor, sizes: object, c: Tensor, h: Tensor, *_: object
    ) -> tuple[Tensor, ...]:
        return rows.new_full((len(rows), c.size(2)), 7.0), c, h


@pytest.mark.parametrize("can", [False, True])
def test_a_backend_takes_part_by_a_line_in_the_list(can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Counting(None if can else Obstacle(ObstacleKind.MACHINE, "it has no card"))
    monkeypatch.setattr(backends, "BACKENDS", (own, *BACKENDS))
    lstm = LSTM(3, 4)
    assert lstm.path == ("counting" if can else "llvm")
    assert lstm.obstacles == ({} if can else {"counting": Obstacle(ObstacleKind.MACHINE, "it has no card")})
    assert bool((lstm(X)[0] == 7).all()) == can
    assert own.asked == 3
    with backend("counting"):
        if can:
            lstm(X)
        else:
            with pytest.raises(BackendError, match="the backend counting cannot run this cell: it has no card"):
                lstm(X)


def test_one_reason_of_two_backends_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    backends._warn_once.cache_clear()
    obstacle = Obstacle(ObstacleKind.CALL, "it has a projection")
    backends._explain(BACKENDS[-2], LSTM(3, 4).recurrence, {"triton": obstacle, "triton-steps": obstacle})
    assert caplog.messages == [
        "An LSTM runs on torchscript (compiled loop) and not on triton or triton-steps: it has a projection"
    ]
