import os
from pathlib import Path

import pytest

from cells.errors import UserError
from training.run.folder import RunFolder, write_atomically


def folder(path: Path, **run: object) -> RunFolder:
    return RunFolder(path, {"seed": 0, "cell": {"current": None}, **run})


def test_a_claimed_folder_is_not_finished_until_finish(tmp_path: Path) -> None:
    run = folder(tmp_path / "a" / "b")
    assert not run.is_finished()
    run.claim()
    assert not run.is_finished()
    run.finish()
    assert run.is_finished()
    assert folder(tmp_path / "a" / "b").is_finished()


def test_claiming_twice_is_how_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    folder(tmp_path).claim()
    folder(tmp_path).claim()


def test_another_configuration_in_the_same_folder_is_an_error(tmp_path: Path) -> None:
    folder(tmp_path).claim()
    other = folder(tmp_path, seed=1)
    with pytest.raises(UserError, match=r"another configuration \(differs in seed\)"):
        other.claim()
    with pytest.raises(UserError, match="another configuration"):
        other.is_finished()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_place_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written"):
        folder(tmp_path / "run").claim()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        folder(tmp_path / "run").claim()


def test_finishing_removes_the_checkpoint_to_resume_from_only(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.claim()
    run.checkpoints.mkdir()
    for name in ("last.ckpt", "model.ckpt"):
        (run.checkpoints / name).write_text("")
    assert run.last_checkpoint is not None
    run.finish()
    assert run.last_checkpoint is None
    assert (run.checkpoints / "model.ckpt").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
