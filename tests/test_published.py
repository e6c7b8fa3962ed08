"""The Bitcoin paper's tables as facts."""

import pandas as pd
import pytest
from conftest import PROJECT

from analysis.market import PUBLISHED, SCORES


def published() -> pd.DataFrame:
    return pd.read_csv(PUBLISHED)


def test_three_tables_of_64_numbers_each_without_a_gap() -> None:
    table = published()
    assert (table.groupby(["table", "window"])[SCORES].count().sum(axis=1) == 64).all()
    assert dict(zip(table["table"], table["window"], strict=True)) == {1: 7, 2: 30, 3: 90}
    assert not table.duplicated(["window", "features", "model"]).any()
    assert not table.isna().any(axis=None)
    names = {path.stem for path in (PROJECT / "conf" / "features").glob("*.yaml")}
    assert set(table["features"]) == names
    assert set(table["model"]) == {"lstm", "cnn_lstm"}


def test_no_mean_absolute_error_is_above_its_root_mean_square_error() -> None:
    table = published()
    assert (table["train_mae"] <= table["train_rmse"]).all()
    assert (table["val_mae"] <= table["val_rmse"]).all()


@pytest.mark.parametrize(
    ("window", "features", "model", "numbers"),
    [
        (7, "btc", "lstm", [0.09, 0.07, 0.21, 0.18]),
        (7, "btc_usd_sent_sp500", "cnn_lstm", [0.03, 0.02, 0.19, 0.15]),
        (30, "btc_usd_sp500", "lstm", [0.05, 0.03, 0.43, 0.39]),
        (30, "btc_usd_sent", "cnn_lstm", [0.08, 0.07, 0.14, 0.11]),
        (90, "btc", "cnn_lstm", [0.08, 0.04, 0.11, 0.08]),
        (90, "btc_sent_sp500", "lstm", [0.11, 0.09, 0.18, 0.12]),
    ],
)
def test_numbers_stand_where_the_paper_has_them(window: int, features: str, model: str, numbers: list[float]) -> None:
    table = published().set_index(["window", "features", "model"])
    assert table.loc[(window, features, model), SCORES].tolist() == numbers


def test_the_best_of_all_is_what_the_paper_calls_so() -> None:
    best = published().nsmallest(2, "val_rmse")
    assert best[["features", "window", "val_rmse", "val_mae"]].to_numpy().tolist() == [["btc", 90, 0.11, 0.08]] * 2
