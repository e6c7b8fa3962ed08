"""The results at the top of experiment files are those of the committed runs."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT
from report_runs import write_market_run
from study_runs import write_study

from analysis.findings import experiments
from analysis.study.archive import is_archive
from conf.compose import composed
from training.run.folder.record import Record

HEAD = "# @package _global_\n# A study.\n#\n#     python train.py experiment=small\n#\n# Cost: 8 fits.\n"
KEYS = "defaults: [parts/folds]\n"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one experiment, whose runs are all that have the settings of `planned`."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "small.yaml").write_text(f"{HEAD}# Result (of old runs): 5%,\n# and more.\n{KEYS}")
    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path / "conf")
    return tmp_path


def planned(monkeypatch: pytest.MonkeyPatch, rows: pd.DataFrame, more: int, **others: str) -> None:
    """Let the experiment consist of the runs of these rows and of some that are not finished, which may differ."""
    wanted = rows[["settings", "cell", "seed", "fold"]].assign(asked="", on="hate")
    missing = wanted.iloc[[0] * more].assign(seed=99, **others)
    monkeypatch.setattr(experiments, "runs_of", lambda experiment, names: pd.concat([wanted, missing]))


def test_a_study_on_texts(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.study import text_results

    write_study(small / "runs", ["hate"], ["baseline", "C1", "C2"], 4, 2, {"C1": 0.2})
    planned(monkeypatch, text_results.read(small / "runs"), more=1)
    ((name, text),) = experiments.files_of(small / "runs")
    assert name == "small.yaml"
    assert text.startswith(
        f"{HEAD}# Result (24 of 25 fits in results, 0.1 hours, 10.3 s each): HATE: baseline's macro-F1"
    )
    assert "1 of 2 other cells significantly better and 0 worse." in " ".join(text.split("\n# "))
    assert text.endswith(f"worse.\n{KEYS}")
    assert "of old runs" not in text


@pytest.mark.parametrize(
    ("more", "others", "told"),
    [
        (1000, {}, "24 of 1024 fits in results, 0.1 hours, 10.3 s each, the others about 2.9 hours)"),
        (1000, {"on": "ag"}, "24 of 1024 fits in results, 0.1 hours, 10.3 s each)"),
        (9, {"asked": "paper"}, "24 of 24 fits in results, 0.1 hours, 10.3 s each; paper 0 of 9 fits)"),
    ],
)
def test_what_the_missing_runs_will_take_is_told_if_one_of_their_data_set_is_finished(
    small: Path, monkeypatch: pytest.MonkeyPatch, more: int, others: dict[str, str], told: str
) -> None:
    from analysis.study import text_results

    write_study(small / "runs", ["hate"], ["baseline", "C1", "C2"], 4, 2, {})
    planned(monkeypatch, text_results.read(small / "runs"), more, **others)
    ((_, text),) = experiments.files_of(small / "runs")
    assert f"# Result ({told}: HATE" in " ".join(text.split("\n# ")).replace(KEYS, "").replace(" Result", "# Result", 1)


def test_a_cell_that_failed_in_a_run_is_named_and_not_compared(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.study import text_results

    write_study(small / "runs", ["hate"], ["baseline", "C1", "C2"], 4, 2, {"C1": 0.2})
    one = next((small / "runs").rglob("C1/*/finished"))
    one.rename(one.with_name("failed"))
    planned(monkeypatch, text_results.read(small / "runs"), more=1)
    ((_, text),) = experiments.files_of(small / "runs")
    told = " ".join(text.split("\n# "))
    assert "0 of 1 other cells significantly better and 0 worse (C1 failed in some runs and left out)." in told


def test_a_study_on_the_market(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.study import market_results

    for seed, features in enumerate(("btc", "btc_usd")):
        write_market_run(small / "runs" / features, 0.03 + 0.01 * seed, features=features)
    planned(monkeypatch, market_results.scored(small / "runs"), more=0)
    told = experiments.write(small / "runs", small / "conf")
    assert 'mean RMSE 1.50 to 2.00 times that of "tomorrow = today"; 0 of 2 are better.' in " ".join(told.split("\n# "))
    assert (small / "conf" / "small.yaml").read_text().startswith(f"{HEAD}# Result (")
    assert dict(experiments.files_of(small / "runs"))["small.yaml"] == (small / "conf" / "small.yaml").read_text()


def test_an_experiment_that_was_not_run_keeps_its_file(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(small / "runs", ["hate"], ["baseline", "C1"], 1, 1, {})
    nothing = pd.DataFrame({"settings": ["x"], "cell": ["C1"], "seed": [0], "fold": [0], "asked": "", "on": "hate"})
    monkeypatch.setattr(experiments, "runs_of", lambda experiment, names: nothing)
    assert list(experiments.files_of(small / "runs")) == []


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "fits", "cell"), [("gates", 180, "CIFG"), ("pairs", 1240, "C1+H2")])
def test_the_runs_of_an_experiment_are_those_that_train_py_makes(experiment: str, fits: int, cell: str) -> None:
    rows = experiments.runs_of(experiment, {"robo"})
    known = rows[rows["settings"] != ""]
    assert (len(rows), len(known)) == (fits, fits // 2)
    record = Record.of(composed(f"experiment={experiment}", "data=robo", f"cell={cell}", "seed=3", "fold=1"))
    run = {"settings": record.settings, "cell": record.cell, "seed": 3, "fold": 1, "asked": "", "on": "robo"}
    assert (known == pd.Series(run)).all(axis=1).sum() == 1


@pytest.mark.slow
def test_the_files_have_the_results_of_the_committed_runs() -> None:
    """`python -m analysis experiments results -o conf/experiment` changes nothing."""
    if not is_archive(PROJECT / "results"):
        pytest.skip("the folder results, which python -m analysis archive writes, is not in this checkout")
    for name, text in experiments.files_of(PROJECT / "results"):
        assert (experiments.EXPERIMENTS / name).read_text(encoding="utf-8") == text, f"conf/experiment/{name}"
