"""`python predict.py`, run as a user runs it, on runs that train.py made."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import PROJECT, train_in
from pandas.tseries.offsets import BDay
from pretrained import make_encoder
from text_data import lay_out

from datamodules import synthetic
from datamodules.corpora import robo, semeval
from datamodules.prices import MARKETS, Span
from predict import main
from training.next_close import Backtest

SMALL = ("epochs=12", "cell=C1", "model.embedding=8", "model.hidden=8", "lr=0.02", "patience=null")
SEMEVAL = (
    "data=semeval", "n_folds=3", "preprocess.min_count=1", "preprocess.stop_words=false", "preprocess.stem=true",
    "padding=paper", "model=transformer", "epochs=40", "lr=0.01", "patience=null", "test_epoch=last",
)  # fmt: skip
SPAN = "2015-01-01", "2016-06-30"
MARKET = (f"start={SPAN[0]}", f"end={SPAN[1]}", "model.hidden=4", "epochs=2", "lr=0.01")

Done = subprocess.CompletedProcess[str]
Prepare = Callable[[Path], object]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of each kind; no test changes them."""
    folder = tmp_path_factory.mktemp("runs")
    lay_out(folder / "data")
    (folder / "data" / "market").mkdir()
    for market, daily in synthetic.prices(Span.parse(*SPAN)).items():
        daily.frame.to_csv(folder / "data" / "market" / f"{MARKETS[market].symbol.removeprefix('^')}.csv")
    for arguments in (
        ("-m", "loss=sigmoid,softmax", "run_dir=${loss}", *SMALL),
        (*SEMEVAL, "run_dir=multilabel"),
        ("-m", "source=yahoo,synthetic", "protocol=paper,walk_forward", "features=btc_sent", "sentiment=price_sign",
         "window=5", "horizon=3", "n_folds=3", "run_dir=${source}_${protocol}", *MARKET),
    ):  # fmt: skip
        done = train_in(folder, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def predict(runs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`python predict.py ...` in `folder`, without the seconds that another process takes to import torch."""
    monkeypatch.delenv("LSTM_CS_DATA", raising=False)

    def run(*arguments: str, folder: Path = runs) -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        code, message = 0, ""
        capfd.readouterr()
        try:
            main()
        except SystemExit as error:  # with a message, which Python prints
            code, message = 1, f"{error.code}\n"
        said = capfd.readouterr()
        return Done(arguments, code, said.out, said.err + message)

    return run


Predict = Callable[..., Done]


def answers(done: Done) -> list[dict[str, Any]]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def typed(folder: Path, text: bytes, *arguments: str) -> Done:
    """Another process, with something to read on its standard input."""
    command = [sys.executable, str(PROJECT / "predict.py"), *arguments]
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, timeout=120, check=False)
    return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "multilabel"])
def test_the_test_documents_get_what_predictions_csv_says(
    predict: Predict, runs: Path, tmp_path: Path, name: str
) -> None:
    corpus = semeval(runs / "data/text/semeval/2018-E-c-En-train.txt") if name == "multilabel" else robo()
    table = pd.read_csv(runs / name / "predictions.csv", keep_default_na=False)
    texts = [" ".join(corpus.texts[row].split()) for row in table["row"]]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    # The run alone: in another folder, without its data.
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
    done = train_in(tmp_path, "model=bert", f"model.checkpoint={encoder}", "epochs=1", "run_dir=bert")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "bert" / "predictions.csv")
    texts = [robo().texts[row] for row in table["row"]]
    found = answers(predict("bert", "--json", *texts, folder=tmp_path))
    got = [list(answer["probabilities"].values()) for answer in found]
    assert np.array(got) == pytest.approx(table.filter(like="p(").to_numpy(), abs=1e-6)

    encoder.rename(tmp_path / "moved")
    assert_one_line_error(predict("bert", "go", folder=tmp_path), f"model.checkpoint={encoder}", "no folder")


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
    assert answers(typed(runs, lines.encode(), "sigmoid", "--json", "-")) == by_file
    assert answers(typed(runs, lines.encode(), "sigmoid", "--json")) == by_file


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


class Code:
    """What is not to be unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def replaced(run: Path, old: str, new: str) -> None:
    path = run / "config.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


BROKEN: dict[str, tuple[Prepare, tuple[str, ...]]] = {
    "unfinished": (lambda run: (run / "finished").unlink(), ("run is not finished", "goes on where it stopped")),
    "no checkpoint": (lambda run: (run / "checkpoints/model.ckpt").unlink(), ("model.ckpt is missing", "repeat")),
    "truncated": (lambda run: cut(run, 0.9), ("model.ckpt is damaged", "repeat")),
    "half": (lambda run: cut(run, 0.5), ("model.ckpt is damaged", "repeat")),
    "empty": (lambda run: cut(run, 0), ("model.ckpt is damaged", "repeat")),
    "text": (lambda run: (run / "checkpoints/model.ckpt").write_text("weights"), ("model.ckpt is damaged",)),
    "code": (lambda run: torch.save({"state_dict": Code()}, run / "checkpoints/model.ckpt"), ("more than weights",)),
    "weights alone": (lambda run: torch.save({}, run / "checkpoints/model.ckpt"), ("is no checkpoint of a run",)),
    "another shape": (
        lambda run: replaced(run, "hidden: 8", "hidden: 9"),
        ("model.ckpt does not fit the net that config.yaml describes", "lstm_1.weight"),
    ),
    "older version": (without_state, ("older version", "did not keep what a prediction needs", "repeat")),
    "foreign code": (lambda run: replaced(run, "models.text.StackedBiLSTM", "os.mkdir"), ("os.mkdir is not of this",)),
    "broken configuration": (lambda run: (run / "config.yaml").write_text("a: [1"), ("config.yaml cannot be read",)),
    "another's configuration": (lambda run: (run / "config.yaml").write_text("a: 1"), ("not that of a run",)),
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
        ((".", "go"), (". holds 7 runs, name one: multilabel, sigmoid, softmax, synthetic_paper and 3 more.",)),
        (("sigmoid", "go", "--file", "x"), ("leave one of them out",)),
        (("sigmoid", "--file", "nowhere.txt"), ("nowhere.txt cannot be read: No such file",)),
        (("sigmoid", "--data-dir", "data", "go"), ("--data-dir", "sigmoid labels texts")),
        (("yahoo_paper", "go"), ("yahoo_paper forecasts the market (features=btc_sent)", "give no text")),
        (("yahoo_paper", "--end", "2015-01-07"), ("window=5 needs more than the 4 days",)),
        (("yahoo_paper", "--end", "soon"), ("end=soon", "date")),
    ],
)
def test_mistakes_are_one_line(predict: Predict, arguments: tuple[str, ...], says: tuple[str, ...]) -> None:
    assert_one_line_error(predict(*arguments), *says)


def test_a_control_experiment_forecasts_nothing(predict: Predict, runs: Path, tmp_path: Path) -> None:
    replaced(copied(runs / "yahoo_paper", tmp_path), "control: null", "control: leak")
    assert_one_line_error(predict("run", folder=tmp_path), "run is a control experiment (control=leak)")


def test_a_file_in_another_encoding_is_one_line(runs: Path) -> None:
    assert_one_line_error(typed(runs, "café\n".encode("latin-1"), "sigmoid"), "standard input is not UTF-8")


def assert_one_line_error(done: Done, *says: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for text in says:
        assert text in done.stderr


@pytest.mark.parametrize(("name", "split"), [("yahoo_paper", "val"), ("yahoo_walk_forward", "test")])
def test_the_next_close_is_what_the_backtest_said(predict: Predict, runs: Path, name: str, split: str) -> None:
    """The last forecast of predictions.csv again, made from the data up to the day it was made on."""
    (last,) = pd.read_csv(runs / name / "predictions.csv").query("split == @split").tail(1).to_dict("records")
    origin = pd.Timestamp(last["day"]) - 3 * BDay()  # horizon=3 of the days on which these markets trade
    (found,) = answers(predict(name, "--json", "--end", f"{origin:%Y-%m-%d}"))
    assert (found["day"], found["horizon"]) == (f"{origin:%Y-%m-%d}", 3)
    assert found["persistence"] == pytest.approx(last["persistence"], rel=1e-9)
    assert found["close"] == pytest.approx(last["prediction"], rel=1e-6)
    assert "looks like the price itself" in found["warning"]


def test_the_next_close_stands_beside_persistence_and_both_errors(predict: Predict, runs: Path) -> None:
    done = predict("synthetic_paper")
    assert (done.returncode, done.stderr) == (0, "")
    title, _, net, naive, sentence, warning = done.stdout.splitlines()
    assert title == "Bitcoin's close 3 days after 2016-06-30, counting the days on which all markets trade"
    metrics = pd.read_csv(runs / "synthetic_paper" / "metrics.csv").iloc[-1]
    table = pd.read_csv(runs / "synthetic_paper" / "predictions.csv").query("split == 'val'")
    error = (table["persistence"] - table["truth"]).pow(2).mean() ** 0.5
    assert net.startswith("lstm on btc_sent ")
    assert net.split()[-1] == f"{metrics['rmse_dollars']:,.2f}"
    assert naive.split()[-2:] == [f"{table['truth'].iloc[-1]:,.2f}", f"{error:,.2f}"]
    assert sentence.startswith("The net does not beat persistence: over 78 days")
    assert f"{metrics['relative_rmse']:.2f} times its error" in sentence
    assert warning.startswith("SYNTHETIC")


@pytest.mark.parametrize(
    ("relative", "p", "says"),
    [
        (1.2, 0.0001, "The net does not beat persistence: over 9 days (a to b) the net has 1.20 times its error ("),
        (1.0, None, "The net does not beat persistence: over 9 days (a to b) the net has 1.00 times its error."),
        (0.9, 0.2, "Whether the net beats persistence is not decided: "),
        (0.9, None, "Whether the net beats persistence is not decided: "),
        (0.9, 0.049, "The net beats persistence: over 9 days (a to b) the net has 0.90 times its error ("),
    ],
)
def test_only_what_chance_would_hardly_do_counts_as_better(relative: float, p: float | None, says: str) -> None:
    assert Backtest(9, "a", "b", 1.0, 1.0, relative, p).sentence.startswith(says)


def test_without_its_market_files_one_line_says_what_to_put_where(
    predict: Predict, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(runs / "yahoo_paper", tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    done = predict("run", "--data-dir", "elsewhere", folder=tmp_path)
    assert_one_line_error(done, "BTC-USD", str(Path("elsewhere") / "market"))


def test_help_answers_without_importing_torch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROJECT / "predict.py", "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "RUN" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "lightning", "pandas", "hydra", "omegaconf"}
