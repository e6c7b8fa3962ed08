"""Archives of runs: every table can be made from one as from the runs, and nothing private is in it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_runs import write_market_run
from study_runs import write_run, write_study

from analysis.__main__ import main
from analysis.study import results
from analysis.study.archive import PROVENANCE, TABLES, file_name
from analysis.study.archiving import archive
from analysis.study.predictions import without_prices
from analysis.tables.all_tables import write_all
from cells.errors import UserError


def texts_and_market(folder: Path) -> list[Path]:
    texts, market = folder / "runs", folder / "runs_market"
    write_study(texts, ["hate", "robo"], ["baseline", "C1", "H2", "placebo"], 2, 2, {"C1": 0.02})
    failed = write_run(texts / "hate" / "bilstm" / "C4" / "seed0", [0.5] * 5, "C4", finished=False)
    (failed / "failed").write_text("NonFiniteError: the loss is nan\nTraceback\n")
    for seed in range(3):
        for features, rmse in (("btc", 0.03), ("btc_sent", 0.04)):
            sentiment = "reddit" if features == "btc_sent" else None
            about = {"features": features, "sentiment": sentiment, "seed": seed}
            write_market_run(market / f"{features}{seed}", rmse + seed / 1000, **about)
    (texts / "tuning").mkdir()
    named = "data,model,cell,settings,search,trial,lr,macro_f1"
    (texts / "tuning" / "hate.csv").write_text(f"{named}\nhate,bilstm,C1,12345e67,fold 8 (3f2a),0,0.001,0.5\n")
    return [texts, market]


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_the_tables_of_an_archive_are_those_of_its_runs(tmp_path: Path) -> None:
    folders = texts_and_market(tmp_path / "both")
    archive(folders, tmp_path / "results")
    write_all(tmp_path / "both", tmp_path / "of_runs")
    write_all(tmp_path / "results", tmp_path / "of_archive")
    of_runs, of_archive = read(tmp_path / "of_runs"), read(tmp_path / "of_archive")
    shown = [name for name in of_runs if name.endswith((".md", ".tex"))]
    assert {"table08_hate_bilstm.md", "missing.md", "verdicts.md", "placebo.md"} <= set(shown)
    assert any(name.startswith("bitcoin_table_1") for name in shown)
    assert {name: of_archive.get(name) for name in shown} == {name: of_runs[name] for name in shown}


@pytest.mark.slow
@pytest.mark.parametrize("command", [["summary"], ["placebo"], ["market"], ["report", "-o"]])
def test_the_other_commands_take_it(tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    archive(texts_and_market(tmp_path), tmp_path / "results")
    name, *option = command
    main([name, str(tmp_path / "results"), *option, *([str(tmp_path / "report")] if option else [])])
    assert capsys.readouterr().out


def test_the_same_runs_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for place in ("one", "another"):
        archive(texts_and_market(tmp_path / place), tmp_path / place / "results")
    names = {path.name for path in (tmp_path / "one" / "results").iterdir()}
    assert names == {PROVENANCE, *map(file_name, TABLES)}
    for name in names:
        one, other = ((tmp_path / place / "results" / name).read_bytes() for place in ("one", "another"))
        assert one == other


def test_it_has_no_path_no_user_and_no_price(tmp_path: Path) -> None:
    folders = texts_and_market(tmp_path)
    (failed,) = tmp_path.rglob("failed")
    failed.write_text("OSError: no space for /home/someone/secret/runs/hate\n")
    archive(folders, tmp_path / "results")
    for path in (tmp_path / "results").iterdir():
        text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
        assert str(tmp_path) not in text
        assert "someone" not in text
    predictions = pd.read_csv(tmp_path / "results" / file_name("predictions"))
    assert (predictions["truth"] == 0).all()
    assert "OSError: no space for hate" in set(pd.read_csv(tmp_path / "results" / file_name("runs"))["error"])


def test_forecasts_that_walk_forward_are_kept_as_ratios() -> None:
    rows = {"protocol": "walk_forward", "split": ["val", "test"], "truth": 110.0, "prediction": 99.0, "ridge": 95.0}
    kept = without_prices(pd.DataFrame(rows | {"persistence": 100.0}))
    assert kept[["split", "truth", "prediction", "persistence", "ridge"]].to_numpy().tolist() == [
        ["test", 1.1, 0.99, 1.0, 0.95]
    ]


def test_it_says_what_the_runs_were_made_with_and_what_they_cost(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "a", [0.5] * 5, seconds=1800)
    attempts = [{"commit": "old"}, {"commit": "abc", "versions": {"torch": "2.9"}, "device": "cpu"}]
    data = {"data": {"file": "text/hate/dataset.csv", "hash": "sha256:12"}}
    (folder / "provenance.json").write_text(json.dumps({"data": data, "attempts": attempts}))
    write_run(tmp_path / "runs" / "b", [0.5] * 5, seconds=1800, seed=3)
    archive([tmp_path / "runs"], tmp_path / "results")
    about = json.loads((tmp_path / "results" / PROVENANCE).read_text())
    assert about["runs_by"]["commit"] == {"abc": 1, "unknown": 1}
    assert about["runs_by"]["version of torch"] == {"2.9": 1}
    assert about["data"] == {"text/hate/dataset.csv": ["sha256:12"]}
    assert (about["fits"], about["without_result"], about["hours"]) == (2, 0, 1.0)
    assert [(study["seeds"], study["folds"]) for study in about["studies"]] == [([0, 3], [0])]


def test_an_archive_is_extended_by_further_runs(tmp_path: Path) -> None:
    """python -m analysis archive results runs -o results."""
    texts, market = texts_and_market(tmp_path)
    for folder in (write_run(texts / "x", [0.5] * 5, seed=8), write_run(texts / "y", [0.5] * 5, seed=9)):
        _learnt_from("sha256:12", folder)
    archive([texts, market], tmp_path / "at_once")
    archive([texts], tmp_path / "results")
    extended, at_once = tmp_path / "results", tmp_path / "at_once"
    main(["archive", str(extended), str(market), "-o", str(extended)])
    assert {path.name for path in extended.iterdir()} == {path.name for path in at_once.iterdir()}
    for name in map(file_name, TABLES):  # pandas before 3.1 rounds the last bit each time it reads
        pd.testing.assert_frame_equal(pd.read_csv(extended / name), pd.read_csv(at_once / name), rtol=1e-14)
    about, expected = (json.loads((folder / PROVENANCE).read_text()) for folder in (extended, at_once))
    assert {**about, "files": None} == {**expected, "files": None}


def test_an_archive_of_runs_on_other_data_is_not_extended(tmp_path: Path) -> None:
    for place in ("one", "other"):
        folder = write_run(tmp_path / place / place, [0.5] * 5)
        _learnt_from(f"sha256:{place}", folder)
    archive([tmp_path / "one"], tmp_path / "results")
    with pytest.raises(UserError, match=r"different versions of text/hate/dataset\.csv"):
        archive([tmp_path / "results", tmp_path / "other"], tmp_path / "results")


def _learnt_from(version: str, folder: Path) -> None:
    data = {"data": {"file": "text/hate/dataset.csv", "hash": version}}
    attempts = [{"commit": "abc", "versions": {"torch": "2.9"}, "device": "cpu"}]
    (folder / "provenance.json").write_text(json.dumps({"data": data, "attempts": attempts}))


def test_a_run_that_ends_meanwhile_is_in_the_next_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    for seed in range(2):
        write_run(runs / f"seed{seed}", [0.5] * 5, seed=seed)
    running = write_run(runs / "seed2", [0.5] * 5, seed=2, finished=False)
    read = results.read

    def read_when_another_has_ended(*arguments: Any) -> pd.DataFrame:
        (running / "finished").touch()
        return read(*arguments)

    monkeypatch.setattr(results, "read", read_when_another_has_ended)
    archive([runs], tmp_path / "results")
    listed = pd.read_csv(tmp_path / "results" / file_name("runs")).set_index("folder")["error"].fillna("")
    assert listed.to_dict() == {"seed0": "", "seed1": "", "seed2": "unfinished"}
    assert set(pd.read_csv(tmp_path / "results" / file_name("texts"))["folder"]) == {"seed0", "seed1"}


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    for place in ("one", "other"):
        write_run(tmp_path / place / "hate" / "seed0", [0.5] * 5)
    with pytest.raises(UserError, match="hold the same run"):
        archive([tmp_path / "one", tmp_path / "other"], tmp_path / "results")
    with pytest.raises(UserError, match="hold the same run"):
        archive([tmp_path / "one", tmp_path / "one" / "hate"], tmp_path / "results")
    assert not (tmp_path / "results").exists()
    archive([tmp_path / "one"], tmp_path / "results")
    with pytest.raises(UserError, match="hold the same run"):
        archive([tmp_path / "results", tmp_path / "other"], tmp_path / "results")


def test_an_absolute_path_in_a_configuration_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", [0.5] * 5, sentiment_file="/home/someone/tweets.csv")
    with pytest.raises(UserError, match=r"absolute path /home/someone/tweets\.csv"):
        archive([tmp_path / "runs"], tmp_path / "results")


def test_a_mixture_of_two_archives_is_refused(tmp_path: Path) -> None:
    for place, score in (("one", 0.5), ("other", 0.6)):
        write_run(tmp_path / place / "a", [score] * 5)
        archive([tmp_path / place], tmp_path / f"results_{place}")
    name = file_name("texts")
    (tmp_path / "results_one" / name).write_bytes((tmp_path / "results_other" / name).read_bytes())
    with pytest.raises(UserError, match="is missing, damaged or of another archive"):
        write_all(tmp_path / "results_one", tmp_path / "tables")


def test_tables_of_an_earlier_archive_are_removed(tmp_path: Path) -> None:
    texts, market = texts_and_market(tmp_path)
    archive([texts, market], tmp_path / "results")
    archive([texts], tmp_path / "results")
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert names == {PROVENANCE, file_name("runs"), file_name("texts"), file_name("trials")}


def test_an_archive_without_runs_of_a_kind_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", [0.5] * 5)
    archive([tmp_path / "runs"], tmp_path / "results")
    with pytest.raises(SystemExit, match="holds no finished run with features="):
        main(["market", str(tmp_path / "results")])
