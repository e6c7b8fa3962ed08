"""Tables 1-3 and walk-forward scores, from hand-written results."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.market import report
from analysis.results import ResultsError, read
from analysis.summary import summary

RUN = {
    "features": "btc", "sentiment": None, "window": 7, "horizon": 1, "protocol": "paper", "control": None,
    "source": "yahoo", "warning": None, "model": "lstm", "cell": "baseline", "settings": "a1", "seed": 0, "fold": 0,
    "seconds": 1.0, "parameters": 10,
}  # fmt: skip
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]


def run(folder: Path, val_rmse: float, closes: dict[str, list[float]] | None = None, **changed: object) -> None:
    """A finished run as train.py leaves it, as far as the tables need it."""
    folder.mkdir(parents=True)
    parts = ("train", "val") if {**RUN, **changed}["protocol"] == "paper" else ("train", "val", "test")
    rmse = {"train": 0.02, "val": val_rmse, "test": 0.5}
    rows = [{**RUN, **changed, "split": split, "rmse": rmse[split], "mae": rmse[split] / 2} for split in parts]
    pd.DataFrame(rows).to_csv(folder / "metrics.csv", index=False)
    naive = {"forecast": "persistence", "rmse": 0.0209, "mae": 0.0125, "rmse_dollars": 395.8, "mae_dollars": 235.9}
    pd.DataFrame([{"split": split, **naive} for split in parts]).to_csv(folder / "baselines.csv", index=False)
    flat = dict.fromkeys(("truth", "prediction", "persistence", "drift", "ar", "ridge"), [100.0] * 4)
    table = pd.DataFrame({"day": DAYS, "split": parts[-1], **flat, **(closes or {})})
    table.to_csv(folder / "predictions.csv", index=False)
    (folder / "finished").write_text("")


def cells(text: str, features: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{features} ")]
    return line.removeprefix(features).split()


def test_each_cell_is_the_papers_number_and_the_mean_over_our_seeds(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, seed=0)
    run(tmp_path / "b", 0.05, seed=1)
    run(tmp_path / "c", 0.06, features="btc_sent", sentiment="reddit", model="cnn_lstm")
    text = report(tmp_path)
    assert "Table 1: window 7" in text
    assert "seeds: 1 to 2" in text
    assert cells(text, "btc")[6:9] == ["0.21", "/", "0.0400"]  # validation RMSE of the LSTM
    assert cells(text, "btc")[12:15] == ["0.07", "/", "-"]  # the CNN-LSTM was not run
    assert cells(text, "btc_sent")[18:21] == ["0.16", "/", "0.0600"]
    assert "RMSE 0.0209, MAE 0.0125 ($395.8, $235.9)" in text


def test_what_the_paper_has_not_is_shown_alone(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, window=14)
    text = report(tmp_path)
    assert "Not in the paper: window 14" in text
    assert cells(text, "btc")[:3] == ["-", "/", "0.0200"]


def test_other_cells_sentiments_and_controls_are_not_mixed(tmp_path: Path) -> None:
    sentiment = {"features": "btc_sent", "sentiment": "reddit"}
    run(tmp_path / "a", 0.03, **sentiment)
    run(tmp_path / "b", 0.05, **{**sentiment, "sentiment": "price_sign"}, warning="WARNING: it looks like the price.")
    run(tmp_path / "c", 0.07, **sentiment, cell="C1")
    run(tmp_path / "d", 0.09, **sentiment, control="leak")
    blocks = report(tmp_path).split("\n\n")
    found = {block.splitlines()[0].split("; ")[0]: cells(block, "btc_sent")[8] for block in blocks}
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
    text = report(tmp_path)
    header, *rows = text.splitlines()
    assert "relative_rmse" in header
    (net,) = [row for row in rows if "lstm baseline, seed 0" in row]
    assert net.split()[-2] == "75.0%"  # 6 of 8 directions
    assert " 8 " in net
    (ridge,) = [row for row in rows if " ridge " in row]
    assert ridge.split()[-2] == "100.0%"


def test_runs_that_would_be_mixed_unseen_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03, settings="a1")
    run(tmp_path / "b", 0.05, settings="b2")  # other epochs, say
    with pytest.raises(ResultsError, match="window 7, features btc, model lstm that differ"):
        report(tmp_path)


def test_runs_on_texts_and_on_the_market_lie_side_by_side(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.03)
    with pytest.raises(ResultsError, match="no finished run with data="):
        summary(read(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultsError, match="no finished run with features="):
        report(tmp_path / "empty")
