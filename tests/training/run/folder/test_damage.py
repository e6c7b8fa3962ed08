"""Files of runs and studies that are damaged, or nested without end, are answered with one sentence that names them."""

import json
import shutil
from pathlib import Path

import pytest
from study_runs import write_run

from analysis.__main__ import main
from analysis.study.archive import archive_of
from analysis.study.archiving import archive
from cells.errors import UserError
from training.run.folder.record import Record
from training.run.folder.run_folder import RunFolder
from training.studies.progress import read_record

DEEP = b"[" * 100_000

JSON = {"deep": DEEP, "cut": b"{", "no UTF-8": b'{"a": "\xff"}', "a number": b"3"}

YAML = {"in itself": b"a: &a [*a]", "deep": DEEP, "cut": b"a: [1", "no UTF-8": b"a: \xff", "no reference": b"a: ${"}


@pytest.mark.parametrize("damage", YAML)
def test_a_configuration(damage: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(YAML[damage])
    with pytest.raises(UserError, match=r"^\S+/config\.yaml cannot be read \(\w+\); is \S+ a run\?$"):
        RunFolder.at(tmp_path)
    with pytest.raises(UserError, match=r"^\S+/config\.yaml is damaged \(\w+\); remove that folder\.$"):
        RunFolder(tmp_path, Record({"cell": "C1"})).claim()


@pytest.mark.parametrize("damage", JSON)
def test_a_record_of_what_made_a_run(damage: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs" / "a", [0.5] * 5)
    (run / "provenance.json").write_bytes(JSON[damage])
    for command in (["tables", "-o", str(tmp_path / "out")], ["archive", "-o", str(tmp_path / "results")]):
        with pytest.raises(
            SystemExit, match=r"^Error: \S+/a/provenance\.json is damaged( \(\w+\))?; remove that file\.$"
        ):
            main([command[0], str(tmp_path / "runs"), *command[1:]])


@pytest.mark.parametrize("damage", JSON)
def test_an_archive(damage: str, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", [0.5] * 5)
    archive([tmp_path / "runs"], tmp_path / "results")
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "results" / "provenance.json").write_bytes(JSON[damage])
    with pytest.raises(UserError, match=r"/provenance\.json is missing, damaged or of another archive: "):
        archive_of(tmp_path / "results")


@pytest.mark.parametrize("content", [*JSON.values(), b'{"runs": 3}', json.dumps({"runs": [], "other": 1}).encode()])
def test_the_record_of_a_study(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"^\S+/study\.json is damaged \(\w+\); remove it and give the command again\.$"
    ):
        read_record(path)
