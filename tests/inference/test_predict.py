"""`python predict.py` on runs that label texts."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import PROJECT, train_here_in
from predicting import Predict, answers, assert_one_line_error, copied, predict, predict_in, replaced
from pretrained import make_encoder
from text_data import lay_out

from datamodules.texts.corpora import robo, semeval

pytestmark = pytest.mark.slow

__all__ = ["predict"]

SMALL = ("epochs=12", "cell=C1", "model.embedding=8", "model.hidden=8", "lr=0.02", "patience=null")

SEMEVAL = (
    "data=semeval", "n_folds=3", "preprocess.min_count=1", "preprocess.stop_words=false", "preprocess.stem=true",
    "padding=paper", "model=transformer", "epochs=40", "lr=0.01", "patience=null", "test_epoch=last",
)  # fmt: skip

Prepare = Callable[[Path], object]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with each loss, and one with several labels; no test changes them."""
    folder = tmp_path_factory.mktemp("runs")
    lay_out(folder / "data")
    for arguments in (("-m", "loss=sigmoid,softmax", "run_dir=${loss}", *SMALL), (*SEMEVAL, "run_dir=multilabel")):
        done = train_here_in(folder, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "multilabel"])
def test_the_test_documents_get_what_predictions_csv_says(
    predict: Predict, runs: Path, tmp_path: Path, name: str
) -> None:
    corpus = semeval(runs / "data/text/semeval/2018-E-c-En-train.txt") if name == "multilabel" else robo()
    table = pd.read_csv(runs / name / "predictions.csv", keep_default_na=False)
    texts = [" ".join(corpus.texts[row].split()) for row in table["row"]]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    # The run alone, in another folder and without its data.
    copied(runs / name, tmp_path)
    found = answers(predict("run", "--json", "--file", "texts.txt", folder=tmp_path))

    assert [answer["text"] for answer in found] == texts
    assert ["|".join(answer["predicted"]) for answer in found] == table["predicted"].tolist()
    probabilities = table[[f"p({label})" for label in corpus.classes]].to_numpy()
    got = [[answer["probabilities"][label] for label in corpus.classes] for answer in found]
    assert np.array(got) == pytest.approx(probabilities, abs=1e-6)
    best = [corpus.classes[column] for column in probabilities.argmax(1)]
    assert [answer["most_probable"] for answer in found] == best
    if name == "sigmoid":
        assert {len(answer["predicted"]) for answer in found} >= {0, 1}
    if name == "softmax":
        assert [answer["predicted"] for answer in found] == [[label] for label in best]
    if name == "multilabel":
        assert max(len(answer["predicted"]) for answer in found) > 1


def test_a_pre_trained_encoder_reads_word_pieces(predict: Predict, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra bert is not installed")
    encoder = make_encoder(tmp_path / "encoder")
    done = train_here_in(tmp_path, "model=bert", f"model.checkpoint={encoder}", "epochs=1", "run_dir=bert")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "bert" / "predictions.csv")
    texts = [robo().texts[row] for row in table["row"]]
    found = answers(predict("bert", "--json", *texts, folder=tmp_path))
    got = [list(answer["probabilities"].values()) for answer in found]
    assert np.array(got) == pytest.approx(table.filter(like="p(").to_numpy(), abs=1e-6)

    encoder.rename(tmp_path / "moved")
    assert_one_line_error(predict("bert", "go", folder=tmp_path), f"model.checkpoint={encoder}", "neither a folder")


def test_a_text_has_the_same_probabilities_in_any_company(predict: Predict) -> None:
    text = "please bring the red cup to the kitchen"
    for name in ("sigmoid", "multilabel"):
        (alone,) = answers(predict(name, "--json", text))
        *_, beside = answers(predict(name, "--json", "go", text + " and then wipe the table" * 9, "", text))
        assert beside["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-6)


def test_the_table_is_aligned_and_names_the_most_probable_class_where_none_is_predicted(predict: Predict) -> None:
    done = predict("sigmoid", "bring the cup", "Of the!", "xyzzy")
    assert (done.returncode, done.stderr) == (0, "")
    head, bring, emptied, unknown, note = done.stdout.splitlines()
    columns = [head.index(name) for name in ("text", "predicted", "most probable")]
    assert head.split("  ")[0] == "text"
    for line in (bring, emptied, unknown):
        assert all(line[column - 1] == " " != line[column] for column in columns[1:])
    assert bring.startswith("bring the cup  ")
    assert emptied[columns[1] :].split()[0] == "none"
    assert emptied[columns[2] :] == unknown[columns[2] :]  # nothing is left of either
    shares = [float(share.split()[1]) for share in emptied[columns[2] :].split(", ")]
    assert shares == sorted(shares, reverse=True)
    assert (emptied.startswith("Of the! *"), bring.startswith("bring the cup *")) == (True, False)
    assert note.startswith("* no word left that the net knows")


def test_texts_come_from_arguments_a_file_or_standard_input(predict: Predict, runs: Path, tmp_path: Path) -> None:
    texts = ["go to the café", "", "wipe\u2028it"]
    lines = "\r\n".join(texts)  # without an end of the last line
    (tmp_path / "texts.txt").write_bytes(lines.encode())
    by_file = answers(predict("sigmoid", "--json", "--file", str(tmp_path / "texts.txt")))
    assert [answer["text"] for answer in by_file] == texts
    assert [answer["known_words"] for answer in by_file] == [1, 0, 1]
    assert answers(predict("sigmoid", "--json", *texts)) == by_file
    assert answers(predict("sigmoid", "--json", "-", typed=lines.encode())) == by_file
    assert answers(predict("sigmoid", "--json", typed=lines.encode())) == by_file


def test_a_byte_order_mark_is_no_part_of_a_text(predict: Predict, runs: Path, tmp_path: Path) -> None:
    marked = "\ufeffgo to the kitchen\r\nbring a cup\r\n".encode()
    (tmp_path / "marked.txt").write_bytes(marked)
    for given in (["--file", str(tmp_path / "marked.txt")], ["-"]):
        found = answers(predict("sigmoid", *given, "--json", typed=marked))
        assert [each["text"] for each in found] == ["go to the kitchen", "bring a cup"]
    found = answers(predict("sigmoid", "--json", "\ufeffgo to the kitchen", "bring a \ufeffcup"))
    assert [each["text"] for each in found] == ["go to the kitchen", "bring a \ufeffcup"]


@pytest.mark.processes
def test_only_the_run_is_required(runs: Path) -> None:
    done = predict_in(runs, b"")
    assert done.stderr.splitlines()[-1] == "predict.py: error: the following arguments are required: RUN"


@pytest.mark.processes
def test_a_process_labels_standard_input(predict: Predict, runs: Path) -> None:
    (here,) = answers(predict("sigmoid", "--json", "go to the café"))
    assert answers(predict_in(runs, "go to the café\n".encode(), "sigmoid", "--json")) == [here]


@pytest.mark.processes
def test_a_mistake_is_one_line_of_a_process(runs: Path) -> None:
    done = predict_in(runs, b"", "sigmoid")
    assert_one_line_error(done, "standard input is empty, there is nothing to label")
    assert done.stdout == ""


def test_a_folder_above_a_single_run_will_do(predict: Predict, runs: Path, tmp_path: Path) -> None:
    copied(runs / "sigmoid", tmp_path / "runs" / "robo")
    above, itself = predict(str(tmp_path), "go"), predict("sigmoid", "go")
    assert (above.returncode, above.stdout) == (0, itself.stdout)


def cut(run: Path, share: float) -> None:
    path = run / "checkpoints" / "model.ckpt"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def without_state(run: Path) -> None:
    path = run / "checkpoints" / "model.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["TextDataModule"]
    torch.save(checkpoint, path)


def damaged_within(run: Path) -> None:
    """Flip bits inside a file that can still be opened."""
    path = run / "checkpoints" / "model.ckpt"
    with zipfile.ZipFile(path) as file:
        largest = max(file.infolist(), key=lambda item: item.file_size)
    content = bytearray(path.read_bytes())
    start = largest.header_offset + 200
    for place in range(start, start + min(2000, largest.file_size // 2)):
        content[place] ^= 0x40
    path.write_bytes(content)


def changed(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = run / "checkpoints" / "model.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)


def not_a_number(checkpoint: dict[str, Any]) -> None:
    checkpoint["state_dict"]["net.dense.bias"][0] = float("nan")


def overflowing(checkpoint: dict[str, Any]) -> None:
    checkpoint["state_dict"]["net.dense.weight"].fill_(3e38)
    checkpoint["state_dict"]["net.dense.bias"].fill_(3e38)


def stopped(run: Path) -> None:
    (run / "finished").unlink()
    (run / "failed").write_text("the loss is nan in epoch 2; try a smaller lr.\n\nTraceback\n")


class Code:
    """An object whose unpickling would make a folder."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


BROKEN: dict[str, tuple[Prepare, tuple[str, ...]]] = {
    "unfinished": (lambda run: (run / "finished").unlink(), ("run is not finished", "goes on where it stopped")),
    "failed": (stopped, ("run failed (the loss is nan in epoch 2; try a smaller lr)", "tries again")),
    "damaged within": (damaged_within, ("model.ckpt is damaged", "repeat")),
    "no number": (lambda run: changed(run, not_a_number), ("weights that are not finite numbers", "repeat")),
    "overflow": (lambda run: changed(run, overflowing), ("gives no finite number for 'go'",)),
    "no vocabulary": (
        lambda run: changed(run, lambda checkpoint: checkpoint["TextDataModule"].pop("vocabulary")),
        ("older version", "repeat"),
    ),
    "no checkpoint": (lambda run: (run / "checkpoints/model.ckpt").unlink(), ("model.ckpt is missing", "repeat")),
    "truncated": (lambda run: cut(run, 0.9), ("model.ckpt is damaged", "repeat")),
    "half": (lambda run: cut(run, 0.5), ("model.ckpt is damaged", "repeat")),
    "empty": (lambda run: cut(run, 0), ("model.ckpt is damaged", "repeat")),
    "text": (lambda run: (run / "checkpoints/model.ckpt").write_text("weights"), ("model.ckpt is damaged",)),
    "code": (lambda run: torch.save({"state_dict": Code()}, run / "checkpoints/model.ckpt"), ("more than weights",)),
    "weights alone": (lambda run: torch.save({}, run / "checkpoints/model.ckpt"), ("is not a checkpoint of a run",)),
    "another shape": (
        lambda run: replaced(run, "hidden: 8", "hidden: 9"),
        ("model.ckpt does not fit the net that config.yaml describes", "lstm_1.weight"),
    ),
    "older version": (without_state, ("older version", "did not save what predictions need", "repeat")),
    "foreign code": (
        lambda run: replaced(run, "models.text.StackedBiLSTM", "os.mkdir"),
        ("os.mkdir is not code of this project",),
    ),
    "broken configuration": (lambda run: (run / "config.yaml").write_text("a: [1"), ("config.yaml cannot be read",)),
    "another's configuration": (
        lambda run: (run / "config.yaml").write_text("a: 1"),
        ("not the configuration of a run",),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_run_that_cannot_be_used_is_one_line(predict: Predict, runs: Path, tmp_path: Path, name: str) -> None:
    prepare, says = BROKEN[name]
    run = copied(runs / "sigmoid", tmp_path)
    prepare(run)
    assert_one_line_error(predict("run", "go", folder=tmp_path), *says)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere", "go"), ("there is no folder nowhere",)),
        (("data", "go"), ("data holds no finished run", "train.py")),
        ((".", "go"), (". holds 3 runs, name one: multilabel, sigmoid, softmax.",)),
        (("sigmoid", "go", "--file", "x"), ("leave one of them out",)),
        (("sigmoid", "--file", "nowhere.txt"), ("nowhere.txt cannot be read: No such file",)),
        (("sigmoid", "--data-dir", "data", "go"), ("--data-dir", "sigmoid labels texts")),
    ],
)
def test_mistakes_are_one_line(predict: Predict, arguments: tuple[str, ...], says: tuple[str, ...]) -> None:
    assert_one_line_error(predict(*arguments), *says)


def test_a_message_names_some_of_many_runs(predict: Predict, runs: Path, tmp_path: Path) -> None:
    for place in range(6):
        shutil.copytree(runs / "sigmoid", tmp_path / f"run{place}")
    assert_one_line_error(
        predict(".", "go", folder=tmp_path), ". holds 6 runs, name one: run0, run1, run2, run3 and 2 more."
    )


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_nothing_on_standard_input_is_one_line(predict: Predict, json: tuple[str, ...]) -> None:
    done = predict("sigmoid", *json, typed=b"")
    assert_one_line_error(done, "standard input is empty, there is nothing to label")
    assert done.stdout == ""


@pytest.mark.processes
def test_a_reader_that_ends_early_is_no_error(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("bring the cup\n" * 5000)
    command = [sys.executable, str(PROJECT / "predict.py"), "sigmoid", "--json", "--file", str(tmp_path / "texts.txt")]
    with subprocess.Popen(command, cwd=runs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_file_in_another_encoding_is_one_line(predict: Predict) -> None:
    assert_one_line_error(predict("sigmoid", typed="café\n".encode("latin-1")), "standard input is not UTF-8")


def test_what_is_no_text_is_one_line(predict: Predict, tmp_path: Path) -> None:
    done = predict("sigmoid", typed="bring the cup\ngo\n".encode("utf-16-le"))
    assert_one_line_error(done, "standard input, line 1: a NUL character, which no text has")
    (tmp_path / "model.bin").write_bytes(b"PK\x03\x04 go\nup\0\n")
    done = predict("sigmoid", "--file", str(tmp_path / "model.bin"))
    assert_one_line_error(done, f"{tmp_path / 'model.bin'}, line 2: a NUL character")


def test_a_byte_order_mark_is_no_part_of_the_text(predict: Predict) -> None:
    marked, plain = (
        predict("sigmoid", "--json", typed="go up\n".encode(name)).stdout for name in ("utf-8-sig", "utf-8")
    )
    assert marked == plain != ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_in_the_encoding_that_its_byte_order_mark_names(predict: Predict, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "texts.txt").write_text("go up\r\nau café\n", encoding=encoding, newline="")
    read = predict("sigmoid", "--json", "--file", str(tmp_path / "texts.txt"))
    assert read.stdout == predict("sigmoid", "--json", "go up", "au café").stdout != ""
    (tmp_path / "cut.txt").write_bytes("go up\n".encode(encoding)[:-1])
    done = predict("sigmoid", "--file", str(tmp_path / "cut.txt"))
    assert_one_line_error(done, f"cut.txt is not {encoding.upper()}")


@pytest.mark.processes
def test_help_answers_without_importing_torch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROJECT / "predict.py", "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "RUN" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "lightning", "pandas", "hydra", "omegaconf"}
