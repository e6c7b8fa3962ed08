"""A file that is written with `replacing` appears whole or not at all."""

import re
from pathlib import Path

import pytest

from datamodules.files import is_elsewhere, known_as, replacing


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.csv"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_file_is_unchanged_and_alone(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "b.csv"
    path.write_text("old")

    def half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(error):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_users_file_is_known_without_the_folders_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, name = Path("data"), str(tmp_path / "home" / "sales.csv")
    assert known_as("mine/sales.csv", data) == "mine/sales.csv"
    assert known_as(str(tmp_path / "data" / "mine" / "sales.csv"), data) == "mine/sales.csv"
    known = known_as(name, data)
    assert re.fullmatch(r"elsewhere_[0-9a-f]{8}/sales\.csv", known)
    assert [name for name in (known, name, "elsewhere_2020.csv", "elsewhere_a/b.csv") if is_elsewhere(name)] == [known]
    assert known_as(str(tmp_path / "work" / "sales.csv"), data) != known
    absolute = data.absolute()
    monkeypatch.chdir("/")  # as a worker elsewhere
    assert known_as(name, absolute) == known
