"""`python -m datamodules` describes a data set beside the paper's Table 2."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT
from text_data import lay_out

from datamodules.__main__ import main
from datamodules.texts.corpus_size import CorpusSize, published_sizes

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


Describe = Callable[..., list[str]]


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Describe:
    """Runs the command in this process and returns the lines that it prints."""

    def run(*arguments: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["datamodules", *arguments])
        main()
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("arguments", [(), ("--help",), ("robo", "-h")])
def test_without_a_name_it_prints_its_usage(arguments: tuple[str, ...], describe: Describe) -> None:
    lines = describe(*arguments)
    assert lines[0] == "usage: python -m datamodules NAME [KEY=VALUE ...]"
    assert f"NAME: {' '.join(NAMES)}" in lines


def test_a_data_set_beside_table_2(describe: Describe, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lay_out(tmp_path)
    options = ("n_folds=3", "preprocess.min_count=1", f"cache_dir={tmp_path}")
    lines = describe("hate", f"data_dir={tmp_path}", *options)
    assert [line.split() for line in lines[:5]] == [
        ["hate", "documents", "classes", "longest", "tokens"],
        ["raw", "paper", "1011", "3", "611", "6356"],
        ["raw", "here", "9", "3", "10", "58"],
        ["processed", "paper", "869", "3", "342", "3235"],
        ["processed", "here", "9", "3", "5", "29"],
    ]
    assert lines[6] == "With preprocess.min_words=4:"
    # Five comments have 4, 4, 5, 4 and 5 words, and no two of these are the same.
    assert [line.split()[2:] for line in lines[7:9]] == [["9", "3", "10", "58"], ["5", "3", "5", "22"]]
    assert "9 documents in 3 classes: 3 to train, 3 to validate, 3 to test." in lines
    assert [line.split() for line in lines[-3:]] == [
        ["3", "no_hate_speech"],
        ["3", "hate_speech"],
        ["3", "severe_hate_speech"],
    ]
    (warning,) = caplog.messages
    assert "dataset.csv is not the pinned version" in warning


def test_the_columns_of_an_own_file_are_listed(describe: Describe, tmp_path: Path) -> None:
    rows = ["a fine text,good,1", "another,bad,2", '"bad, very",bad,3']
    (tmp_path / "own.csv").write_text("\n".join(["review,grade,id", *rows]))
    lines = describe("csv", "data.file=own.csv", f"data_dir={tmp_path}")
    assert [" ".join(line.split()) for line in lines[1:3]] == [
        "review 3 different of 2 words: a fine text 1, another 1, bad, very 1",
        "grade 2 different of 1 words: bad 2, good 1",
    ]
    assert lines[-1].startswith(
        "Name them with data.text= and data.label=. In a CSV or TSV file whose first line is no"
    )
    settings = ("data.file=own.csv", f"data_dir={tmp_path}", f"cache_dir={tmp_path}", "data.text=review")
    with pytest.raises(SystemExit, match="no class has more than 2 of 3 documents"):
        describe("csv", *settings, "data.label=grade")


def test_the_first_document_is_shown_before_and_after_pre_processing(describe: Describe, tmp_path: Path) -> None:
    rows = [f"I don't like the DOGS of {name}!,{name}" for name in ("b", "c") * 3]
    (tmp_path / "own.csv").write_text("\n".join(["review,grade", *rows]))
    own = ("csv", "data.file=own.csv", "data.text=review", "data.label=grade", "n_folds=3", f"data_dir={tmp_path}")
    command = (*own, f"cache_dir={tmp_path}", "preprocess.min_count=1")
    for settings, words in (
        ((), "like dogs b"),
        (("preprocess.stem=true",), "like dog b"),
        (("preprocess.stop_words=false",), "i do not like the dogs of b"),
        (("preprocess.stop_words=false", "preprocess.contractions=false"), "i dont like the dogs of b"),
        (("preprocess.max_words=1",), "like"),
    ):
        lines = describe(*command, *settings)
        assert [line for line in lines if line.startswith(("First document:", "Its words:"))] == [
            "First document: I don't like the DOGS of b!",
            f"Its words:      {words}",
        ]
    lines = describe("robo", f"cache_dir={tmp_path}")
    assert sum(line.startswith("First document: ") for line in lines) == 1


def test_the_columns_of_a_series_are_listed_to_choose_from(describe: Describe, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("day,units\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2020-01-04,4\n")
    assert describe("series", f"series.file={tmp_path / 's.csv'}") == [
        "s.csv: its columns, and the values of the first rows",
        "  day    2020-01-01, 2020-01-02, 2020-01-03",
        "  units  1, 2, 3",
        "Name them with series.date= and series.target=.",
    ]


def test_the_command_line_and_a_reading_go_together(describe: Describe, tmp_path: Path) -> None:
    lay_out(tmp_path)
    lines = describe(
        "hasoc", f"data_dir={tmp_path}", f"cache_dir={tmp_path}", "n_folds=3", "preprocess.stop_words=false"
    )
    start = lines.index("With data=hasoc_test:")
    # The longest of five: "Nobody should listen to these people", all of whose words stay.
    assert [line.split()[:5] for line in lines[start + 1 : start + 3]] == [
        ["raw", "here", "5", "4", "6"],
        ["processed", "here", "5", "4", "6"],
    ]


def test_robo_needs_no_data(describe: Describe, tmp_path: Path) -> None:
    lines = describe("robo", f"data_dir={tmp_path}", f"cache_dir={tmp_path}")
    assert lines[2].split()[:4] == ["raw", "here", "525", "5"]
    assert any("stand-in" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["hat"], f"there is no data set 'hat': choose {', '.join([*NAMES, 'series'])}."),
        (
            ["crowd"],
            "text_emotion.csv is missing and has no address to download it from: get it from https://",
        ),
        (
            ["robo", "preproces.stem=true"],
            "there is no key 'preproces.stem', did you mean 'preprocess.stem'?",
        ),
        (["csv", "data.file=nix.csv"], "data.file=nix.csv: there is no such file, looked for "),
        (["robo", "preprocess.stem=perhaps"], "preprocess.stem=perhaps: give true or false."),
        (["robo", "fold=10"], "fold=10: with n_folds=10 the folds are 0 to 9."),
        (["robo", "n_folds=200"], "n_folds=200 is more than the 110 documents of the largest class"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], says: str, describe: Describe, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        describe(*arguments, f"data_dir={tmp_path}", f"cache_dir={tmp_path}")
    message = str(caught.value.code)
    assert message.startswith(f"Error: {says}")
    assert "\n" not in message


@pytest.mark.processes
def test_a_mistake_ends_the_process_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datamodules", "hat"]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: there is no data set 'hat': choose {', '.join([*NAMES, 'series'])}.\n"


def test_the_published_sizes_are_those_of_table_2() -> None:
    for name, (raw, processed) in TABLE_2.items():
        assert published_sizes(name) == {
            "raw": CorpusSize(*(int(number) for number in raw.split())),
            "processed": CorpusSize(*(int(number) for number in processed.split())),
        }
    assert published_sizes("a set of one's own") == {}


READINGS = {  # processed sizes, beside which Table 2 has 869 342 3235, 6495 22 14110, 4138 23 12018, 1120 42 6078
    "hate": ("preprocess.min_words=4 preprocess.stem=true", "847 3 342 3217"),
    "semeval": ("preprocess.min_words=4", "6409 11 22 15718"),
    "mlma": ("data.corpus.member=en_dataset_with_stop_words.csv preprocess.min_words=6", "4171 48 23 10295"),
    "hasoc": ("data=hasoc_test preprocess.min_words=4", "1136 4 69 6908"),
    "crowd": ("data.corpus.classes=13", "39987 13 25 53126"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", READINGS)
def test_readings_of_table_2(name: str, describe: Describe, shared_data: Path, tmp_path: Path) -> None:
    reading, size = READINGS[name]
    lines = describe(name, f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    assert lines[lines.index(f"With {reading}:") + 2].split()[2:] == size.split()


def test_all_of_crowd_has_the_papers_tokens(describe: Describe, shared_data: Path, tmp_path: Path) -> None:
    lines = describe("crowd", f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    raw = lines[lines.index("With data.corpus.classes=13:") + 1].split()
    assert (raw[2], raw[5]) == ("40000", "83297")


REAL = {  # raw and processed sizes of the files in shared/, which lacks the official file of AG
    "mlma": ("5647 48 24 12032", "5647 48 22 9970"),
    "semeval": ("6838 11 33 24161", "6838 11 22 15901"),
    "hasoc": ("5852 4 93 32582", "5852 4 77 20626"),
    "hasoc_test": ("1153 4 95 10259", "1153 4 69 6917"),  # beside the paper's row of HASOC
    "crowd": ("39711 11 34 82850", "39698 11 25 52853"),
    "hate": ("1011 3 611 6305", "1009 3 342 4063"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_real_files(name: str, describe: Describe, shared_data: Path, tmp_path: Path) -> None:
    lines = describe(name, f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    assert (" ".join(lines[2].split()[2:]), " ".join(lines[4].split()[2:])) == REAL[name]


def test_mlma_with_stop_words_is_the_file_of_table_2(describe: Describe, shared_data: Path, tmp_path: Path) -> None:
    member = "data.corpus.member=en_dataset_with_stop_words.csv"
    lines = describe("mlma", member, f"data_dir={shared_data}", f"cache_dir={tmp_path}")
    assert lines[2].split()[2:] == ["5647", "48", "35", "14969"]
    assert lines[4].split()[4] == "23"
