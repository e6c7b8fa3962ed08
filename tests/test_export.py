"""Nets as files, run where nothing of this project can be imported."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cells import LSTM
from cells.formula import FUNCTIONS
from models.export import to_onnx, to_torchscript
from models.text import StackedBiLSTM

WORDS = 20

Logits = Callable[[Tensor, Tensor], Tensor]


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Tokens [B, T] with padding, and their lengths [B]."""
    generator = torch.Generator().manual_seed(len(lengths))
    tokens = torch.randint(1, WORDS + 1, (len(lengths), max(*lengths, 1)), generator=generator)
    real = torch.arange(tokens.size(1)) < torch.tensor(lengths).unsqueeze(1)
    return tokens * real, torch.tensor(lengths)


BATCHES = [batch(lengths) for lengths in ([4, 2, 0], [3, 11, 0, 7, 1], [5], [0, 0], [1])]


def classifier(alteration: str) -> StackedBiLSTM:
    torch.manual_seed(0)
    # In training mode, whose dropout must not reach the file.
    return StackedBiLSTM(WORDS, classes=3, embedding=5, hidden=4, dropout=0.5, alteration=alteration)


ELSEWHERE = """
import sys
site_packages, folder = sys.argv[1:]
sys.path.append(site_packages)  # by hand and without the `site` module, so no editable install is followed
for name in ("cells", "models"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"this process can import {name}")
import torch
net = torch.jit.load(f"{folder}/net.pt")
for tokens, lengths, expected in torch.load(f"{folder}/expected.pt"):
    torch.testing.assert_close(net(tokens, lengths), expected)
    with torch.inference_mode():
        torch.testing.assert_close(net(tokens, lengths), expected)
"""


def test_torchscript_gives_the_same_logits_in_a_process_that_has_only_torch(tmp_path: Path) -> None:
    net = classifier("c = c * relu(o); h = h * sigmoid(c)")
    to_torchscript(net, tmp_path / "net.pt")
    assert net.training
    net.eval()
    torch.save([(*inputs, net(*inputs).detach()) for inputs in BATCHES], tmp_path / "expected.pt")
    site_packages = Path(torch.__file__).parent.parent
    command = [sys.executable, "-I", "-S", "-c", ELSEWHERE, str(site_packages), str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def onnxruntime_on(path: Path) -> Logits:
    """The net of a file."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `export`")
    session = onnxruntime.InferenceSession(path)
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("tokens", ["batch", "time"]), ("lengths", ["batch"])]

    def logits(tokens: Tensor, lengths: Tensor) -> Tensor:
        (result,) = session.run(["logits"], {"tokens": tokens.numpy(), "lengths": lengths.numpy()})
        return torch.from_numpy(result)

    return logits


def assert_equal_logits(net: nn.Module, path: Path) -> None:
    exported = onnxruntime_on(path)
    net.eval()
    for inputs in BATCHES:
        torch.testing.assert_close(exported(*inputs), net(*inputs).detach(), atol=1e-5, rtol=0)


def test_onnx_gives_the_same_logits(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx comes with the extra `export`")
    net = classifier("C4+H2")
    path = tmp_path / "net.onnx"
    to_onnx(net, path)
    assert_equal_logits(net, path)
    assert list(tmp_path.iterdir()) == [path]
    assert [node.op_type for node in onnx.load(path).graph.node].count("Scan") == 4
    assert b".py" not in path.read_bytes()


class Learned(nn.Module):
    """A user's own alteration, with a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.7))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * self.factor, h - torch.softmax(c, -1)


# log and sqrt where they are defined, the others over both signs
CALLS = [f"{name}({'o' if name in ('log', 'sqrt') else 'c'})" for name in FUNCTIONS]
ALL_FUNCTIONS = f"c = 0.1 * ({' + '.join(CALLS[::2])}) - i; h = 0.1 * ({' - '.join(CALLS[1::2])}) / (2 + f * g)"


class Everything(nn.Module):
    """LSTMs of all kinds side by side, so that one file shows them all."""

    def __init__(self) -> None:
        super().__init__()
        specs = ["C8", "H4", ALL_FUNCTIONS, Learned()]
        self.embedding = nn.Embedding(WORDS + 1, 3)
        self.baseline = LSTM(3, 4, batch_first=True)
        self.altered = nn.ModuleList(LSTM(3, 4, batch_first=True, alteration=spec) for spec in specs)
        self.deep = LSTM(3, 4, 2, bias=False, proj_size=2, dropout=0.5, alteration="C1")

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = self.embedding(tokens)
        results = [self.baseline(x)[0][:, -1]]
        for lstm in self.altered:
            output, (h, c) = lstm(x, None, lengths)
            results += [output[:, 0], output[:, -1], h[0], c[0]]
        h, c = x[:, 0, :2].expand(2, -1, -1), x[:, -1, [0, 1, 2, 0]].expand(2, -1, -1)
        output, (h, c) = self.deep(x.transpose(0, 1), (h, c), lengths)
        return torch.cat([*results, output[0], output[-1], *h, *c], 1)


def test_onnx_gives_the_same_for_every_kind_of_alteration_and_lstm(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript comes with the extra `export`")
    torch.manual_seed(0)
    net = Everything()
    to_onnx(net, tmp_path / "net.onnx")
    assert_equal_logits(net, tmp_path / "net.onnx")


def test_without_the_extra_one_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxscript", "onnxscript.ir", "onnxscript.ir.passes"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r'^ONNX export needs .*: pip install -e "\.\[export\]"\.$'):
        to_onnx(classifier("C1"), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
