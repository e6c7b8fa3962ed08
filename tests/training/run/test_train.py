"""The command line, as a user runs it: each kind of behaviour once in a process of its own, the rest in this one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import PROJECT, Command, one_line_error, train_here_in
from interrupting import interrupted, interrupted_here
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from text_data import lay_out

from training.run.folder.record import MEASURED, TEXT_SCORES
from training.run.folder.run_folder import RunFolder

SMALL = ("data=robo", "model.embedding=8", "model.hidden=8", "lr=0.01", "patience=null")


def only_run(folder: Path) -> Path:
    (mark,) = folder.rglob("config.yaml")
    return mark.parent


def scores(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "metrics.csv").drop(columns="seconds")


def test_a_run_leaves_everything_behind_and_is_not_repeated(
    train: Command, train_here: Command, tmp_path: Path
) -> None:
    command = ("cell=C1", "epochs=2", *SMALL)
    done = train(*command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    run = only_run(tmp_path)

    rows = pd.read_csv(run / "metrics.csv")
    record = RunFolder.at(run).record
    assert list(rows) == [*record.columns, *MEASURED, *TEXT_SCORES]
    assert rows[["data", "model", "settings"]].to_numpy().tolist()[1] == ["robo", "bilstm", record.settings]
    assert rows["split"].tolist() == ["val", "test"]
    assert set(rows["cell"]) == {"C1"}
    assert rows[["seed", "fold"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert ((rows["accuracy"] > 0) & (rows["accuracy"] <= 1)).all()
    assert (rows["seconds"] > 0).all()

    predictions = pd.read_csv(run / "predictions.csv", keep_default_na=False)
    classes = [column for column in predictions if column.startswith("p(")]
    most_probable = predictions[classes].idxmax(axis=1).str[2:-1]
    top1 = (most_probable == predictions["truth"]).mean()
    assert top1 == pytest.approx(rows["top1"][1])

    config = OmegaConf.load(run / "config.yaml")
    assert config.cell == {"current": "c * o", "hidden": None}
    assert (run / "checkpoints" / "model.ckpt").exists()
    assert (run / "finished").exists()

    written = {path.name: path.stat().st_mtime_ns for path in (*run.glob("*.csv"), run / "finished")}
    assert max(written, key=lambda name: written[name]) == "finished"

    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    again = train_here(*command)
    assert again.returncode == 0
    assert "is finished" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_tensorboard_shows_scores_states_gates_confusions_and_texts(train_here: Command, tmp_path: Path) -> None:
    assert train_here("cell=H2", "epochs=2", *SMALL).returncode == 0
    events = EventAccumulator(str(only_run(tmp_path)))
    events.Reload()
    tags = events.Tags()
    for name in ("train/loss", "val/loss", "val/accuracy", "val/macro_f1", "saturated o/lstm_2/forward"):
        assert len(events.Scalars(name)) == 2, name
        assert all(0 <= event.value <= 2 for event in events.Scalars(name))
    layers = [f"{layer}/{way}" for layer in ("lstm_1", "lstm_2") for way in ("forward", "reverse")]
    assert {f"{state}/{layer}" for state in "ch" for layer in layers} <= set(tags["histograms"])
    assert "confusion" in tags["images"]
    assert "test texts/text_summary" in tags["tensors"]
    assert len(events.Scalars("test/macro_f1")) == 1


@pytest.mark.slow
def test_a_sweep_is_skipped_when_it_is_repeated(train_here: Command, tmp_path: Path) -> None:
    command = ("-m", "cell=baseline,C1", "seed=0,1", "epochs=1", *SMALL)
    done = train_here(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(tmp_path.rglob("finished"))) == 4
    again = train_here(*command)
    assert again.stdout == "All 4 runs are finished; nothing to do.\n"


# the learning rate is so large that most epochs are no better than the best so far
LONG = ("cell=C4", "epochs=9", "model.dropout=0.5", *SMALL, "lr=0.2")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    assert train_here_in(folder, *LONG).returncode == 0
    return only_run(folder)


@pytest.mark.processes
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_resumes_to_the_same_numbers(
    train_here: Command, whole: Path, tmp_path: Path, how: signal.Signals
) -> None:
    stopped = interrupted(tmp_path, how, *LONG, "runs_dir=broken", epoch=6)
    assert "epoch   5" in stopped.stdout
    assert not (only_run(tmp_path / "broken") / "finished").exists()
    if how == signal.SIGINT:
        assert "Traceback" not in stopped.stderr
        assert "goes on" in stopped.stderr

    (tmp_path / "broken").rename(tmp_path / "moved")
    resumed = train_here(*LONG, "runs_dir=moved")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming" in resumed.stdout
    assert "epoch   5" not in resumed.stdout
    assert "epoch   6" in resumed.stdout
    moved = only_run(tmp_path / "moved")
    pd.testing.assert_frame_equal(scores(moved), scores(whole), check_exact=True)
    assert (moved / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()

    events = EventAccumulator(str(moved))
    events.Reload()
    for name in ("val/loss", "saturated f/lstm_1/forward"):
        steps = [event.step for event in events.Scalars(name)]
        assert steps == [7 * (epoch + 1) - 1 for epoch in range(9)], name  # 419 documents are 7 batches


def emptied(content: bytes) -> bytes:
    return b""


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        *((damage, ["last"]) for damage in (emptied, cut, flipped)),
        *((damage, ["model"]) for damage in (None, emptied, flipped)),
        (cut, ["last", "model"]),
    ],
)
@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_with_damaged_checkpoints_ends_with_the_same_numbers(
    train_here: Command, whole: Path, tmp_path: Path, damage: Callable[[bytes], bytes] | None, names: Sequence[str]
) -> None:
    interrupted_here(tmp_path, *LONG, epoch=6)
    run = only_run(tmp_path)
    last, tested = (torch.load(run / "checkpoints" / f"{name}.ckpt")["epoch"] for name in ("last", "model"))
    assert tested < last == 5
    then = "begins anew" if "model" in names else f"goes on after epoch {tested}"
    for name in names:
        path = run / "checkpoints" / f"{name}.ckpt"
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage(path.read_bytes()))
    resumed = train_here(*LONG)
    assert resumed.returncode == 0, resumed.stderr
    fault = "is missing" if damage is None else "is removed"
    assert resumed.stdout.count(" was damaged (") == (0 if damage is None else len(names))
    assert f"{names[-1]}.ckpt" in resumed.stdout
    assert f"{fault}; the run {then}." in resumed.stdout
    pd.testing.assert_frame_equal(scores(run), scores(whole), check_exact=True)
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


@pytest.mark.processes
def test_a_run_killed_after_it_had_stopped_early_trains_no_more(train_here: Command, tmp_path: Path) -> None:
    command = ("epochs=30", "cell=C1", *SMALL, "lr=0.2", "patience=2")
    assert train_here(*command, "runs_dir=whole").returncode == 0
    killed = [sys.executable, "-c", KILLED_BEFORE_ITS_TEST, *command, "runs_dir=broken"]
    done = subprocess.run(killed, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    resumed = train_here(*command, "runs_dir=broken")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch  " in done.stdout
    assert "train/loss" not in resumed.stdout
    pd.testing.assert_frame_equal(
        scores(only_run(tmp_path / "broken")), scores(only_run(tmp_path / "whole")), check_exact=True
    )


KILLED_BEFORE_ITS_TEST = f"""
import os, runpy, signal, sys
sys.path.insert(0, {str(PROJECT)!r})
import training.run.results
training.run.results.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
runpy.run_path({str(PROJECT / "train.py")!r}, run_name="__main__")
"""


def test_a_formula_of_the_users_own(train_here: Command, tmp_path: Path) -> None:
    done = train_here("cell.current='c * relu(o)'", "cell.hidden='h * sigmoid(c)'", "epochs=1", *SMALL)
    assert done.returncode == 0, done.stderr
    assert OmegaConf.load(only_run(tmp_path) / "config.yaml").cell.current == "c * relu(o)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cell.current='__import__(\"os\")'"], "__import__"),
        (["cell.current='c * q'"], "q"),
        (["cell=C99"], "C99"),
        (["cel=C1"], "did you mean 'cell'"),
        (["seeed=1"], "did you mean 'seed'"),
        (["model.hiden=3"], "did you mean 'model.hidden'"),
        (["data=reuters"], "robo"),
        (["fold=10"], "0 to 9"),
        (["data=semeval", "loss=softmax", "n_folds=3"], "multi-label"),
        (["lr=1e37", "epochs=3", "model.hidden=4", "model.embedding=4"], "smaller lr"),
        (["data=3"], "data=3: data= takes a name"),
        (["model.hidden=0"], "hidden"),
        (["model.dropout=1.5"], "dropout"),
        (["model.hidden=0"], "model=bilstm"),
        (["preprocess.min_count=100000"], "occurs that often"),
        (["data_dir=${nowhere}"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(refused: Callable[..., str], arguments: list[str], says: str, tmp_path: Path) -> None:
    lay_out(tmp_path / "data")
    assert says in refused(*arguments)
    assert not list(tmp_path.rglob("finished"))


@pytest.mark.parametrize(("argument", "says"), [("cel=C1", "did you mean 'cell'"), ("fold=10", "0 to 9")])
def test_a_mistake_is_one_line_of_a_process(train: Command, argument: str, says: str) -> None:
    assert says in one_line_error(train(argument))


def test_a_sweep_goes_on_after_a_failed_run_and_does_not_forget_it(train_here: Command, tmp_path: Path) -> None:
    done = train_here("-m", "loss=hinge,sigmoid", "epochs=1", *SMALL)
    assert done.returncode == 1
    assert len(list(tmp_path.rglob("finished"))) == 1
    mistake, summary = done.stderr.splitlines()
    assert mistake.endswith(": loss=hinge: choose sigmoid or softmax.")
    assert summary.startswith("Error: 1 of 2 runs failed")


def test_a_traceback_for_those_who_ask(train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert "Traceback" in train("loss=hinge").stderr


def test_the_same_folder_for_another_configuration_is_an_error(
    train_here: Command, refused: Callable[..., str]
) -> None:
    assert train_here("run_dir=mine", "epochs=1", *SMALL).returncode == 0
    error = refused("run_dir=mine", "epochs=1", "seed=1", *SMALL)
    assert "mine" in error
    assert "seed" in error


@pytest.mark.processes
def test_help_answers_without_importing_torch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROJECT / "train.py", "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    assert "cell.current" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "lightning", "pandas", "nltk", "sklearn"}


@pytest.mark.parametrize("arguments", [[], ["-m", "seed=0,1"]])
def test_a_net_beyond_all_memory_is_one_line(
    train_here: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr("training.run.build.make_net", lambda *_: torch.empty(10**17))
    done = train_here(*arguments, "epochs=1", *SMALL)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    first, last = lines[0], lines[-1]
    assert "there is not enough memory (" in first
    assert "; choose a smaller batch_size=, smaller sizes below model=, or another machine" in first
    assert "Traceback" not in done.stdout + done.stderr
    assert last == ("Error: 2 of 2 runs failed, see above; the same command tries them again." if arguments else first)
