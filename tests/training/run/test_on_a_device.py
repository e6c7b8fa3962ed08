"""Every kind of run on a device that is not the CPU, and what is done with it afterwards, there and elsewhere."""

import itertools
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import train_here_in
from interrupting import interrupted_here
from own_files import sales
from pretend_device import only_the_cpu
from pretrained import make_encoder

from inference import export
from inference.load import load
from predict import main as predict
from training.stacks import trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_drawn")]

# A GPU draws other random numbers than the CPU, so there is no dropout.
TEXT = ("data=robo", "model.embedding=4", "model.hidden=4", "model.dropout=0", "batch_size=210", "epochs=1")
BLOCK = ("model=transformer", "model.heads=2", "model.feedforward=4")
MARKET = ("source=synthetic", "start=2015-01-01", "end=2015-09-30", "model.hidden=4", "epochs=1")
SERIES = ("features=csv", "series.file=sales.csv", "series.date=day", "series.target=units", "window=5")
FOLDS = ("protocol=walk_forward", "n_folds=3")

KINDS = {
    "text": (*TEXT, "cell=C1", "clip=0.5"),
    "learned coefficients": (*TEXT, "cell=PEEPHOLES", "loss=softmax"),
    "transformer": (*TEXT, *BLOCK, "cell=H2"),
    "tfidf": ("data=robo", "model=tfidf"),
    "market": (*MARKET, "features=btc_sent", "cell=C1"),
    "folds": (*MARKET, *FOLDS, "features=btc", "model=cnn_lstm", "fold=1"),
    "series": (*SERIES, "model.hidden=4", "epochs=1", "cell=C1"),
    "stack of texts": (*TEXT, "cell=C1", "clip=0.5", "stack=2"),
    "stack of markets": (*MARKET, *FOLDS, "features=btc", "model=cnn_lstm", "stack.seeds=2", "stack.folds=1"),
}
"""The overrides of a small run, or of a stack of two runs, of each kind."""


def trained(folder: Path, *overrides: str) -> list[Path]:
    """The runs of a command that finished all of them."""
    folder.mkdir(exist_ok=True)
    sales().to_csv(folder / "sales.csv", index=False)
    done = train_here_in(folder, *overrides)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.read_text() for path in folder.rglob("failed")] == []
    return sorted(path.parent for path in folder.rglob("finished"))


def devices_of(run: Path) -> list[str]:
    """The devices of all attempts at a run."""
    return [attempt["device"] for attempt in json.loads((run / "provenance.json").read_text())["attempts"]]


def named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def assert_equal(runs: list[Path], others: list[Path]) -> None:
    """Check that runs have equal losses, and as many rows in their tables; an F1 may jump with the last digit."""
    for one, other in zip(runs, others, strict=True):
        score = "loss" if "robo" in one.parts else "rmse"
        values = [pd.read_csv(run / "metrics.csv")[score] for run in (one, other)]
        assert values[0].to_numpy() == pytest.approx(values[1].to_numpy(), rel=1e-3)
        for table in one.glob("*.csv"):
            assert len(pd.read_csv(table)) == len(pd.read_csv(other / table.name))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_gives_what_the_cpu_gives(kind: str, device: torch.device, tmp_path: Path) -> None:
    runs = trained(tmp_path / "there", *KINDS[kind])
    assert len(runs) == (2 if "stack" in kind else 1)
    assert [devices_of(run) for run in runs] == [[named(device)]] * len(runs)
    with only_the_cpu():
        on_cpu = trained(tmp_path / "here", *KINDS[kind])
    assert [devices_of(run) for run in on_cpu] == [["cpu"]] * len(runs)
    assert_equal(runs, on_cpu)


def test_noise_and_dropout_are_drawn_on_the_device(device: torch.device, tmp_path: Path) -> None:
    noisy = ("cell.zoneout=0.1", "cell.recurrent_dropout=0.1", "model.dropout=0.2")
    runs = trained(tmp_path, *TEXT, *noisy, "seed=3") + trained(tmp_path, *TEXT, *noisy, "stack=2")
    assert {device for run in runs for device in devices_of(run)} == {named(device)}


def test_a_pretrained_encoder_is_tuned_there(device: torch.device, tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "encoder")
    command = ("data=robo", "model=bert", f"model.checkpoint={encoder}", "model.hidden=4", "batch_size=210", "epochs=1")
    (run,) = trained(tmp_path / "runs", *command)
    assert devices_of(run) == [named(device)]


def test_a_run_that_diverges_says_so(device: torch.device, tmp_path: Path) -> None:
    done = train_here_in(tmp_path, *TEXT, "cell.hidden='exp(exp(exp(h + 5)))'")
    assert "in epoch 0, which began in layer lstm_1" in done.stderr


@pytest.mark.parametrize(
    ("kind", "begins_there"),
    list(itertools.product(["text", "market", "stack of texts", "stack of markets"], [True, False])),
)
def test_a_run_begun_on_one_goes_on_on_the_other(
    kind: str, begins_there: bool, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_INTERVAL", 0.0)
    command = (*KINDS[kind], f"batch_size={64 if 'text' in kind else 16}", "epochs=3")  # three batches or more
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    begun.mkdir()
    if begins_there:
        interrupted_here(begun, *command, epoch=1)
        with only_the_cpu():
            runs = trained(begun, *command)
    else:
        with only_the_cpu():
            interrupted_here(begun, *command, epoch=1)
        runs = trained(begun, *command)
    expected = [named(device), "cpu"] if begins_there else ["cpu", named(device)]
    assert [devices_of(run) for run in runs] == [expected] * len(runs)
    with only_the_cpu():
        assert_equal(runs, trained(whole, *command))


@pytest.mark.parametrize("kind", ["text", "market"])
def test_what_was_trained_there_is_used_there_and_where_there_is_none(
    kind: str, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = trained(tmp_path, *KINDS[kind])
    monkeypatch.chdir(tmp_path)

    def answers(main: object, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["command", str(run), *arguments])
        main()
        return capsys.readouterr().out

    texts = ["bring me the red cup"] if kind == "text" else []
    there = answers(predict, *texts), answers(export.main)
    with only_the_cpu():
        assert (answers(predict, *texts), answers(export.main)) == there
        exported = torch.jit.load(run / "model.pt")
    inputs = (torch.tensor([[1, 2]]), torch.tensor([2])) if kind == "text" else (torch.randn(2, 7, 7),)
    torch.testing.assert_close(exported(*inputs), load(run).net(*inputs))
