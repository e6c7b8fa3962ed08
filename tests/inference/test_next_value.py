"""Own series from end to end: trained, tabulated, described, and forecast by `python predict.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import train_here_in
from own_files import sales
from predicting import Predict, answers, assert_one_line_error, copied, predict
from table_damage import DAMAGE, SCORES, damaged

from analysis.report.series_sections import series_sections
from analysis.study import market_results
from analysis.tables.market_tables import market_tables
from datamodules.__main__ import _described
from datamodules.files import known_as
from inference.series_backtest import RIVALS, backtest, scale_of
from training.run.folder.provenance import changed_data
from training.run.folder.run_folder import RunFolder

pytestmark = pytest.mark.slow

__all__ = ["predict"]

TINY = ("model.hidden=4", "epochs=2", "lr=0.01", "series.date=day", "series.target=units")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of one shop and of two, with each protocol; no test changes them."""
    folder = tmp_path_factory.mktemp("runs")
    sales().to_csv(folder / "sales.csv", index=False)
    two = pd.concat([sales().assign(shop="a"), sales(160, 1).assign(shop="b", units=lambda each: each["units"] * 100)])
    two.to_csv(folder / "shops.csv", index=False)
    for name, more in (("sales", ()), ("shops", ("series.id=shop", "stack=2", "seed=0"))):
        done = train_here_in(
            folder, "-m", "features=csv", f"series.file={name}.csv", "protocol=paper,walk_forward", "window=5",
            "horizon=2", "n_folds=3", "fold=0", *more, *TINY,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


def run_of(runs: Path, name: str, protocol: str) -> Path:
    (found,) = [
        path.parent
        for path in (runs / "runs" / name).rglob("config.yaml")
        if f"protocol: {protocol}" in path.read_text() and "seed0" in path.parent.name
    ]
    return found


@pytest.mark.parametrize(("name", "protocol", "split"), [("sales", "paper", "val"), ("shops", "walk_forward", "test")])
def test_the_next_value_is_what_the_backtest_said(
    predict: Predict, runs: Path, name: str, protocol: str, split: str
) -> None:
    """The last forecasts of predictions.csv again, made from the rows up to the day they were made on."""
    run = run_of(runs, name, protocol)
    table = pd.read_csv(run / "predictions.csv", dtype={"series": str}).query("split == @split").fillna({"series": ""})
    day = table["day"].max()
    origin = pd.Timestamp(day) - pd.Timedelta(days=2)
    found = answers(predict(str(run), "--json", "--end", f"{origin:%Y-%m-%d}"))
    last = table[table["day"] == day].set_index("series")
    widths = pd.read_csv(run / "intervals.csv").query("level == 0.9").set_index("forecast")
    for each in found:
        if each["series"] not in last.index:
            continue
        expected = last.loc[each["series"]]
        assert (each["last"], each["period"]) == (f"{origin:%Y-%m-%d}", day)
        assert each["value"] == pytest.approx(expected["prediction"], rel=1e-5)
        for naive in ("persistence", "seasonal"):
            value, low, high = each["naive"][naive]
            assert value == pytest.approx(expected[naive], rel=1e-9)
            assert low < value < high
        assert (each["low"] + each["high"]) / 2 == pytest.approx(each["value"])
        assert each["intervals"]["prediction"]["coverage"] == widths.loc["prediction", "coverage"]
    assert {each["series"] for each in found} >= set(last.index)


def test_the_answer_stands_beside_naive_forecasts_and_says_what_it_is_worth(predict: Predict, runs: Path) -> None:
    done = predict(str(run_of(runs, "sales", "walk_forward")))
    assert (done.returncode, done.stderr) == (0, "")
    title, net, last, seasonal, intervals, errors, verdict = done.stdout.splitlines()
    assert title == "units in 2020-07-20, from the data up to 2020-07-18"
    assert net.startswith("lstm on sales ")
    assert last.startswith("persistence (the last value) ")
    assert seasonal.startswith("seasonal naive (a season before) ")
    assert all("  90%: " in line for line in (net, last, seasonal))
    assert "held" in intervals
    run = run_of(runs, "sales", "walk_forward")
    scored = pd.read_csv(run / "baselines.csv").query("split == 'test'").set_index("forecast")
    assert len(scored) == 5
    for name, error in zip(RIVALS.values(), scored["rmse_original"], strict=False):
        assert f"{name} {error:.4g}" in errors
    best = scored["rmse"].idxmin()
    assert f"{RIVALS[best]}, the best of 5 forecasts without a net" in verdict
    assert ": over " in verdict
    assert f"p = {scored.loc[best, 'net_p']:.3f}" in verdict or scored.loc[best, "net_p"] < 0.001


def order_and_best(listed: str, verdict: str) -> tuple[list[tuple[str, float]], str]:
    """The forecasts in the list of errors, in its order, and the one that the verdict calls the best."""
    pairs = [each.rsplit(" ", 1) for each in listed.rstrip(".").split(": ")[1].split(", ")]
    best = verdict.split(", the best of ")[0].split("beat ")[-1].split("beats ")[-1]
    return [(name, float(error.replace(",", ""))) for name, error in pairs], best


def edited(run: Path, folder: Path, **rmse: tuple[float, float]) -> Path:
    """A copy of a run in which some forecasts have other errors, in scaled and in own units."""
    shutil.copytree(run, folder)
    table = pd.read_csv(folder / "baselines.csv").set_index("forecast")
    for name, (scaled, own) in rmse.items():
        table.loc[name, ["rmse", "rmse_original"]] = scaled, own
    table.reset_index().to_csv(folder / "baselines.csv", index=False)
    return folder


def test_the_list_of_errors_and_the_verdict_name_the_same_best(predict: Predict, runs: Path, tmp_path: Path) -> None:
    """Ridge is the best on each series' own scale; the pooled errors of the large shop alone speak for AR."""
    run = edited(run_of(runs, "shops", "walk_forward"), tmp_path / "run", ridge=(0.01, 900.0), ar=(0.02, 1.0))
    *_, listed, verdict = predict(str(run)).stdout.splitlines()
    assert listed.startswith("RMSE in the backtest, each series on its own scale: ridge regression 0.01, AR 0.02, ")
    errors, best = order_and_best(listed, verdict)
    assert [error for _, error in errors] == sorted(error for _, error in errors)
    assert next(name for name, _ in errors if name != "the net") == best == "ridge regression"
    net = pd.read_csv(run / "metrics.csv").query("split == 'test'").iloc[0]
    assert dict(errors)["the net"] == pytest.approx(net["rmse"], rel=1e-3)


def test_the_scale_of_log_changes_is_named() -> None:
    assert [scale_of(1, False), scale_of(1, True), scale_of(2, False), scale_of(2, True)] == [
        "", "log-changes", "each series on its own scale", "log-changes, each series on its own scale",
    ]  # fmt: skip


def test_log_changes_of_one_series_are_judged_as_they_are_listed(predict: Predict, tmp_path: Path) -> None:
    sales().to_csv(tmp_path / "sales.csv", index=False)
    log = ("features=csv", "series.file=sales.csv", "series.log=true", "window=5", "n_folds=3", "fold=2")
    done = train_here_in(tmp_path, *log, *TINY)
    assert done.returncode == 0, done.stderr
    (found,) = (path.parent for path in (tmp_path / "runs").rglob("finished"))
    run = edited(found, tmp_path / "edited", drift=(0.01, 900.0), ar=(0.02, 1.0))
    *_, listed, verdict = predict(str(run), folder=tmp_path).stdout.splitlines()
    assert listed.startswith("RMSE in the backtest, log-changes: drift 0.01, AR 0.02, ")
    assert order_and_best(listed, verdict)[1] == "drift"


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_one_series_has_the_same_order_in_its_own_unit(predict: Predict, runs: Path, protocol: str) -> None:
    run = run_of(runs, "sales", protocol)
    *_, listed, verdict = predict(str(run)).stdout.splitlines()
    assert listed.startswith("RMSE in the backtest: ")
    errors, best = order_and_best(listed, verdict)
    assert len(errors) == 6
    assert [error for _, error in errors] == sorted(error for _, error in errors)
    assert next(name for name, _ in errors if name != "the net") == best


@pytest.mark.filterwarnings("error")
def test_beside_a_forecast_without_an_error_nothing_is_relative(predict: Predict, runs: Path, tmp_path: Path) -> None:
    run = edited(run_of(runs, "sales", "paper"), tmp_path / "run", seasonal=(0.0, 0.0))
    *_, listed, verdict = predict(str(run)).stdout.splitlines()
    assert listed.startswith("RMSE in the backtest: seasonal naive 0, ")
    assert verdict.startswith("The net does not beat seasonal naive, the best of ")
    assert " its error is 0, so no ratio can be given." in verdict
    answer = json.loads(predict(str(run), "--json").stdout, parse_constant=pytest.fail)
    assert answer["backtest"]["rivals"]["seasonal"][2] is None
    assert answer["backtest"]["sentence"] == verdict


def test_the_p_beside_persistence_is_that_of_metrics(runs: Path) -> None:
    run = run_of(runs, "shops", "walk_forward")
    net = pd.read_csv(run / "metrics.csv").query("split == 'test'").iloc[0]
    scored = pd.read_csv(run / "baselines.csv").query("split == 'test'").set_index("forecast")
    assert scored.loc["persistence", "net_p"] == pytest.approx(net["dm_p"])
    assert scored.loc["seasonal", "net_p"] == pytest.approx(net["seasonal_p"])


def test_a_run_without_these_p_is_compared_by_those_it_has(runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "older"
    shutil.copytree(run_of(runs, "sales", "walk_forward"), run)
    now = backtest(run, str)
    pd.read_csv(run / "baselines.csv").drop(columns="net_p").to_csv(run / "baselines.csv", index=False)
    before = backtest(run, lambda day: f"{day:%Y}")
    assert before.rivals["seasonal"] == pytest.approx(now.rivals["seasonal"])
    assert (now.last[:4], before.last) == ("2020", "2020")
    assert before.rivals["ar"] == now.rivals["ar"]._replace(p=None)


def test_mistakes_are_one_line(predict: Predict, runs: Path, tmp_path: Path) -> None:
    run = str(run_of(runs, "sales", "paper"))
    assert_one_line_error(predict(run, "go"), "forecasts units; give no text")
    sales().rename(columns={"price": "cost"}).to_csv(tmp_path / "other.csv", index=False)
    assert_one_line_error(
        predict(run, "--file", str(tmp_path / "other.csv")), "was trained on the columns units, price"
    )
    sales(4).to_csv(tmp_path / "short.csv", index=False)
    assert_one_line_error(predict(run, "--file", str(tmp_path / "short.csv")), "window=5 needs more than the 4 values")


def test_a_file_whose_folder_is_not_recorded_has_to_be_named(predict: Predict, runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "moved"
    shutil.copytree(run_of(runs, "sales", "paper"), run)
    config = run / "config.yaml"
    recorded = config.read_text()
    assert recorded.count("file: sales.csv") == 1
    absolute = known_as(str(tmp_path / "sales.csv"), tmp_path / "data")
    config.write_text(recorded.replace("file: sales.csv", f"file: {absolute}"))
    refused = predict(str(run))
    assert_one_line_error(refused, "does not say in which folder sales.csv was; name it with --file=.")
    assert "elsewhere" not in refused.stderr
    assert predict(str(run), "--file", str(runs / "sales.csv")).returncode == 0
    sales().to_csv(tmp_path / "elsewhere_sales.csv", index=False)
    config.write_text(recorded.replace("file: sales.csv", "file: elsewhere_sales.csv"))
    assert predict(str(run), folder=tmp_path).returncode == 0


def test_a_run_knows_the_file_it_was_trained_on(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    run = run_of(runs, "sales", "paper")
    config = RunFolder.at(run).record.config
    config.data_dir = "data"
    assert changed_data(run, config) == []
    whole = (runs / "sales.csv").read_text()
    try:
        (runs / "sales.csv").write_text(whole + "2020-07-19,3,4\n")
        assert changed_data(run, config) == ["sales.csv"]
    finally:
        (runs / "sales.csv").write_text(whole)


def test_the_tables_have_nets_and_baselines_of_each_series(runs: Path) -> None:
    tables = market_tables(runs / "runs")
    assert len(tables) == 4
    for table in tables:
        rows = table.numbers.set_index("forecast")
        assert list(rows.index) == ["lstm baseline", "persistence", "seasonal", "drift", "ar", "ridge"]
        assert rows.loc["persistence", "relative_rmse"] == pytest.approx(1)
        assert np.isfinite(rows[["mase", "held", "width"]]).all(axis=None)


def test_a_file_is_described(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    said = _described("series", "series.file=sales.csv", "series.date=day", "series.target=units")
    assert "200 values, one for each day" in said
    assert "The last values of units are 2020-07-16" in said


def test_automatic_forecasts_stand_beside_the_net_wherever_others_do(predict: Predict, tmp_path: Path) -> None:
    pytest.importorskip("statsforecast", reason="it comes with the extra `series`")
    sales(120).to_csv(tmp_path / "sales.csv", index=False)
    auto = ("features=csv", "series.file=sales.csv", "series.auto=true", "window=5", "n_folds=3", "fold=2")
    done = train_here_in(tmp_path, *auto, *TINY)
    assert done.returncode == 0, done.stderr
    (run,) = (path.parent for path in (tmp_path / "runs").rglob("finished"))
    scored = pd.read_csv(run / "baselines.csv").query("split == 'test'").set_index("forecast")
    assert list(scored.index[-2:]) == ["ets", "arima"]
    assert scored.loc[["ets", "arima"], ["rmse_original", "mase", "net_p"]].notna().all(axis=None)
    assert set(pd.read_csv(run / "intervals.csv")["forecast"]) >= {"ets", "arima"}
    (table,) = market_tables(tmp_path / "runs")
    assert table.numbers["forecast"].tolist()[-2:] == ["ets", "arima"]
    beside, *_ = series_sections(tmp_path / "runs", market_results.scored(tmp_path / "runs"))
    assert "sales, ets: " in beside.figures[0].panels[0]
    assert "sales, arima: " in beside.figures[0].panels[0]
    errors = predict(str(run)).stdout.splitlines()[-2]
    for name, label in (("ets", "AutoETS"), ("arima", "AutoARIMA")):
        assert f"{label} {scored.loc[name, 'rmse_original']:.4g}" in errors


@pytest.mark.parametrize("table", [name for name in SCORES if name != "importance"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_table_is_one_line(predict: Predict, runs: Path, tmp_path: Path, table: str, damage: str) -> None:
    run = copied(run_of(runs, "sales", "walk_forward"), tmp_path)
    says = damaged(run / f"{table}.csv", damage)
    assert_one_line_error(predict(str(run)), f"{run}/{says}", "remove that run's folder and repeat its command.")
