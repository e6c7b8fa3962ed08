"""Markets of the user's choice."""

from pathlib import Path

import numpy as np
import pytest

from conf.compose import composed
from datamodules.errors import DataError
from datamodules.market import synthetic
from datamodules.market.yahoo_layout import DateRange
from datamodules.series.series_data import load_series
from datamodules.series.series_fold import make_series_fold

SPAN = "2015-01-01", "2015-12-31"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with prices of ETH-USD, which trades every day, and of GC=F, which does not."""
    (tmp_path / "market").mkdir()
    prices = synthetic.prices(DateRange.parse(*SPAN))
    for symbol, market in (("ETH-USD", "btc"), ("GC=F", "sp500")):
        prices[market].frame.to_csv(tmp_path / "market" / f"{symbol}.csv")
    return tmp_path


def configured(data_dir: Path, *given: str):  # type: ignore[no-untyped-def]
    days = (f"start={SPAN[0]}", f"end={SPAN[1]}", f"data_dir={data_dir}")
    return composed("features=symbols", *days, *given)


def test_all_six_columns_of_each_symbol_are_features_and_a_weekend_is_no_gap(data_dir: Path) -> None:
    found = load_series(configured(data_dir, "series.symbols=[ETH-USD,GC=F]", "series.target=ETH-USD"))
    panel = found.panel
    assert panel.own is not None
    assert panel.features.shape == (261, 12)
    assert panel.close.name == "ETH-USD Close"
    assert (panel.own.season, panel.own.log, panel.own.observed.all()) == (5, True, True)
    assert any("261 days on which all markets trade, 2015-01-01 to 2015-12-31." in line for line in found.report)


def test_walk_forward_sees_changes_against_each_markets_own_close(data_dir: Path) -> None:
    panel = load_series(configured(data_dir, "series.symbols=['GC=F',ETH-USD]", "series.target=ETH-USD")).panel
    fold = make_series_fold(panel, "walk_forward", 5, 1, 3, 0)
    table = panel.features
    expected = np.log(table["GC=F High"].to_numpy()[1:] / table["GC=F Close"].to_numpy()[:-1])
    assert fold.panel.features["GC=F High"].to_numpy() == pytest.approx(expected)
    volume = np.diff(np.log1p(table["ETH-USD Volume"].to_numpy()))
    assert fold.panel.features["ETH-USD Volume"].to_numpy() == pytest.approx(volume)
    assert fold.unscaled(np.zeros(1), fold.split.test[:1])[0] > 0


def test_the_target_is_one_of_the_symbols(data_dir: Path) -> None:
    with pytest.raises(DataError, match=r"series.target=DOGE: choose one of series.symbols=\[GC=F\]"):
        load_series(configured(data_dir, "series.symbols=['GC=F']", "series.target=DOGE"))
