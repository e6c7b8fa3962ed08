"""Modules compiled by TorchScript, saved, and run where nothing of this project can be imported."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cells import LSTM, LSTMCell, resolve
from cells.alterations import NAMED
from cells.torchscript.compiler import compiled

LENGTHS = torch.tensor([2, 5, 0])
MASKED = "current = c * m; zoneout = 0.3; mask m = 0.5; recurrent_dropout = 0.2"  # for whole sequences only
ALTERATIONS = [
    *("baseline", *NAMED, "current = c * relu(o) - 0.5; hidden = 1"),
    "C1; o = sigmoid(a_o + p * c); learn p = 0.5; zoneout = 0.3",
    "i = max(softmax(a_i), z); h = o * layer_norm(c)**2 + clamp(h_prev, -0.1, 0.1); noise z = 0.4",
    "recurrent = p * h_prev; hidden = q; learn p = 0.5; learn q = 1",
]


class Learned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * self.factor, torch.softmax(h, -1)


class Everything(nn.Module):
    """One of each kind of module, so that one file and one process test them all."""

    def __init__(self) -> None:
        super().__init__()
        specs = [*ALTERATIONS, Learned()]
        self.lstms = nn.ModuleList(LSTM(3, 4, alteration=spec) for spec in (*specs, MASKED))
        self.cells = nn.ModuleList(LSTMCell(3, 4, alteration=spec) for spec in specs)
        self.projected = LSTM(3, 4, batch_first=True, bias=False, proj_size=2, alteration="C1")
        self.deep = LSTM(3, 4, 2, bidirectional=True, alteration="C4+H2")

    def forward(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        results: list[Tensor] = []
        for lstm in self.lstms:
            output, (h, c) = lstm(x, None, lengths)
            results.extend([output, h, c])
        for cell in self.cells:
            results.extend(cell(x[1], cell(x[0])))
        results.append(self.projected(x.transpose(0, 1), None, lengths)[0])
        output, (h, c) = self.deep(x)
        results.extend([output, h, c, self.deep(x, (h, c))[0], self.deep(x[:, 0])[0]])
        return results


ELSEWHERE = """
import sys
site_packages, folder = sys.argv[1:]
sys.path.append(site_packages)  # by hand and without the `site` module, so no editable install is followed
try:
    import cells
except ModuleNotFoundError:
    pass
else:
    sys.exit(f"this process can import {cells.__file__}")
import torch
module = torch.jit.load(f"{folder}/module.pt")
x, lengths, in_training, in_evaluation = torch.load(f"{folder}/expected.pt")
for training, expected in ((True, in_training), (False, in_evaluation)):
    module.train(training)
    torch.manual_seed(1)
    results = module(x, lengths)
    assert len(results) == len(expected)
    for result, want in zip(results, expected):
        torch.testing.assert_close(result, want)
sum(result.sum() for result in results).backward()
assert all(parameter.grad is not None for parameter in module.parameters())
module.double()
for _ in range(3):
    module.deep(x.double())[0].sum().backward()
with torch.inference_mode():
    module.deep(x.double())
print("\\n".join(lstm.alteration for lstm in module.lstms.children()))
"""


@pytest.mark.processes
def test_saved_and_run_in_a_process_that_has_only_torch(tmp_path: Path) -> None:
    module = Everything()
    x = torch.randn(5, 3, 3)
    torch.jit.script(module).save(str(tmp_path / "module.pt"))
    expected = []
    for training in (True, False):  # in training the noise is that of the seed
        module.train(training)
        torch.manual_seed(1)
        expected.append(module(x, LENGTHS))
    assert not torch.allclose(expected[0][-13], expected[1][-13])
    torch.save((x, LENGTHS, *expected), tmp_path / "expected.pt")
    site_packages = Path(torch.__file__).parent.parent
    command = [sys.executable, "-I", "-S", "-c", ELSEWHERE, str(site_packages), str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [*(resolve(spec).name for spec in ALTERATIONS), "Learned", resolve(MASKED).name]


@pytest.mark.parametrize("alteration", ["C1", "PEEPHOLES", MASKED, Learned()])
def test_a_scripted_module_trains_and_equals_the_module(alteration: object) -> None:
    lstm = LSTM(3, 4, 2, bidirectional=True, alteration=alteration)
    scripted = torch.jit.script(lstm)
    x = torch.randn(5, 3, 3)
    for _ in range(3):
        gradients = []
        for module in (lstm, scripted):
            torch.manual_seed(2)
            output, (h, c) = module(x, None, LENGTHS)
            gradients.append(torch.autograd.grad(output.sum() + (h * c).sum(), list(lstm.parameters())))
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


def test_scripted_lstms_run_under_inference_mode_after_training() -> None:
    scripted = torch.jit.script(LSTM(3, 4, 2, bidirectional=True, alteration="H2"))
    x = torch.randn(5, 3, 3)
    for _ in range(3):
        output = scripted(x)[0]
        output.sum().backward()
    with torch.inference_mode():
        for _ in range(3):
            torch.testing.assert_close(scripted(x * 1)[0], output)


class InANet(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x)[0])


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * self.factor, h


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # that sizes become constants
@pytest.mark.parametrize("alteration", ["baseline", "C4+H2", "PEEPHOLES", Scaled(), Learned()])
def test_a_traced_module_trains_and_equals_the_module(alteration: object) -> None:
    lstm = LSTM(3, 4, 2, bidirectional=True, alteration=alteration)
    cell = LSTMCell(3, 4, alteration=alteration)
    for module, x in ((lstm, torch.randn(5, 2, 3)), (cell, torch.randn(2, 3))):
        weights = list(module.parameters())
        for whole in (module, InANet(module)):
            traced = torch.jit.trace(whole, x)
            x = torch.randn_like(x)
            for _ in range(3):
                gradients = []
                for one in (whole, traced):
                    result = one(x)[0]
                    gradients.append([result, *torch.autograd.grad(result.sum(), weights, materialize_grads=True)])
                torch.testing.assert_close(*gradients)


def test_scripted_errors_name_what_is_wrong() -> None:
    scripted = torch.jit.script(LSTM(3, 4))
    with pytest.raises(torch.jit.Error, match="Expected input to be 2D or 3D, got 1D instead"):
        scripted(torch.randn(3))
    with pytest.raises(torch.jit.Error, match="lengths must be from 0 to T = 5"):
        scripted(torch.randn(5, 1, 3), None, torch.tensor([9]))


def test_a_changed_formula_does_not_change_a_compiled_one() -> None:
    x = torch.randn(5, 2, 3)
    outputs = []
    for alteration in ("C1", "C2", "C1"):
        torch.manual_seed(0)
        outputs.append(torch.jit.script(LSTM(3, 4, alteration=alteration))(x)[0])
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.allclose(outputs[0], outputs[1])


def test_torchs_warnings_that_torchscript_will_go_are_not_passed_on() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(nn.Tanh())
