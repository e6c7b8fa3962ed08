"""The results read of finished, failed and damaged runs."""

from pathlib import Path

import pytest
from study_runs import write_run

from analysis.study.archiving import archive
from analysis.study.results import kinds, read, without_result
from analysis.summary import summary
from cells.errors import UserError

SCORES = [0.9, 0.8, 0.3, 0.5, 0.5]


@pytest.mark.parametrize("damage", ["missing", "empty", "no rows"])
def test_a_finished_run_without_its_metrics_is_listed_and_does_not_stop_the_others(tmp_path: Path, damage: str) -> None:
    write_run(tmp_path / "a", SCORES)
    metrics = write_run(tmp_path / "b", SCORES, "C1") / "metrics.csv"
    text = {"empty": "", "no rows": metrics.read_text().splitlines()[0] + "\n"}
    metrics.unlink()
    if damage in text:
        metrics.write_text(text[damage])
    assert set(read(tmp_path)["cell"]) == {"baseline"}
    assert kinds(tmp_path) == {"data"}
    (row,) = without_result(tmp_path).to_dict("records")
    assert (row["cell"], row["seed"]) == ("C1", 0)
    assert "metrics.csv is missing or empty: remove that run's folder" in row["error"]


def test_results_without_a_configuration_are_refused(tmp_path: Path) -> None:
    (write_run(tmp_path / "a", SCORES) / "config.yaml").unlink()
    with pytest.raises(UserError, match=r"a has results and no config\.yaml.*remove the folder"):
        read(tmp_path)


def test_a_data_set_may_have_a_name_that_pandas_takes_for_none(tmp_path: Path) -> None:
    for name in ("NA", "null"):
        write_run(tmp_path / "runs" / name, SCORES, data=name)
    archive([tmp_path / "runs"], tmp_path / "results")
    for runs in ("runs", "results"):
        assert set(read(tmp_path / runs)["data"]) == {"NA", "null"}
    assert {"NA", "null"} <= set(summary(tmp_path / "runs").split())


def test_a_failed_run_alone_is_of_no_kind_but_is_no_mistake(tmp_path: Path) -> None:
    write_run(tmp_path / "a", SCORES, "C4", finished=False)
    assert kinds(tmp_path) == set()


@pytest.mark.parametrize(("folder", "says"), [("empty", "no finished run"), ("nowhere", "not a folder")])
def test_nothing_to_read_is_refused(tmp_path: Path, folder: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=says):
        read(tmp_path / folder)
