"""`python -m datamodules`, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from text_data import lay_out

from datamodules.__main__ import main
from datamodules.texts.table2 import Size, published

NAMES = sorted(path.stem for path in (PROJECT / "conf" / "data").glob("*.yaml"))

# As the paper prints it: documents, classes, longest document, tokens; original and pre-processed.
TABLE_2 = {
    "mlma": ("5647 71 35 14969", "4138 48 23 12018"),
    "semeval": ("6838 11 33 24449", "6495 11 22 14110"),
    "hasoc": ("5852 4 93 32168", "1120 4 42 6078"),
    "ag": ("120000 4 122 123762", "88431 4 22 4730"),
    "robo": ("525 5 29 466", "254 5 10 149"),
    "crowd": ("40000 11 34 83297", "11377 11 11 1458"),
    "hate": ("1011 3 611 6356", "869 3 342 3235"),
}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "datamodules", *arguments]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def describe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that the same command prints, without the seconds that another process takes."""
    monkeypatch.setattr(sys, "argv", ["datamodules", *arguments])
    main()
    return capsys.readouterr().out.splitlines()


def test_without_a_name_it_lists_the_names(tmp_path: Path) -> None:
    done = run(folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m datamodules NAME [KEY=VALUE ...]")
    assert f"NAME: {' '.join(NAMES)}" in done.stdout
    assert run("--help", folder=tmp_path).stdout == done.stdout


def test_a_data_set_beside_table_2(tmp_path: Path) -> None:
    lay_out(tmp_path)
    done = run("hate", f"data_dir={tmp_path}", "n_folds=3", "preprocess.min_count=1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["hate", "documents", "classes", "longest", "tokens"],
        ["raw", "paper", "1011", "3", "611", "6356"],
        ["raw", "here", "9", "3", "10", "58"],
        ["processed", "paper", "869", "3", "342", "3235"],
        ["processed", "here", "9", "3", "5", "29"],
    ]
    assert lines[6] == "9 documents in 3 classes: 3 to train, 3 to validate, 3 to test."
    assert [line.split() for line in lines[-3:]] == [
        ["3", "no_hate_speech"],
        ["3", "hate_speech"],
        ["3", "severe_hate_speech"],
    ]
    (warning,) = done.stderr.splitlines()
    assert "dataset.csv is not the pinned version" in warning


def test_robo_needs_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = describe(monkeypatch, capsys, "robo", f"data_dir={tmp_path}", f"cache_dir={tmp_path}")
    assert lines[2].split()[:4] == ["raw", "here", "525", "5"]
    assert any("stand-in" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["hat"], f"there is no data set 'hat': choose {', '.join(NAMES)}."),
        (
            ["crowd"],
            "text_emotion.csv is missing and has no address to download it from: get it from https://",
        ),
        (
            ["robo", "preproces.stem=true"],
            "there is no key 'preproces.stem', did you mean 'preprocess.stem'?",
        ),
        (["robo", "preprocess.stem=perhaps"], "preprocess.stem=perhaps: give true or false."),
        (["robo", "fold=10"], "fold=10: with n_folds=10 the folds are 0 to 9."),
        (["robo", "n_folds=200"], "n_folds=200 is more than the 110 documents of the largest class"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        describe(monkeypatch, capsys, *arguments, f"data_dir={tmp_path}", f"cache_dir={tmp_path}")
    message = str(caught.value.code)
    assert message.startswith(f"Error: {says}")
    assert "\n" not in message


def test_a_mistake_ends_with_exit_code_1(tmp_path: Path) -> None:
    done = run("hat", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: there is no data set 'hat': choose {', '.join(NAMES)}.\n"


def test_the_papers_numbers() -> None:
    for name, (raw, processed) in TABLE_2.items():
        assert published(name) == {
            "raw": Size(*(int(number) for number in raw.split())),
            "processed": Size(*(int(number) for number in processed.split())),
        }
    assert published("a set of one's own") == {}


REAL = {  # raw and processed here, of the files in shared/; AG has no official file there
    "mlma": ("5647 48 24 12032", "5647 48 22 9970"),
    "semeval": ("6838 11 33 24161", "6838 11 22 15901"),
    "hasoc": ("5852 4 93 32582", "5852 4 77 20626"),
    "crowd": ("39711 11 34 82850", "39698 11 25 52853"),
    "hate": ("1011 3 611 6305", "1009 3 342 4063"),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_files(
    name: str,
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = describe(monkeypatch, capsys, name, f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    assert (" ".join(lines[2].split()[2:]), " ".join(lines[4].split()[2:])) == REAL[name]


def test_mlma_with_stop_words_is_the_file_of_table_2(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    member = "data.corpus.member=en_dataset_with_stop_words.csv"
    lines = describe(monkeypatch, capsys, "mlma", member, f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    assert lines[2].split()[2:] == ["5647", "48", "35", "14969"]
    assert lines[4].split()[4] == "23"
