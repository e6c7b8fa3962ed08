"""Tables 1-3 of the Bitcoin paper and walk-forward scores, from hand-written results."""

import re
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf
from study_runs import write_run

from analysis.study.results import read
from analysis.tables.all_tables import all_tables
from analysis.tables.market_tables import as_text, market_tables
from cells.errors import UserError

RUN = {
    "features": "btc", "sentiment": None, "window": 7, "horizon": 1, "protocol": "paper", "control": None,
    "source": "yahoo", "warning": None, "model": "lstm", "cell": "baseline", "settings": "a1", "seed": 0, "fold": 0,
    "seconds": 1.0, "parameters": 10, "relative_rmse": 1.5,
}  # fmt: skip
CONFIG = {
    "cell": {"current": None, "hidden": None}, "model": {"name": "lstm", "hidden": 64}, "epochs": 40, "n_folds": 10,
    "features": {"name": "btc", "series": ["btc"]}, "sentiment": None, "seed": 0, "fold": 0,
}  # fmt: skip
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]


def run(folder: Path, val_rmse: float, closes: dict[str, list[float]] | None = None, **changed: object) -> None:
    """Write a finished run as train.py leaves it, as far as the tables need it."""
    folder.mkdir(parents=True)
    parts = ("train", "val") if {**RUN, **changed}["protocol"] == "paper" else ("train", "val", "test")
    rmse = {"train": 0.02, "val": val_rmse, "test": 0.5}
    rows = [{**RUN, **changed, "split": split, "rmse": rmse[split], "mae": rmse[split] / 2} for split in parts]
    pd.DataFrame(rows).to_csv(folder / "metrics.csv", index=False)
    flat = dict.fromkeys(("truth", "prediction", "persistence", "drift", "ar", "ridge"), [100.0] * 4)
    table = pd.DataFrame({"day": DAYS, "split": parts[-1], **flat, **(closes or {})})
    table.to_csv(folder / "predictions.csv", index=False)
    naive = {"rmse": 0.0209, "mae": 0.0125, "rmse_dollars": 395.8, "mae_dollars": 235.9}
    forecasts = [name for name in table if name not in ("day", "split", "truth", "prediction")]
    compared = [{"split": split, "forecast": name, **naive} for split in parts for name in forecasts]
    pd.DataFrame(compared).to_csv(folder / "baselines.csv", index=False)
    pd.DataFrame({"feature": ["btc"], "permutation": 0.1}).to_csv(folder / "importance.csv", index=False)
    configured(folder)
    (folder / "finished").write_text("")


def configured(folder: Path, **changed: object) -> None:
    """Write the configuration of a run."""
    OmegaConf.save(OmegaConf.merge(CONFIG, changed), folder / "config.yaml")


def cells(text: str, features: str) -> list[str]:
    """The fields of a feature set in the first table beside the paper's numbers, or in a part of the text with one."""
    block = next(block for block in text.split("\n\n") if "paper / ours" in block)
    (line,) = [line for line in block.splitlines() if line.startswith(f"{features} ")]
    return re.findall(r"(?:[\d.]+|-) / (?:[\d.]+(?: ± [\d.]+)?|-)|\d+ days, .*", line.removeprefix(features))


def beside_the_paper(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if "paper / ours" in block]


def test_each_cell_is_the_papers_number_and_the_mean_over_our_seeds(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, seed=0)
    run(tmp_path / "b", 0.05, seed=1)
    run(tmp_path / "c", 0.06, features="btc_sent", sentiment="reddit", model="cnn_lstm")
    text = as_text(tmp_path)
    assert "Table 1: window 7" in text
    assert "seeds: 1 to 2" in text
    assert cells(text, "btc")[2] == "0.21 / 0.0400 ± 0.0141"  # validation RMSE of the LSTM
    assert cells(text, "btc")[4] == "0.07 / -"  # the CNN-LSTM was not run
    assert cells(text, "btc_sent")[6] == "0.16 / 0.0600"  # one seed has no deviation
    assert "RMSE 0.0209, MAE 0.0125 ($395.8, $235.9)" in text


def test_the_papers_numbers_stand_beside_the_next_days_close_only(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, horizon=3)
    text = as_text(tmp_path)
    assert "Not in the paper: window 7" in text
    assert "The Bitcoin paper's claims" not in text
    assert cells(text, "btc")[0] == "- / 0.0200"


def test_horizons_stand_beside_each_other(tmp_path: Path) -> None:
    for horizon in (1, 3):
        for seed, relative in enumerate((1.5, 1.7)):
            about = {"horizon": horizon, "relative_rmse": relative * horizon}
            run(tmp_path / f"{horizon} {seed}", 0.03, seed=seed, **about)
    (table,) = [table for table in market_tables(tmp_path) if table.name.startswith("bitcoin_horizons")]
    half = 12.7062 * 0.1  # Student's t with one degree of freedom; 0.1 is the standard error of 1.5 and 1.7
    assert table.shown.to_dict("records") == [
        {
            "features": "btc",
            "sentiment": "-",
            "model": "lstm",
            "1 day": f"1.600 [{1.6 - half:.4f}, {1.6 + half:.4f}]",
            "3 days": f"4.800 [{4.8 - 3 * half:.4f}, {4.8 + 3 * half:.4f}]",
        }
    ]


def test_volatilities_are_in_tables_of_their_own_and_in_percent(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    run(tmp_path / "b", 0.04, target="volatility")
    path = tmp_path / "b" / "baselines.csv"
    percent = {"rmse_dollars": "rmse_percent", "mae_dollars": "mae_percent"}
    pd.read_csv(path).rename(columns=percent).assign(rmse_percent=2.5, mae_percent=1.5).to_csv(path, index=False)
    of_close, of_volatility = beside_the_paper(as_text(tmp_path))
    assert of_close.startswith("Table 1: ")
    assert "($395.8, $235.9)" in of_close
    assert of_volatility.startswith("Not in the paper: window 7, cell baseline, horizon 1, target volatility")
    assert "(2.50 %, 1.50 %)" in of_volatility


def test_walk_forward_volatilities_stand_beside_har_and_garch(tmp_path: Path) -> None:
    closes = {"truth": [110.0, 121.0, 110.0, 121.0], "prediction": [105.0, 105.0, 105.0, 95.0]}
    walk = {"protocol": "walk_forward", "target": "volatility"}
    run(tmp_path / "a", 0.1, {**closes, "har": [110.0, 121.0, 110.0, 121.0], "garch": [105.0] * 4}, **walk)
    path = tmp_path / "a" / "predictions.csv"
    pd.read_csv(path).drop(columns=["drift", "ar"]).to_csv(path, index=False)
    baselines = pd.read_csv(tmp_path / "a" / "baselines.csv").query("forecast not in ['drift', 'ar']")
    baselines.to_csv(tmp_path / "a" / "baselines.csv", index=False)
    (table,) = [table for table in market_tables(tmp_path) if table.name == "bitcoin_walk_forward"]
    assert table.numbers["forecast"].tolist() == ["lstm baseline, seed 0", "har", "garch", "ridge"]
    assert table.numbers.set_index("forecast").loc["har", "relative_rmse"] == 0
    assert "of a coin" in table.notes[0]


def test_how_sure_an_error_is_and_its_difference_from_bitcoin_alone(tmp_path: Path) -> None:
    truth = [100.0] * 4
    sentiment = {"features": "btc_sent", "sentiment": "reddit"}
    for seed, (alone, better) in enumerate([(0.03, 0.02), (0.05, 0.03)]):
        off = {"truth": truth, "prediction": [110.0] * 4}
        run(tmp_path / f"a{seed}", alone, off, seed=seed)
        run(tmp_path / f"b{seed}", better, off, seed=seed, **sentiment)
    table = next(table for table in market_tables(tmp_path) if table.name.endswith("_intervals"))
    row = table.numbers.set_index(["features", "metric"]).loc[("btc_sent", "rmse")]
    assert row["mean"] == pytest.approx(0.025)  # the errors of the days, in the units of metrics.csv
    assert row["less_mean"] == pytest.approx(-0.015)
    assert row["less_sd"] == pytest.approx(0.01 / 2**0.5)
    assert row["less_high"] == pytest.approx(-0.015 + 12.7062 * 0.01 / 2)  # t with one degree of freedom
    assert pd.isna(row["days_low"])  # four days are too few
    assert "too few days" in table.notes[0]


def test_a_window_that_the_paper_does_not_have_is_shown_alone(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, window=14)
    text = as_text(tmp_path)
    assert "Not in the paper: window 14" in text
    assert cells(text, "btc")[0] == "- / 0.0200"


def test_cells_sentiments_and_controls_are_not_mixed(tmp_path: Path) -> None:
    sentiment = {"features": "btc_sent", "sentiment": "reddit"}
    run(tmp_path / "a", 0.03, **sentiment)
    run(tmp_path / "b", 0.05, **{**sentiment, "sentiment": "price_sign"}, warning="WARNING: it looks like the price.")
    run(tmp_path / "c", 0.07, **sentiment, cell="C1")
    run(tmp_path / "d", 0.09, **sentiment, control="leak")
    blocks = beside_the_paper(as_text(tmp_path))
    found = {block.splitlines()[0].split("; ")[0]: cells(block, "btc_sent")[2][-6:] for block in blocks}
    assert found == {
        "Table 1: window 7, cell baseline, horizon 1, source yahoo, sentiment reddit": "0.0300",
        "Table 1: window 7, cell baseline, horizon 1, source yahoo, sentiment price_sign": "0.0500",
        "Table 1: window 7, cell C1, horizon 1, source yahoo, sentiment reddit": "0.0700",
    }
    assert ["WARNING" in block for block in blocks] == ["price_sign" in block.splitlines()[0] for block in blocks]


def test_walk_forward_folds_are_scored_together(tmp_path: Path) -> None:
    up = {"truth": [110.0, 121.0, 110.0, 121.0], "prediction": [105.0, 105.0, 105.0, 95.0]}
    down = {"truth": [90.0, 90.0, 90.0, 110.0], "prediction": [95.0, 105.0, 90.0, 105.0], "ridge": [90.0, 90, 90, 110]}
    walk = {"protocol": "walk_forward"}
    run(tmp_path / "a", 0.1, up, **walk, fold=0)
    run(tmp_path / "b", 0.1, down, **walk, fold=1)
    later = pd.read_csv(tmp_path / "b" / "predictions.csv").assign(
        day=["2021-01-01", "2021-01-02", "2021-01-03", "2021-01-04"]
    )
    later.to_csv(tmp_path / "b" / "predictions.csv", index=False)
    text = as_text(tmp_path)
    _, header, *rows = text.splitlines()
    assert "relative_rmse" in header
    (net,) = [row for row in rows if "lstm baseline, seed 0" in row]
    assert net.split()[-2] == "75.0%"  # 6 of 8 directions
    assert " 8 " in net
    (ridge,) = [row for row in rows if " ridge " in row]
    assert ridge.split()[-2] == "100.0%"


def test_runs_that_differ_in_settings_no_table_shows_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, settings="a1")
    run(tmp_path / "b", 0.05, settings="b2", seed=1)
    configured(tmp_path / "a", seed=0)
    configured(tmp_path / "b", seed=1, epochs=5, model={"hidden": 8})
    says = r"window 7, features btc, model lstm that differ in epochs \(40, 5\), model.hidden \(64, 8\), which"
    with pytest.raises(UserError, match=says):
        as_text(tmp_path)


@pytest.mark.parametrize("table", ["baselines", "predictions"])
def test_a_run_without_one_of_its_tables_is_refused(tmp_path: Path, table: str) -> None:
    run(tmp_path / "a", 0.03)
    (tmp_path / "a" / f"{table}.csv").unlink()
    with pytest.raises(UserError, match=rf"a is finished, but its {table}\.csv is missing or empty: remove that run's"):
        as_text(tmp_path)


def test_controls_alone_make_no_table(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, features="btc_sent", sentiment="reddit", control="leak")
    with pytest.raises(UserError, match="only runs with control="):
        as_text(tmp_path)


def test_a_copied_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    run(tmp_path / "b", 0.03)
    with pytest.raises(UserError, match=r"holds a run of window 7, features btc, model lstm twice, in .*a and .*b"):
        as_text(tmp_path)


def test_folds_of_different_n_folds_are_not_pooled(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, protocol="walk_forward", settings="a1", fold=0)
    run(tmp_path / "b", 0.03, protocol="walk_forward", settings="b2", fold=1)
    configured(tmp_path / "a")
    configured(tmp_path / "b", n_folds=3, fold=1)
    with pytest.raises(UserError, match=r"differ in n_folds \(10, 3\)"):
        as_text(tmp_path)


def test_nets_whose_baselines_differ_are_refused(tmp_path: Path) -> None:
    closes = {"truth": [110.0, 121.0, 110.0, 121.0], "prediction": [105.0, 105.0, 105.0, 95.0]}
    run(tmp_path / "a", 0.03, closes, protocol="walk_forward")
    other = {"protocol": "walk_forward", "model": "cnn_lstm", "settings": "b2"}
    run(tmp_path / "b", 0.03, {**closes, "ridge": [100.0, 101.0, 100.0, 100.0]}, **other)
    with pytest.raises(UserError, match="horizon 1, target close, source yahoo have different baselines"):
        as_text(tmp_path)


def test_rows_validated_on_different_days_say_so_and_have_their_own_persistence(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    csv = {"features": "btc_sent", "sentiment": "jar_vader"}
    run(tmp_path / "b", 0.05, **csv)
    run(tmp_path / "c", 0.05, **{**csv, "sentiment": "reddit"})
    predictions, baselines = (tmp_path / "b" / f"{name}.csv" for name in ("predictions", "baselines"))
    pd.read_csv(predictions).iloc[1:3].to_csv(predictions, index=False)
    pd.read_csv(baselines).assign(rmse=0.03).to_csv(baselines, index=False)
    of_jar, of_reddit = beside_the_paper(as_text(tmp_path))
    assert "btc_sent" in of_jar
    lines = [line for line in of_jar.splitlines() if line.startswith("persistence")]
    assert [line.split(" on ")[1].split(",")[0] for line in lines] == ["4 days", "2 days"]
    assert [line.split("RMSE ")[1][:6] for line in lines] == ["0.0209", "0.0300"]
    assert [line.split(": ")[-1] for line in lines] == ["btc", "btc_sent"]
    assert cells(of_jar, "btc")[-1] == "4 days, 2020-01-01 to 2020-01-04"
    assert cells(of_jar, "btc_sent")[-1] == "2 days, 2020-01-02 to 2020-01-03"
    (line,) = [line for line in of_reddit.splitlines() if line.startswith("persistence")]
    assert "on 4 days, 2020-01-01 to 2020-01-04: RMSE 0.0209" in line
    assert "validated on" not in of_reddit


def test_runs_on_texts_and_on_the_market_are_read_apart_from_one_folder(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    alone = as_text(tmp_path)
    with pytest.raises(UserError, match="no finished run with data="):
        read(tmp_path)
    write_run(tmp_path / "b", [0.5] * 5)
    assert read(tmp_path)["data"].tolist() == ["hate", "hate"]  # its validation and its test row
    assert as_text(tmp_path) == alone


def test_texts_alone_have_no_market_tables(tmp_path: Path) -> None:
    write_run(tmp_path / "b", [0.5] * 5)
    with pytest.raises(UserError, match="no finished run with features="):
        as_text(tmp_path)


def test_the_market_is_among_all_tables_with_its_numbers(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    up = {"truth": [110.0, 121.0, 110.0, 121.0], "prediction": [105.0, 105.0, 105.0, 95.0]}
    run(tmp_path / "b", 0.04, up, protocol="walk_forward")
    found = {table.name: table for table in all_tables(tmp_path)}
    beside = "bitcoin_table_1_baseline_1_yahoo"
    judged = "bitcoin_verdicts_baseline_1_yahoo"
    assert list(found) == ["missing", judged, beside, f"{beside}_intervals", "bitcoin_walk_forward"]
    numbers = found["bitcoin_table_1_baseline_1_yahoo"].numbers.set_index(["features", "model"])
    assert numbers.loc[("btc", "lstm"), ["val_rmse_paper", "val_rmse", "seeds"]].tolist() == [0.21, 0.03, 1]
    assert numbers["val_rmse_paper"].notna().all()
    assert numbers["val_rmse"].count() == 1
    assert found["bitcoin_walk_forward"].numbers["days"].tolist() == [4, 4, 4, 4]
