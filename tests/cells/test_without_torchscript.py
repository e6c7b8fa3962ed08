"""Where torch.jit.script raises or is missing, as torch announces for Pythons from 3.14 on.

It raises at once, or when it begins to compile, which it does behind a warning.
"""

import copy
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cells import LSTM, LSTMCell, backend
from cells.errors import UserError
from cells.observe import observe
from cells.obstacle import ObstacleKind
from cells.stack import StackedLSTM
from cells.torchscript import compiler
from cells.torchscript.compiler import ScriptingError
from inference.formats import to_torchscript

X = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
REDUCED = "o = sigmoid(layer_norm(a_o)); zoneout = 0.2"


def refuse(*_: object, **__: object) -> None:
    raise RuntimeError("`torch.jit.script` is not supported in Python 3.14+\nand more lines")


SAID = {
    "raises": "is not supported in Python 3.14+",
    "fails": "is not supported in Python 3.14+",
    "missing": "has no attribute 'script'",
}


@pytest.fixture(params=SAID)
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Hide it for the test; what it is seen to do."""
    if request.param == "raises":
        monkeypatch.setattr(torch.jit, "script", refuse)
    elif request.param == "fails":
        monkeypatch.setattr(torch.jit._recursive, "create_script_module", refuse)
    else:
        monkeypatch.delattr(torch.jit, "script")
    compiler.why_broken.cache_clear()
    yield SAID[request.param]
    monkeypatch.undo()
    compiler.why_broken.cache_clear()


class Mixing(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * torch.softmax(h, -1), h


def results(module: nn.Module, x: Tensor) -> list[Tensor]:
    torch.manual_seed(3)
    x = x.clone().requires_grad_()
    output = module(x)[0]
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    found = torch.autograd.grad(output.square().sum(), [x, *weights], materialize_grads=True)
    return [output, *found]


def test_the_same_equations_run_eagerly_and_say_so(without: str) -> None:
    cell, lstm = LSTMCell(3, 4, alteration="C1"), LSTM(3, 4, 2, alteration=REDUCED)
    stack = StackedLSTM([LSTM(3, 4, batch_first=True, alteration="layer_norm(c)") for _ in range(2)])
    for module, x in ((cell, X[0]), (lstm, X), (stack, torch.stack([X, X]))):
        assert module.path == "eager"
        kind, reason = module.obstacles["torchscript"]
        assert kind is ObstacleKind.MACHINE
        assert reason.startswith("TorchScript does not work here (")
        assert without in reason
        assert "\n" not in reason
        got = results(module, x)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.jit, "script", SCRIPT, raising=False)
            patch.setattr(torch.jit._recursive, "create_script_module", CREATE)
            compiler.why_broken.cache_clear()
            assert module.path == "torchscript"
            want = results(module, x)
        compiler.why_broken.cache_clear()
        for one, other in zip(got, want, strict=True):
            torch.testing.assert_close(one, other)
    assert (cell.loop, lstm.loop) == ("eager", "eager")


SCRIPT, CREATE = torch.jit.script, torch.jit._recursive.create_script_module


def test_the_compiled_loops_go_on(without: str) -> None:
    lstm = LSTM(3, 4, bidirectional=True, alteration="PEEPHOLES+C1", dtype=torch.float64)
    x = X.double().requires_grad_()
    assert (lstm.path, lstm.loop, lstm.obstacles) == ("llvm", "compiled", {})
    with backend("eager"):
        want = results(lstm, x)
    for one, other in zip(results(lstm, x), want, strict=True):
        torch.testing.assert_close(one, other)
    assert torch.autograd.gradgradcheck(lambda x: lstm(x)[0], [x], fast_mode=True)  # by the definition, in Python


def test_modules_copies_checkpoints_and_observation_work(without: str) -> None:
    lstm = LSTM(3, 4, alteration=Mixing())
    assert (lstm.path, lstm.loop) == ("eager", "eager")
    for twin in (copy.deepcopy(lstm), pickle.loads(pickle.dumps(lstm))):
        assert torch.equal(twin(X)[0], lstm(X)[0])
    x = X.clone().requires_grad_()
    (want,) = torch.autograd.grad(lstm(x)[0].sum(), x)
    (got,) = torch.autograd.grad(checkpoint(lambda x: lstm(x)[0].sum(), x, use_reentrant=False), x)
    assert torch.equal(got, want)
    assert observe(lstm, X)[0]["h"].shape == (10, 4)


def test_export_stays(without: str) -> None:
    lstm = LSTM(3, 4, alteration=REDUCED).eval()
    with pytest.warns(UserWarning, match="_flat_weights"):  # as for nn.LSTM
        exported = torch.export.export(lstm, (X,), strict=False).module()
    torch.testing.assert_close(exported(2 * X), lstm(2 * X))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = LSTM(3, 4, alteration="C1")

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


@pytest.mark.parametrize("without", ["fails"], indirect=True)
@pytest.mark.parametrize("make", [lambda: LSTM(3, 4), lambda: LSTMCell(3, 4, alteration="PEEPHOLES"), Net])
def test_scripting_is_refused_in_one_line_of_ours(without: str, make: Callable[[], nn.Module]) -> None:
    with pytest.raises(ScriptingError) as refused:
        torch.jit.script(make())
    assert re.fullmatch(
        r"TorchScript does not work here \(`torch.jit.script` is not supported in Python 3.14\+\), so LSTM(Cell)? "
        r"cannot be compiled: use torch.export or ONNX, or Python 3.13 or older\.",
        str(refused.value),
    )


def test_a_file_of_torchscript_is_refused_in_one_line(without: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^TorchScript does not work here \(.*\), so Net cannot be compiled: .*\.$"):
        to_torchscript(Net(), tmp_path / "net.pt", {})
    assert not list(tmp_path.iterdir())


def test_a_stack_is_not_scripted_anywhere() -> None:
    stack = StackedLSTM([LSTM(3, 4, batch_first=True)] * 2)
    with pytest.raises(ScriptingError, match=r"^a StackedLSTM cannot be compiled by TorchScript: compile .*\.$"):
        torch.jit.script(stack)
