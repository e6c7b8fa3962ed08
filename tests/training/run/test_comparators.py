"""Models beside the paper's, trained by the same command with the same folds, metrics and folders."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import Command

from cells.errors import UserError
from conf.compose import composed
from models.tfidf import TfIdf
from training.run.net import make_net
from training.run.tasks.classification import FittedClassification

TEXTS = {"vocabulary": 10, "classes": 3, "max_length": 6}
MARKET = {"features": 6}


@pytest.mark.slow
def test_each_leaves_what_a_run_leaves_on_the_same_documents(train_here: Command, tmp_path: Path) -> None:
    command = ("-m", "model=transformer,tfidf", "data=robo", "epochs=2", "patience=null", "test_epoch=last")
    done = train_here(*command)
    assert (done.returncode, done.stderr) == (0, "")

    runs = {path.parts[-4]: path.parent for path in tmp_path.rglob("metrics.csv")}
    assert set(runs) == {"transformer", "tfidf"}
    one, other = (pd.read_csv(run / "predictions.csv", keep_default_na=False) for run in runs.values())
    pd.testing.assert_frame_equal(one[["row", "truth"]], other[["row", "truth"]])

    rows = pd.read_csv(runs["tfidf"] / "metrics.csv")
    assert set(rows["epoch"]) == {0}  # a fitted net has one epoch
    assert set(pd.read_csv(runs["transformer"] / "metrics.csv")["epoch"]) == {1}
    assert (rows["seconds"] > 0).all()
    assert rows["top1"].min() > 0.5  # of five classes
    checkpoint = torch.load(runs["tfidf"] / "checkpoints" / "model.ckpt", weights_only=True)
    weights = {name: weight.shape for name, weight in checkpoint["state_dict"].items() if name.startswith("net.")}
    (words,) = weights["net.idf"]
    assert weights == {"net.idf": (words,), "net.dense.weight": (5, words), "net.dense.bias": (5,)}
    assert set(rows["parameters"]) == {5 * words + 5}
    assert "All 2 runs are finished" in train_here(*command).stdout


@pytest.mark.parametrize(
    ("overrides", "sizes", "says"),
    [
        (["model=lstm"], TEXTS, "model=lstm cannot be used with robo"),
        (["model=cnn_lstm"], TEXTS, "model=cnn_lstm cannot be used with robo"),
        (["features=btc", "model=bilstm"], MARKET, "model=bilstm cannot be used with btc"),
        (["features=btc", "model=transformer"], MARKET, "model=transformer cannot be used with btc"),
        (["features=btc", "model=tfidf"], MARKET, "model=tfidf cannot be used with btc"),
        (["features=btc", "model=bert"], MARKET, "model=bert cannot be used with btc"),
        (["model=tfidf", "cell=H2"], TEXTS, "model=tfidf has no LSTM"),
        (["model=transformer", "model.bilstm=false", "cell=C1"], TEXTS, "bilstm=false"),
    ],
)
def test_a_net_for_other_data_or_without_a_cell_is_refused(
    overrides: list[str], sizes: dict[str, int], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        make_net(composed(*overrides), sizes)


@pytest.mark.parametrize("model", ["bilstm", "transformer", "tfidf"])
def test_a_net_gets_the_sizes_that_its_constructor_names(model: str) -> None:
    net = make_net(composed(f"model={model}"), TEXTS)
    assert net(torch.ones(2, 6, dtype=torch.long), torch.tensor([6, 1])).shape == (2, 3)


def test_a_fitted_net_is_not_moved_by_the_epoch_that_scores_it() -> None:
    task = FittedClassification(TfIdf(10, 3), 3, "sigmoid", lr=1.0)
    before = task.net.dense.weight.clone()
    optimizer = task.configure_optimizers()
    task.net(torch.ones(2, 6, dtype=torch.long), torch.tensor([6, 1])).sum().backward()
    optimizer.step()
    assert torch.equal(task.net.dense.weight, before)
