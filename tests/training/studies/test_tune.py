"""Searches of settings with `tune=`: their keys, their folds, their trials, and that they go on where they stopped."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.errors import UserError
from conf.compose import composed
from conf.kinds import validation_part
from training.run.folder.record import SEARCHED, Record
from training.run.folder.run_folder import RunFolder
from training.studies.search import Search
from training.studies.search_space import AT_RANDOM, RANGES, fixed_settings, suggest
from training.studies.trial_table import OF_SEARCH, Trial, TrialTable
from training.studies.tune_key import Tune, read_tune, spelled_out, tuning_folds

FIXED = {"lr": 0.001, "batch_size": 64, "model.embedding": 96, "model.hidden": 64, "model.dropout": 0.2}


def values(*overrides: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for override in overrides:
        found.setdefault(override.partition("=")[0], []).append(override)
    return found


def test_its_keys() -> None:
    assert read_tune(values("lr=0.01")) is None
    assert read_tune(values("tune=30")) == read_tune(values("tune.trials=30")) == Tune(30, 1, 1)
    assert read_tune(values("tune.trials=30", "tune.seeds=2", "tune.folds=3")) == Tune(30, 2, 3)
    assert spelled_out(["tune=30", "tune.folds=2", "+tune=x"]) == ["tune.trials=30", "tune.folds=2", "+tune=x"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["tune=0"], "tune=0: give one whole number"),
        (["tune=x"], "tune=x: give one whole number"),
        (["tune.folds=2"], "tune.folds=2: say how many trials"),
        (["tune=3", "lr=0.1", "lr=0.2"], "lr=0.1, lr=0.2: give one value"),
        (["tune=3", "features=btc"], "tune= is for texts"),
        (["tune=3", "run_dir=x"], "give runs_dir= instead"),
    ],
)
def test_its_mistakes_are_one_sentence(overrides: list[str], says: str) -> None:
    with pytest.raises(UserError) as told:
        read_tune(values(*overrides))
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@given(st.integers(3, 12), st.data())
def test_no_validation_part_of_a_trial_is_tested(n_folds: int, data: st.DataObject) -> None:
    reported = data.draw(st.sets(st.integers(0, n_folds - 1), min_size=1))
    count = data.draw(st.integers(1, n_folds))
    free = [k for k in range(n_folds) if not {k, validation_part(k, n_folds)} & reported]
    if len(free) < count:
        with pytest.raises(UserError, match=f"tune.folds={count}: "):
            tuning_folds(reported, n_folds, count)
        return
    chosen = tuning_folds(reported, n_folds, count)
    assert len(set(chosen)) == count
    assert not {*chosen} & reported
    assert not {validation_part(fold, n_folds) for fold in chosen} & reported


def test_trials_are_a_function_of_those_before() -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    told = [(suggest(FIXED, number, []), number / 100) for number in range(AT_RANDOM + 1)]
    assert told[0][0] == FIXED
    assert suggest(FIXED, 4, told) == suggest(FIXED, 4, told[:2]) == suggest(FIXED, 4, [])
    number = AT_RANDOM + 1
    assert suggest(FIXED, number, told) == suggest(FIXED, number, told)
    assert suggest(FIXED, number, told) != suggest(FIXED, number, [(each, -score) for each, score in told])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 30),
    st.fixed_dictionaries(
        {
            "lr": st.floats(1e-5, 1),
            "batch_size": st.integers(1, 512),
            "model.hidden": st.integers(1, 512),
            "model.dropout": st.floats(0, 0.9),
        }
    ),
)
def test_trials_lie_around_the_given_settings(number: int, fixed: dict[str, float]) -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    drawn = suggest(fixed, number, [])
    assert fixed["lr"] / 10 <= drawn["lr"] <= fixed["lr"] * 10
    for key, factor in (("batch_size", 4), ("model.hidden", 2)):
        assert isinstance(drawn[key], int)
        assert 1 <= drawn[key] <= fixed[key] * factor
        assert fixed[key] % 16 or drawn[key] % 16 == 0
    assert 0 <= drawn["model.dropout"] <= max(0.6, fixed["model.dropout"])


def test_every_searched_key_has_a_range_and_a_model_without_any_is_refused() -> None:
    assert list(RANGES) == list(SEARCHED)
    assert fixed_settings(composed()) == FIXED
    assert "model.heads" not in fixed_settings(composed("model=transformer"))
    with pytest.raises(UserError, match="model=tfidf has no settings"):
        fixed_settings(composed("model=tfidf"))


def test_tuned_runs_share_their_settings_whatever_was_found() -> None:
    one, other = (
        Record.of(composed("tuned=x", f"lr={lr}", f"model.hidden={hidden}")) for lr, hidden in ((1, 2), (3, 4))
    )
    assert one.settings == other.settings
    assert one.fingerprint != other.fingerprint
    assert one.settings != Record.of(composed("tuned=y")).settings != Record.of(composed()).settings
    assert Record.of(composed("lr=1")).settings != Record.of(composed("lr=3")).settings


@pytest.mark.slow
def test_a_search_goes_on_where_it_stopped(train_here: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    command = ["cell=baseline,C1", "data=robo", "epochs=1", "model.hidden=16", "model.embedding=16", "threads=1"]
    done = train_here("tune=12", *command)
    assert done.returncode == 0, done.stderr
    assert "4 runs" in done.stdout
    assert "of 12 trials the best is number" in done.stdout
    tables = sorted((tmp_path / "runs" / "tuning").glob("*.csv"))
    assert [path.stem.rpartition("_")[0] for path in tables] == ["robo_bilstm_C1", "robo_bilstm_baseline"]
    before = [path.read_bytes() for path in tables]
    of_cells = [pd.read_csv(path) for path in tables]
    assert all(len(rows) == 12 for rows in of_cells)
    searched = list(RANGES)
    same = AT_RANDOM + 1
    pd.testing.assert_frame_equal(of_cells[0][searched][:same], of_cells[1][searched][:same])

    again = train_here("tune=12", *command)
    assert "All 4 runs are finished" in again.stdout
    assert "Trial" not in again.stdout

    lines = before[0].splitlines(keepends=True)
    tables[0].write_bytes(b"".join(lines[:6]))  # as where it was interrupted after five trials
    tables[1].unlink()
    assert train_here("tune=12", *command).returncode == 0
    assert [path.read_bytes() for path in tables] == before

    more = train_here("tune=13", *command)
    assert "Trial 12 of 13" in more.stdout
    assert "Trials 0" not in more.stdout
    assert [path.read_bytes().splitlines()[:13] for path in tables] == [each.splitlines() for each in before]


@pytest.mark.slow
def test_given_parts_are_searched_on_their_validation_part_until_a_file_is_replaced(
    train_here: Command, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    for name, count in (("a", 30), ("val", 9), ("test", 9)):
        (tmp_path / f"{name}.csv").write_text(
            "t,l\n" + "".join(f"word{k % 3} and word{k},{k % 3}\n" for k in range(count))
        )
    files = [
        "data=csv",
        "data.file=a.csv",
        "data.val_file=val.csv",
        "data.test_file=test.csv",
        "data.text=t",
        "data.label=l",
    ]
    command = [*files, "cell=C1", "epochs=1", "model.hidden=4", "model.embedding=4", "threads=1"]
    refused = train_here("tune=2", "tune.folds=2", *command)
    assert refused.stderr.startswith("Error: tune.folds=2: all three parts are given, so there is one fold")
    done = train_here("tune=2", *command)
    assert done.returncode == 0, done.stderr
    (table,) = (tmp_path / "runs" / "tuning").glob("*.csv")
    assert set(pd.read_csv(table)["search"].str.partition(" (")[0]) == {"fold 0"}
    assert {path.parent.name[:11] for path in (tmp_path / "runs" / ".trials").rglob("finished")} == {"seed0_fold0"}

    with (tmp_path / "a.csv").open("a") as file:
        file.write("another word0,0\n")
    again = train_here("tune=2", *command)
    warned = f"WARNING: {table.relative_to(tmp_path)} has trials that were trained on another a.csv"
    assert (again.returncode, warned in again.stdout + again.stderr) == (0, True)
    more = train_here("tune=3", *command)
    assert (more.returncode, "put the old file back, or remove that table and" in more.stderr) == (1, True)

    table.unlink()
    untrusted = train_here("tune=2", *command)
    assert (untrusted.returncode, "was trained on another a.csv than there is now" in untrusted.stderr) == (1, True)


def test_a_table_of_an_older_version_can_be_read(tmp_path: Path) -> None:
    table = TrialTable(tmp_path / "table.csv", ["hate", "bilstm", "C1", "1", "fold 8"], FIXED)
    table.write([Trial(FIXED, 0.5, "abc")])
    assert table.read() == [Trial(FIXED, 0.5, "abc")]
    table.path.write_text(table.path.read_text().replace(",data_hash", "").replace(",abc", ""))
    assert table.read() == [Trial(FIXED, 0.5)]


def test_a_trial_whose_run_fails_scores_nothing(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    shared = {"split": "split=fixed", "runs_dir": f"runs_dir={tmp_path}"}
    search = Search(shared, [0], Tune(3, folds=2), lambda overrides: composed(*overrides))
    scores = [[0.2, 0.4], [0.5, None], [0.3, 0.5]]
    for number, of_trial in enumerate(scores):
        for run, score in zip(search.runs(number), of_trial, strict=True):
            folder = RunFolder.of(composed(*run.values())).path
            folder.mkdir(parents=True)
            (folder / "config.yaml").write_text(Record.of(composed(*run.values())).yaml)
            (folder / "metrics.csv").write_text(f"split,macro_f1\nval,{score}\ntest,0.9\n")
            (folder / ("failed" if score is None else "finished")).touch()
    search.tell(range(3))
    assert [trial.score for trial in search.trials] == pytest.approx([0.3, 0, 0.4])
    assert search.best == 2
    again = Search(shared, [0], Tune(3, folds=2), lambda overrides: composed(*overrides))
    assert again.trials == search.trials
    assert not again.following


def test_a_trial_that_is_not_over_is_no_trial(tmp_path: Path) -> None:
    shared = {"split": "split=fixed", "runs_dir": f"runs_dir={tmp_path}"}
    search = Search(shared, [0], Tune(1), lambda overrides: composed(*overrides))
    with pytest.raises(UserError, match="has no result yet"):
        search.tell([0])


@pytest.mark.parametrize(
    "text",
    [
        "trial\n1\n",
        "no table",
        f"{','.join(OF_SEARCH)},trial,{','.join(FIXED)},macro_f1\nhate,bilstm,C1,1,fold 8,0,0.1,many,8,8,0.1,0.3\n",
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str) -> None:
    table = TrialTable(tmp_path / "table.csv", [], FIXED)
    assert table.read() == []
    table.path.write_text(text + "1\n")
    with pytest.raises(UserError, match=r"table.csv cannot be read .*: remove it"):
        table.read()


def test_a_search_in_which_everything_fails_says_why(train_here: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="it comes with the extra `tune`")
    done = train_here("tune=2", "data=robo", "cell.current='log(-1 - c * c)'", "epochs=1", "threads=1")
    assert done.returncode == 1
    assert "2 of 2 runs failed, see above" in done.stderr
    assert not (tmp_path / "runs" / "tuning").exists()


def test_seeds_with_folds_of_their_own_are_refused(train_here: Command) -> None:
    done = train_here("tune=3", "data=robo", "split=by_seed")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: split=by_seed: tune= chooses settings on folds that all seeds share")
