"""The table of runs that failed or were not run: on texts over all data sets, and on the market."""

import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from report_runs import write_market_run
from study_runs import write_run, write_study

from analysis.tables.all_tables import all_tables
from analysis.tables.market_tables import as_text
from analysis.tables.table import Table
from cells.errors import UserError

CELLS = ("baseline", "C1", "C2")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """3 cells on HATE and ROBO, 2 seeds x 2 folds."""
    folder = tmp_path / "runs"
    write_study(folder, ["hate", "robo"], CELLS, 2, 2, {})
    return folder


def listed(runs: Path) -> Table:
    return next(table for table in all_tables(runs) if table.name == "missing")


def failed(folder: Path, error: str) -> None:
    (folder / "finished").unlink(missing_ok=True)
    (folder / "failed").write_text(f"{error}\nTraceback\n")


# Texts


@pytest.mark.parametrize(
    ("gone", "rows"),
    [
        ("hate/bilstm/C2", [["hate", "C2", seed, fold] for seed in (0, 1) for fold in (0, 1)]),
        ("hate/bilstm/baseline", [["hate", "baseline", seed, fold] for seed in (0, 1) for fold in (0, 1)]),
        ("hate/bilstm/*/seed1_*", [["hate", cell, 1, fold] for cell in CELLS for fold in (0, 1)]),
        (
            "*/bilstm/baseline/*",
            [[data, "baseline", s, f] for data in ("hate", "robo") for s in (0, 1) for f in (0, 1)],
        ),
    ],
)
def test_runs_that_another_data_set_has_are_missing(runs: Path, gone: str, rows: list[list[object]]) -> None:
    for path in list(runs.glob(gone)):
        shutil.rmtree(path)
    found = listed(runs)
    assert sorted(found.numbers[["data", "cell", "seed", "fold"]].to_numpy().tolist(), key=str) == sorted(rows, key=str)
    assert set(found.numbers["error"]) == {"not run"}


def test_rows_that_differ_in_seed_and_fold_are_shown_as_one(runs: Path) -> None:
    shutil.rmtree(runs / "hate" / "bilstm" / "C2")
    assert listed(runs).shown.to_numpy().tolist() == [["hate", "bilstm", "-", "C2", "0, 1", "0, 1", "not run"]]


def test_runs_that_diverged_in_other_epochs_are_shown_as_one(runs: Path) -> None:
    for number, folder in enumerate(sorted((runs / "hate" / "bilstm" / "C2").iterdir())):
        failed(folder, f"the loss is nan in epoch {number}; try a smaller lr.")
    table = listed(runs)
    (row,) = table.shown.to_numpy().tolist()
    assert row[-3:] == ["0, 1", "0, 1", "the loss is nan in epochs 0 to 3; try a smaller lr."]
    assert table.numbers["error"].nunique() == 4


def test_cells_of_table_1_that_were_run_nowhere_are_named(runs: Path) -> None:
    note = listed(runs).notes[-1]
    assert note.startswith("Of Table 1, bilstm was not run with C3, C4, ")
    assert note.endswith("H5.")
    write_study(runs, ["hate"], ["baseline"], 1, 1, {}, model="tfidf")
    assert not any("tfidf" in note for note in listed(runs).notes)


def test_failed_runs_that_differ_in_lr_are_two(runs: Path) -> None:
    for lr in (1, 10):
        run = write_run(runs / f"lr{lr}", [0.5] * 5, "baseline", finished=False)
        (run / "config.yaml").write_text((run / "config.yaml").read_text() + f"lr: {lr}\n")
        failed(run, "boom")
    rows = listed(runs).numbers.query("error == 'boom'")
    assert rows["settings"].tolist() == ["lr=1", "lr=10"]


def test_failed_runs_alone_are_listed(tmp_path: Path) -> None:
    failed(write_run(tmp_path / "a", [0.5] * 5, "C4"), "the loss is nan")
    (only,) = all_tables(tmp_path)
    assert only.numbers["error"].tolist() == ["the loss is nan"]


# The market


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """2 feature sets x 2 windows x 2 seeds."""
    folder = tmp_path / "market"
    for features, sentiment in (("btc", None), ("btc_sent", "reddit")):
        for window in (7, 30):
            for seed in (0, 1):
                about = {"features": features, "sentiment": sentiment, "window": window, "seed": seed}
                write_market_run(folder / f"{features}_{window}_{seed}", 0.03, settings=f"{features}{window}", **about)
    return folder


def test_nothing_is_missing_from_a_complete_market(market: Path) -> None:
    assert listed(market).title == "Missing runs: none"


def test_a_run_on_the_market_that_is_gone_is_named(market: Path) -> None:
    shutil.rmtree(market / "btc_sent_30_0")
    (row,) = listed(market).numbers.to_dict("records")
    assert row == {
        "data": "btc_sent", "model": "lstm", "cell": "baseline", "seed": 0, "fold": 0, "error": "not run",
        "settings": "window 30, sentiment reddit, protocol paper, horizon 1, source yahoo",
    }  # fmt: skip


def configure(folder: Path, **about: object) -> None:
    config = OmegaConf.load(folder / "config.yaml")
    same = {"window": 7, "horizon": 1, "protocol": "paper", "source": "yahoo", "control": None, "lr": 0.001}
    OmegaConf.save(OmegaConf.merge(config, same, about), folder / "config.yaml")


def test_each_failed_run_on_the_market_says_which_it_is(market: Path) -> None:
    shutil.rmtree(market / "btc_7_0")
    for place, (window, lr) in enumerate([(7, 1), (30, 1), (90, 1), (90, 10)]):
        write_market_run(market / f"failed{place}", 0.03, seed=5)
        configure(market / f"failed{place}", window=window, lr=lr)
        failed(market / f"failed{place}", "boom")
    rows = listed(market).numbers
    booms = rows.loc[rows["error"] == "boom", "settings"].tolist()
    assert [words.split(",")[0] for words in booms] == ["window 7", "window 30", "window 90", "window 90"]
    assert [words.split("lr=")[1] for words in booms] == ["1", "1", "1", "10"]
    assert ((rows["error"] == "not run") & (rows["seed"] == 0) & (rows["data"] == "btc")).any()


def test_texts_have_their_tables_although_the_market_cannot_have_its_own(runs: Path, market: Path) -> None:
    write_market_run(market / "mixed", 0.03, seed=7, settings="other")
    configure(market / "mixed", lr=0.1)
    with pytest.raises(UserError, match="differ in"):
        as_text(market)
    with pytest.raises(UserError, match="differ in"):
        list(all_tables(market))
    shutil.copytree(market, runs / "market")
    found = {table.name: table for table in all_tables(runs)}
    assert "table08_hate_bilstm" in found
    assert "differ in" in found["bitcoin_not_made"].shown.iloc[0, 0]
    assert not [name for name in found if name.startswith("bitcoin_table")]


def test_controls_alone_make_no_market_tables_and_miss_nothing(runs: Path) -> None:
    write_market_run(runs / "leak", 0.01, control="leak")
    found = {table.name: table for table in all_tables(runs)}
    assert "only runs with control=" in found["bitcoin_not_made"].shown.iloc[0, 0]
    assert found["missing"].title == "Missing runs: none"
