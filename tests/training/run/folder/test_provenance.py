"""The origin of a run's numbers is written down, and other data than those are noticed."""

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import PROJECT, Command
from text_data import lay_out
from torch import nn

from cells import LSTM
from cells.errors import UserError
from conf.compose import composed
from datamodules.market import yahoo_layout
from datamodules.texts.sources import find_file
from training.run.folder import data_files, provenance
from training.run.folder.run_folder import RunFolder

SMALL = (
    "model.embedding=4",
    "model.hidden=4",
    "epochs=1",
    "threads=1",
    "data_dir=data",
    "n_folds=3",
    "preprocess.min_count=1",
)
HATE = "data=hate"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The file of HATE."""
    return lay_out(tmp_path / "data") / "text" / "hate" / "dataset.csv"


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("provenance.json"))]


def replace(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"you", b"thou"))


def test_a_run_says_what_made_it(train_here: Command, tmp_path: Path, dataset: Path) -> None:
    train_here(HATE, *SMALL)
    (about,) = written(tmp_path)
    assert about["data"] == {"data": {"file": "text/hate/dataset.csv", "hash": sha256(dataset)}}
    (attempt,) = about["attempts"]
    assert attempt["backends"] == {"lstm_1": "llvm", "lstm_2": "llvm"}
    assert attempt["versions"]["torch"] == version("torch")
    assert (attempt["threads"], attempt["device"], attempt["stack"]) == (1, "cpu", 1)
    assert (attempt["commit"] is None) != (PROJECT / ".git").exists()
    said = [text for text in (*attempt["versions"].values(), attempt["machine"], attempt["device"]) if "/" in text]
    assert said == []
    assert not {getpass.getuser(), socket.gethostname()} & set(json.dumps(about).replace('"', " ").split())


@pytest.mark.slow
def test_runs_of_a_stack_say_it_too(train_here: Command, tmp_path: Path, dataset: Path) -> None:
    train_here(HATE, *SMALL, "stack.seeds=2")
    one, other = written(tmp_path)
    assert one == other
    assert one["data"]["data"]["hash"] == sha256(dataset)
    assert list(one["attempts"][0]["backends"]) == ["lstm_1", "lstm_2"]
    assert one["attempts"][0]["stack"] == 2


def test_replaced_data_of_finished_runs_are_announced(train_here: Command, dataset: Path) -> None:
    study = ("-m", "seed=0,1", HATE, *SMALL)
    train_here(*study)
    assert "WARNING" not in train_here(*study).stdout
    replace(dataset)
    alone = train_here(HATE, *SMALL)
    finished, warned = alone.stdout.splitlines()
    assert finished.endswith("is finished; nothing to do.")
    assert warned.startswith("WARNING: runs/hate/bilstm/baseline/seed0_fold0_")
    assert warned.endswith("was trained on another data/text/hate/dataset.csv than there is now; remove to train anew.")
    assert train_here(*study).stdout.splitlines() == [
        "All 2 runs are finished; nothing to do.",
        "WARNING: 2 runs were trained on another data/text/hate/dataset.csv than there is now; remove to train anew.",
    ]
    dataset.unlink()  # a missing file says nothing
    assert "WARNING" not in train_here(*study).stdout


def test_replaced_data_of_an_interrupted_run_are_refused(
    train_here: Command, refused: Callable[..., str], tmp_path: Path, dataset: Path
) -> None:
    train_here(HATE, *SMALL)
    (mark,) = tmp_path.rglob("finished")
    mark.rename(mark.with_name("checkpoints") / "last.ckpt")  # any file: data are looked at first
    replace(dataset)
    line = refused(HATE, *SMALL)
    assert "data/text/hate/dataset.csv is not what the run in runs/hate/" in line
    assert "remove that folder to train anew" in line


def test_a_run_of_an_older_version_is_as_it_was(train_here: Command, tmp_path: Path, dataset: Path) -> None:
    train_here(HATE, *SMALL)
    (path,) = tmp_path.rglob("provenance.json")
    path.unlink()
    replace(dataset)
    done = train_here(HATE, *SMALL)
    assert done.stdout == f"{path.parent.relative_to(tmp_path)} is finished; nothing to do.\n"


DAMAGED = ("{", "[]", '{"data": {"data": {}}}', '{"data": 3}', '{"data": {"data": 3}}', '{"attempts": [3]}')


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:20])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(UserError, match=r"provenance.json is damaged.*; remove that file\.$"):
        provenance.changed_data(tmp_path, composed())


def test_each_attempt_on_another_program_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = composed(f"run_dir={tmp_path}", "data_dir=nowhere")
    folder = RunFolder.of(config)
    modules = nn.ModuleDict({"net": LSTM(2, 3)}).named_modules
    task = SimpleNamespace(named_modules=modules, device=torch.device("cpu"))

    def attempts(commit: str) -> list[str]:
        monkeypatch.setattr(provenance, "_commit", lambda: commit)
        provenance.write(folder, config, task)  # type: ignore[arg-type]
        return [each["commit"] for each in written(tmp_path)[0]["attempts"]]

    assert attempts("a") == ["a"]
    assert attempts("b") == ["b"]  # without a checkpoint the run began anew
    folder.checkpoints.mkdir()
    (folder.checkpoints / "last.ckpt").write_text("")
    assert attempts("b") == ["b"]
    assert attempts("c") == ["b", "c"]


@pytest.mark.parametrize("name", ["ag", "crowd", "hasoc", "hasoc_test", "hate", "mlma", "semeval"])
def test_the_file_that_is_hashed_is_the_file_that_is_read(name: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    config = composed(f"data={name}", f"data_dir={tmp_path}")
    assert data_files.data_files(config)["data"][1] == find_file(config.data, tmp_path)


def test_the_folder_of_an_encoder_is_known_by_the_content_of_its_files(tmp_path: Path) -> None:
    encoder = tmp_path / "mine" / "encoder"
    (encoder / "below").mkdir(parents=True)
    (encoder / "below" / "vocab.txt").write_text("a")
    config = composed("data=robo", "model=bert", f"model.checkpoint={encoder}")
    trained_on = data_files.content(config)
    assert trained_on["encoder"]["file"] == "encoder"  # a whole path may have a user's name
    assert data_files.changed(config, trained_on) == []
    (encoder / "below" / "vocab.txt").rename(encoder / "vocab.txt")
    assert data_files.changed(config, trained_on) == [str(encoder)]
    (encoder / "vocab.txt").rename(encoder / "below" / "vocab.txt")
    (encoder / "below" / "vocab.txt").write_text("bb")
    assert data_files.changed(config, trained_on) == [str(encoder)]


def test_data_that_are_made_up_have_no_file() -> None:
    assert data_files.content(composed("features=btc_sent", "source=synthetic")) == {}


def test_the_files_of_the_market_are_its_prices_and_the_series_that_are_features(tmp_path: Path) -> None:
    market = tmp_path / "market"
    market.mkdir()
    for name in ("BTC-USD", "GSPC", "DX-Y.NYB_2014-09-18_2019-11-22", "mood", "unused"):
        (market / f"{name}.csv").write_text(name)
    given = ("sentiment=csv", "sentiment.file=market/mood.csv", "sentiment.column=m", f"data_dir={tmp_path}")
    found = data_files.content(composed("features=btc_sent", *given))
    assert {use: file["file"] for use, file in found.items()} == {
        "btc": "market/BTC-USD.csv",
        "usd": "market/DX-Y.NYB_2014-09-18_2019-11-22.csv",
        "sp500": "market/GSPC.csv",
        "sentiment": "market/mood.csv",
    }
    assert "sentiment" not in data_files.content(composed("features=btc", f"data_dir={tmp_path}"))


@pytest.mark.parametrize(
    ("chosen", "use", "symbol"),
    [
        (("features=btc",), "btc", "BTC-USD"),
        (("features=symbols", "series.symbols=['^GSPC']", "series.target='^GSPC'"), "^GSPC", "GSPC"),
    ],
)
def test_prices_up_to_today_are_known_by_the_file_of_their_last_day(
    chosen: tuple[str, ...], use: str, symbol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a range that is not over ends yesterday; tomorrow the same command has another one."""
    config = composed(*chosen, "start='2020-01-01'", "end='2090-01-01'", f"data_dir={tmp_path}")
    (tmp_path / "market").mkdir()
    files = [tmp_path / "market" / f"{symbol}_2020-01-01_2021-02-0{day}.csv" for day in (1, 2)]
    files[0].write_text("one")
    monkeypatch.setattr(yahoo_layout, "yesterday", lambda: date(2021, 2, 1))
    trained_on = data_files.content(config)
    assert trained_on[use]["file"] == f"market/{files[0].name}"
    assert data_files.changed(config, trained_on) == []
    monkeypatch.setattr(yahoo_layout, "yesterday", lambda: date(2021, 2, 2))
    assert data_files.changed(config, trained_on) == []  # not downloaded yet
    files[1].write_text("two")
    assert data_files.changed(config, trained_on) == [str(files[1])]


@pytest.mark.parametrize(
    ("variable", "threads"), [("3", 3), ("2,1", 2), (" 4 , 2", 4), ("", None), ("many", None), ("0", None)]
)
def test_threads_are_those_of_the_variable(
    variable: str, threads: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    config = composed(f"run_dir={tmp_path}", "data_dir=nowhere")
    task = SimpleNamespace(named_modules=nn.Module().named_modules, device=torch.device("cpu"))
    provenance.write(RunFolder.of(config), config, task)  # type: ignore[arg-type]
    assert written(tmp_path)[0]["attempts"][0]["threads"] == (threads or os.cpu_count())
