"""The command line with `features=`, as a user runs it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Command, one_line_error
from interrupting import interrupted
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from analysis.tables.market_tables import as_text
from cells.errors import UserError
from conf.compose import composed
from inference.load import load
from inference.saved_run import Request
from training.run.folder.record import MEASURED
from training.run.folder.run_folder import RunFolder
from training.run.market_problem import MarketProblem
from training.run.tasks.forecast import Forecast

pytestmark = pytest.mark.slow

SMALL = ("source=synthetic", "start=2015-01-01", "end=2016-06-30", "model.hidden=4", "epochs=2", "lr=0.01")


def only_run(folder: Path) -> Path:
    (mark,) = folder.rglob("config.yaml")
    return mark.parent


def test_a_run_leaves_everything_behind_and_is_not_repeated(train_here: Command, tmp_path: Path) -> None:
    command = ("features=btc_sent", "cell=C1", *SMALL)
    done = train_here(*command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("SYNTHETIC: these prices are made up") == 2  # at the start and in the result
    run = only_run(tmp_path)
    assert run.relative_to(tmp_path).parts[:4] == ("runs", "btc_sent", "lstm", "C1")

    rows = pd.read_csv(run / "metrics.csv")
    record = RunFolder.at(run).record
    decided = [*record.data_columns, "warning", *record.fit_columns, *MEASURED]
    assert list(rows)[: len(decided)] == decided
    assert rows["settings"][1] == record.settings
    assert rows["split"].tolist() == ["train", "val"]  # the paper has no third part
    named = rows.loc[0, ["features", "model", "cell", "window", "horizon", "protocol", "source", "sentiment"]]
    assert named.tolist() == ["btc_sent", "lstm", "C1", 7, 1, "paper", "synthetic", "synthetic"]
    assert rows["warning"].str.startswith("SYNTHETIC").all()
    assert (rows[["rmse", "mae", "rmse_dollars", "mae_dollars", "mape", "seconds"]] > 0).all(axis=None)

    predictions = pd.read_csv(run / "predictions.csv", parse_dates=["day"])
    assert predictions["split"].value_counts().to_dict() == {"train": 306, "val": 78}
    assert predictions["day"].is_monotonic_increasing
    # The joined days are those of the week: persistence is the close of the row before.
    assert predictions["persistence"].iloc[1:].to_numpy() == pytest.approx(predictions["truth"].iloc[:-1].to_numpy())
    val = predictions[predictions["split"] == "val"]
    error = val["prediction"] - val["truth"]
    assert (error**2).mean() ** 0.5 == pytest.approx(rows["rmse_dollars"][1])
    naive = val["persistence"] - val["truth"]
    assert ((error**2).mean() / (naive**2).mean()) ** 0.5 == pytest.approx(rows["relative_rmse"][1])

    baselines = pd.read_csv(run / "baselines.csv").set_index(["split", "forecast"])
    assert baselines.loc[("val", "persistence"), "relative_rmse"] == 1
    assert baselines.loc[("val", "persistence"), "mae_dollars"] == pytest.approx(naive.abs().mean())
    assert set(baselines.loc["val"].index) == {"persistence", "drift", "ar", "ridge"}
    importance = pd.read_csv(run / "importance.csv")
    assert importance["feature"].tolist()[-1] == "sentiment"
    assert len(importance) == 7
    for table in (predictions, baselines, importance):
        assert (table["source"] == "synthetic").all()
    for picture in ("figure7.png", "importance.png"):
        assert (run / picture).read_bytes().startswith(b"\x89PNG")

    config = OmegaConf.load(run / "config.yaml")
    assert config.cell == {"current": "c * o", "hidden": None}
    assert not {"data", "loss", "padding", "preprocess"} & {str(key) for key in config}

    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    again = train_here(*command)
    assert "is finished" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_tensorboard_shows_curves_states_figure_7_and_weights(train_here: Command, tmp_path: Path) -> None:
    done = train_here("features=btc", "model=cnn_lstm", "protocol=walk_forward", "n_folds=3", "fold=2", *SMALL)
    assert done.returncode == 0, done.stderr
    events = EventAccumulator(str(only_run(tmp_path)))
    events.Reload()
    tags = events.Tags()
    for name in (
        "train/loss",
        "val/loss",
        "val/rmse",
        "val/mae_dollars",
        "val/mape",
        "saturated f/forecaster.lstm/forward",
    ):
        assert len(events.Scalars(name)) == 2, name
    assert {"c/forecaster.lstm/forward", "h/forecaster.lstm/forward"} <= set(tags["histograms"])
    assert {"figure7", "importance"} <= set(tags["images"])
    assert len(events.Scalars("test/relative_rmse")) == 1
    rows = pd.read_csv(only_run(tmp_path) / "metrics.csv")
    assert rows["split"].tolist() == ["train", "val", "test"]


@pytest.mark.processes
def test_a_sweep_its_tables_and_its_repetition(train_here: Command, tmp_path: Path) -> None:
    command = ("-m", "window=3,7", "features=btc,btc_sent", "model=lstm,cnn_lstm", "sentiment=price_sign", *SMALL)
    done = train_here(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "eval mode" not in done.stdout  # what Lightning says of the modules that runs share
    assert "WARNING: sentiment price_sign looks like the price itself" in done.stdout
    assert len(list(tmp_path.rglob("finished"))) == 8
    again = train_here(*command)
    assert again.stdout == "All 8 runs are finished; nothing to do.\n"

    analysis = [sys.executable, "-m", "analysis", "market", str(tmp_path / "runs")]
    table = subprocess.run(analysis, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert table.returncode == 0, table.stderr
    assert "Table 1: window 7" in table.stdout
    assert "Not in the paper: window 3" in table.stdout
    assert "persistence (tomorrow = today)" in table.stdout
    assert "WARNING: sentiment price_sign looks like the price itself" in table.stdout
    assert "SYNTHETIC" in table.stdout


def test_volatility_is_forecast_beside_har_and_garch_in_percent(train_here: Command, tmp_path: Path) -> None:
    done = train_here("features=btc_sent_messages", "target=volatility", "horizon=3", *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    run = only_run(tmp_path)
    rows = pd.read_csv(run / "metrics.csv")
    assert rows.loc[0, ["target", "horizon", "sentiment", "messages"]].tolist() == [
        "volatility", 3, "synthetic", "synthetic",
    ]  # fmt: skip
    assert set(pd.read_csv(run / "baselines.csv")["forecast"]) == {"persistence", "har", "garch", "ridge"}
    val = pd.read_csv(run / "predictions.csv").query("split == 'val'")
    assert ((val["prediction"] - val["truth"]) ** 2).mean() ** 0.5 == pytest.approx(rows["rmse_percent"][1])
    assert "rmse_dollars" not in rows
    assert pd.read_csv(run / "importance.csv")["feature"].tolist()[-3:] == ["sentiment", "messages", "volatility"]
    analysis = as_text(tmp_path / "runs")
    assert "Not in the paper: window 7, cell baseline, horizon 3, target volatility" in analysis
    with pytest.raises(UserError, match="forecasts target=volatility, not a close"):
        next(load(run).answer(Request([], None, None, None, False)))


def test_a_control_is_named_at_the_start_and_in_every_result(train_here: Command, tmp_path: Path) -> None:
    done = train_here("features=btc_sent", "control=leak", "protocol=walk_forward", "n_folds=3", "fold=2", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CONTROL: control=leak") == 2
    run = only_run(tmp_path)
    assert pd.read_csv(run / "metrics.csv")["warning"].str.contains("CONTROL: control=leak").all()
    events = EventAccumulator(str(run))
    events.Reload()
    compared = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    shown = compared.session_start_info.hparams
    assert (shown["control"].string_value, shown["source"].string_value) == ("leak", "synthetic")


def test_pictures_name_controls_and_made_up_prices() -> None:
    overrides = ("features=btc_sent", "control=leak", "source=synthetic", "start=2015-01-01", "end=2016-06-30")
    assert MarketProblem(composed(*overrides)).title == "btc_sent, window 7, lstm, control=leak (SYNTHETIC prices)"
    ahead = ("features=btc", "target=volatility", "horizon=3", *overrides[2:])
    assert MarketProblem(composed(*ahead)).title == "btc, window 7, horizon 3, lstm, volatility (SYNTHETIC prices)"


@pytest.mark.parametrize("horizon", [42, 80, 120])
def test_long_horizons_run(train_here: Command, tmp_path: Path, horizon: int) -> None:
    done = train_here("features=btc_sent", f"horizon={horizon}", *SMALL)
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(only_run(tmp_path) / "baselines.csv")["forecast"]) == {"persistence", "drift", "ar", "ridge"}


@pytest.mark.processes
def test_an_interrupted_run_resumes_to_the_same_numbers(train_here: Command, tmp_path: Path) -> None:
    command = ("features=btc_usd", *SMALL, "epochs=4", "model=cnn_lstm")
    assert train_here(*command, "runs_dir=whole").returncode == 0
    stopped = interrupted(tmp_path, signal.SIGKILL, *command, "runs_dir=broken", epoch=2)
    assert "epoch   1" in stopped.stdout
    broken, whole = only_run(tmp_path / "broken"), only_run(tmp_path / "whole")
    assert not (broken / "finished").exists()
    resumed = train_here(*command, "runs_dir=broken")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming" in resumed.stdout
    assert "epoch   1" not in resumed.stdout
    for table in ("metrics", "predictions", "importance"):
        frames = [pd.read_csv(run / f"{table}.csv").drop(columns="seconds", errors="ignore") for run in (broken, whole)]
        pd.testing.assert_frame_equal(*frames, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["features=btc", "data=mlma"], ("data=mlma and features=btc", "leave one of them out")),
        (["window=7"], ("window= is about the market", "features=btc")),
        (["features=eth"], ("eth", "btc_sent")),
        (["features=btc", "windw=7"], ("did you mean 'window'",)),
        (["features=btc_sent", "sentiment=vader"], ("sentiment=vader needs sentiment.file=...: a file",)),
        (["features=btc_sent", "sentiment=csv"], ("needs sentiment.column=... and sentiment.file=...",)),
        (["features=btc", "horizon=200", *SMALL], ("window=7 with horizon=200 leaves too few of the 391 days",)),
        (["features=btc", "control=leak", *SMALL], ("control=leak needs features with sentiment",)),
        (["features=btc", "model=bilstm", "source=synthetic"], ("model=bilstm", "btc")),
        (["features=btc", "model=cnn_lstm", "model.kernel=2", "source=synthetic"], ("odd",)),
    ],
)
def test_mistakes_are_one_line(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], says: tuple[str, ...]
) -> None:
    error = refused(*arguments)
    for text in says:
        assert text in error
    assert not list(tmp_path.rglob("finished"))


@pytest.mark.processes
def test_offline_without_files_is_one_line(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"  # nobody listens there
    done = subprocess.run(
        [sys.executable, PROJECT / "train.py", "features=btc"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere},
    )  # fmt: skip
    error = one_line_error(done)
    for text in ("BTC-USD", str(Path("data") / "market"), "source=synthetic"):
        assert text in error


def test_the_papers_shapes_on_the_real_files(train_here: Command, shared_data: Path, tmp_path: Path) -> None:
    done = train_here(
        "features=btc_usd_sent_sp500", "sentiment=price_sign", "window=30", "epochs=1", "model.hidden=4",
        f"data_dir={shared_data}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1,273 windows of 30 days and 19 features" in done.stdout
    assert done.stdout.count("WARNING: sentiment price_sign looks like the price itself") == 2
    baselines = pd.read_csv(only_run(tmp_path) / "baselines.csv")
    persistence = baselines[(baselines["split"] == "val") & (baselines["forecast"] == "persistence")].iloc[0]
    assert persistence[["rmse", "mae"]].round(4).tolist() == [0.0209, 0.0125]


def test_forecasts_that_overflow_behind_the_validation_part_fail_the_run(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forecast, "predict_step", lambda task, batch, _: task.net(batch.inputs) * float("nan"))
    line = refused("features=btc", *SMALL)
    assert "the net overflows on the train part, although the losses were finite numbers" in line
    run = only_run(tmp_path)
    assert (run / "failed").read_text().startswith("the net overflows on")
    assert not (run / "finished").exists()
