"""`python predict.py` on runs that forecast the market."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import train_here_in
from pandas.tseries.offsets import BDay
from predicting import Predict, answers, assert_one_line_error, copied, predict, replaced
from table_damage import SCORES, damaged

from datamodules.market import synthetic
from datamodules.market.yahoo_layout import MARKETS, DateRange
from inference.next_close import Backtest

pytestmark = pytest.mark.slow

__all__ = ["predict"]

SPAN = "2015-01-01", "2016-06-30"

MARKET = (f"start={SPAN[0]}", f"end={SPAN[1]}", "model.hidden=4", "epochs=2", "lr=0.01")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of each source and protocol; no test changes them."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "data" / "market").mkdir(parents=True)
    for market, daily in synthetic.prices(DateRange.parse(*SPAN)).items():
        daily.frame.to_csv(folder / "data" / "market" / f"{MARKETS[market].symbol.removeprefix('^')}.csv")
    done = train_here_in(
        folder, "-m", "source=yahoo,synthetic", "protocol=paper,walk_forward", "features=btc_sent",
        "sentiment=price_sign", "window=5", "horizon=3", "n_folds=3", "run_dir=${source}_${protocol}", *MARKET,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("yahoo_paper", "go"), ("yahoo_paper forecasts the market (features=btc_sent)", "give no text")),
        (("yahoo_paper", "--end", "2015-01-07"), ("window=5 needs more than the 4 rows",)),
        (("yahoo_paper", "--end", "soon"), ("end=soon", "date")),
    ],
)
def test_mistakes_are_one_line(predict: Predict, arguments: tuple[str, ...], says: tuple[str, ...]) -> None:
    assert_one_line_error(predict(*arguments), *says)


def test_a_control_experiment_forecasts_nothing(predict: Predict, runs: Path, tmp_path: Path) -> None:
    replaced(copied(runs / "yahoo_paper", tmp_path), "control: null", "control: leak")
    assert_one_line_error(predict("run", folder=tmp_path), "run is a control experiment (control=leak)")


@pytest.mark.parametrize(("name", "split"), [("yahoo_paper", "val"), ("yahoo_walk_forward", "test")])
def test_the_next_close_is_what_the_backtest_said(predict: Predict, runs: Path, name: str, split: str) -> None:
    """The last forecast of predictions.csv again, made from the data up to the day it was made on."""
    (last,) = pd.read_csv(runs / name / "predictions.csv").query("split == @split").tail(1).to_dict("records")
    origin = pd.Timestamp(last["day"]) - 3 * BDay()  # horizon=3 of the days on which these markets trade
    (found,) = answers(predict(name, "--json", "--end", f"{origin:%Y-%m-%d}"))
    assert (found["day"], found["horizon"]) == (f"{origin:%Y-%m-%d}", 3)
    assert found["persistence"] == pytest.approx(last["persistence"], rel=1e-9)
    assert found["close"] == pytest.approx(last["prediction"], rel=1e-6)
    assert "looks like the price itself" in found["warning"]


def test_the_next_close_stands_beside_persistence_and_both_errors(predict: Predict, runs: Path) -> None:
    done = predict("synthetic_paper")
    assert (done.returncode, done.stderr) == (0, "")
    title, _, net, naive, interval, sentence, warning = done.stdout.splitlines()
    assert interval.startswith("Interval of 90%: ")
    width = (
        pd.read_csv(runs / "synthetic_paper" / "intervals.csv")
        .query("forecast == 'prediction' and level == 0.9")
        .iloc[0]
    )
    held = f"held {width['coverage']:.0%} of the {width['periods']} later values."
    assert interval.endswith(f"from the errors of {width['calibrated_on']} forecasts, {held}")
    assert title == "Bitcoin's close 3 days after 2016-06-30, counting the days on which all markets trade"
    metrics = pd.read_csv(runs / "synthetic_paper" / "metrics.csv").iloc[-1]
    table = pd.read_csv(runs / "synthetic_paper" / "predictions.csv").query("split == 'val'")
    error = (table["persistence"] - table["truth"]).pow(2).mean() ** 0.5
    assert net.startswith("lstm on btc_sent ")
    assert net.split()[-1] == f"{metrics['rmse_dollars']:,.2f}"
    assert naive.split()[-2:] == [f"{table['truth'].iloc[-1]:,.2f}", f"{error:,.2f}"]
    assert sentence.startswith("The net does not beat persistence: over 78 days")
    assert f"{metrics['relative_rmse']:.2f} times its error" in sentence
    assert warning.startswith("SYNTHETIC")


@pytest.mark.parametrize(
    ("relative", "p", "says"),
    [
        (1.2, 0.0001, "The net does not beat persistence: over 9 days (a to b) the net has 1.20 times its error ("),
        (1.0, None, "The net does not beat persistence: over 9 days (a to b) the net has 1.00 times its error."),
        (0.9, 0.2, "Whether the net beats persistence is not decided: "),
        (0.9, None, "Whether the net beats persistence is not decided: "),
        (0.9, 0.049, "The net beats persistence: over 9 days (a to b) the net has 0.90 times its error ("),
    ],
)
def test_only_what_chance_would_hardly_do_counts_as_better(relative: float, p: float | None, says: str) -> None:
    assert Backtest(9, "a", "b", 1.0, 1.0, relative, p).sentence.startswith(says)


def test_a_file_for_the_folder_of_data_is_one_line(predict: Predict, runs: Path, tmp_path: Path) -> None:
    copied(runs / "yahoo_paper", tmp_path)
    (tmp_path / "prices.csv").write_text("")
    done = predict("run", "--data-dir", "prices.csv", folder=tmp_path)
    assert_one_line_error(done, "--data-dir prices.csv", "is a file, give the path of a folder")


def test_without_its_market_files_one_line_says_what_to_put_where(
    predict: Predict, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(runs / "yahoo_paper", tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    done = predict("run", "--data-dir", "elsewhere", folder=tmp_path)
    assert_one_line_error(done, "BTC-USD", str(Path("elsewhere") / "market"))


@pytest.mark.parametrize("table", [name for name in SCORES if name != "importance"])
def test_a_damaged_table_is_one_line(predict: Predict, runs: Path, tmp_path: Path, table: str) -> None:
    run = copied(runs / "yahoo_paper", tmp_path)
    says = damaged(run / f"{table}.csv", "text")
    assert_one_line_error(predict(str(run)), f"{run}/{says}", "remove that run's folder and repeat its command.")
