"""The logger beside TensorBoard's: what it gets, under which names, and what becomes of it when a run goes on."""

import csv
import importlib.util
import math
from pathlib import Path

import pytest
from conftest import Command

from analysis.report.event_files import epochs
from conf.compose import composed
from training.run.folder.checkpoints import Resumption
from training.run.folder.run_folder import RunFolder
from training.run.loggers import CURVES, loggers

TINY = ("data=robo", "model.embedding=4", "model.hidden=4", "epochs=2")

pytestmark = [pytest.mark.usefixtures("nothing_drawn")]


def needs(package: str) -> pytest.MarkDecorator:
    found = importlib.util.find_spec(package)
    missing = found is None or found.origin is None
    return pytest.mark.skipif(missing, reason=f'no {package}: pip install -e ".[{package}]"')


def runs(folder: Path) -> list[Path]:
    return RunFolder.finished_below(folder / "runs")


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / CURVES / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def column(run: Path, name: str) -> list[float]:
    return [float(row[name]) for row in rows(run) if row.get(name)]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The folder of a run that has not begun."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.of(composed("logger=csv"))
    folder.path.mkdir(parents=True)
    return folder


def test_csv_has_what_tensorboard_has_and_the_run_is_the_same(train_here: Command, tmp_path: Path) -> None:
    done = train_here(*TINY, "logger=csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (run,) = runs(tmp_path)
    shown = epochs(run)
    for tag in ("train/loss", "val/loss", "val/macro_f1", "saturated f/lstm_1/forward"):
        if tag in shown:
            assert column(run, tag) == pytest.approx(shown[tag], rel=1e-6), tag
    assert len(column(run, "val/loss")) == 2
    assert any(name.startswith("saturated f/") for name in rows(run)[0])
    with open(run / "metrics.csv", newline="") as file:
        *_, tested = csv.DictReader(file)
    assert column(run, "test/macro_f1")[-1] == pytest.approx(float(tested["macro_f1"]))
    assert "logger" not in (run / "config.yaml").read_text()
    assert "is finished; nothing to do" in train_here(*TINY).stdout


def test_csv_of_a_run_that_goes_on_has_each_step_once(made: RunFolder) -> None:
    config = composed("logger=csv")
    _, first = loggers(config, made)
    for step, loss in enumerate((3.0, 2.0, 1.0)):
        first.log_metrics({"val/loss": loss}, step)
        first.log_metrics({"lr": 0.1}, step)
    _, second = loggers(config, made, Resumption(Path(), 1))
    second.log_metrics({"val/loss": 0.5}, 2)
    assert [(row["step"], float(row["val/loss"])) for row in rows(made.path) if row["val/loss"]] == [
        ("0", 3.0),
        ("1", 2.0),
        ("2", 0.5),
    ]
    _, anew = loggers(config, made)
    anew.log_metrics({"val/loss": 4.0}, 0)
    assert column(made.path, "val/loss") == [4.0]


def test_every_run_of_a_stack_is_logged(train_here: Command, tmp_path: Path) -> None:
    done = train_here(*TINY, "logger=csv", "seed=0,1", "stack=2")
    assert done.returncode == 0, done.stderr
    assert [len(column(run, "val/loss")) for run in runs(tmp_path)] == [2, 2]
    assert [column(run, "val/loss") for run in runs(tmp_path)] == [
        pytest.approx(epochs(run)["val/loss"], rel=1e-6) for run in runs(tmp_path)
    ]


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_named_with_its_extra(
    refused: Command, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir()  # as W&B's own folder of runs
    monkeypatch.syspath_prepend(tmp_path)
    find = importlib.util.find_spec

    def absent(module: str, package: str | None = None) -> object:
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(module, [str(tmp_path)]) if module == name else find(module, package)

    monkeypatch.setattr("importlib.util.find_spec", absent)
    assert (
        refused("logger=" + name)
        == f'Error: logger={name} needs a package more: pip install -e ".[{name}]" brings it.\n'
    )


def test_a_logger_that_nobody_knows_is_refused(refused: Command) -> None:
    assert refused("logger=neptune") == "Error: logger=neptune: choose tensorboard or csv or mlflow or wandb.\n"


@needs("mlflow")
@pytest.mark.slow
def test_mlflow_has_a_studys_runs_named_as_their_folders(
    train_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # for the reading below
    done = train_here("-m", *TINY, "logger=mlflow", "cell=baseline,C1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    client = MlflowClient(f"file:{tmp_path}/mlruns")
    experiment = client.get_experiment_by_name("robo/bilstm")
    assert experiment is not None
    logged = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {f"robo/bilstm/{name}" for name in logged} == {
        run.relative_to(tmp_path / "runs").as_posix() for run in runs(tmp_path)
    }
    for name, run in logged.items():
        folder = tmp_path / "runs" / "robo" / "bilstm" / name
        assert run.info.status == "FINISHED"
        assert run.data.tags["cell"] == name.partition("/")[0]
        assert run.data.params["model/hidden"] == "4"
        history = client.get_metric_history(run.info.run_id, "val/loss")
        assert [point.value for point in history] == pytest.approx(epochs(folder)["val/loss"], rel=1e-6)
        assert math.isfinite(run.data.metrics["test/macro_f1"])
        assert (folder / "mlflow.id").read_text() == run.info.run_id


@needs("mlflow")
def test_a_run_that_fails_has_failed_in_mlflow(
    train_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert train_here(*TINY, "logger=mlflow", "cell.hidden='exp(exp(exp(h + 5)))'").returncode == 1
    client = MlflowClient(f"file:{tmp_path}/mlruns")
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert run.info.status == "FAILED"


@needs("mlflow")
def test_an_interrupted_run_goes_on_in_its_run_of_mlflow(made: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    config = composed("logger=mlflow")
    _, first = loggers(config, made)
    _, second = loggers(config, made, Resumption(Path(), 1))
    assert second.version == first.version
    (made.path / "mlflow.id").write_text("0" * 32)  # it has been removed there
    _, third = loggers(config, made, Resumption(Path(), 1))
    assert third.version not in (first.version, "0" * 32)


@needs("wandb")
@pytest.mark.processes
@pytest.mark.slow
def test_wandb_has_a_studys_runs_in_their_groups(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = train("-m", *TINY, "logger=wandb", "cell=baseline,C1")
    assert done.returncode == 0, done.stderr
    finished = runs(tmp_path)
    assert len(finished) == 2
    for run in finished:
        name = (run / "wandb.id").read_text()
        (file,) = (tmp_path / "wandb").glob(f"offline-run-*/run-{name}.wandb")
        logged = file.read_bytes()
        for text in ("robo/bilstm", f"{run.parent.name}/{run.name}", "val/loss", "test/macro_f1", "lstm-cs"):
            assert text.encode() in logged, text
