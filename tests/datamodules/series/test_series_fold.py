"""Folds of a user's own series: windows, split by time, scaled for each series."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_files import loaded, sales

from datamodules.errors import DataError
from datamodules.market.fold import Fold, make_fold
from datamodules.market.panel import Panel
from datamodules.series.series_datamodule import SeriesDataModule
from datamodules.series.series_fold import make_series_fold


def shops(rows: int = 120) -> pd.DataFrame:
    """Three shops: one large, one that opens later, and one with ten days alone, at the end."""
    large = sales(rows).assign(shop="large")
    large["units"] *= 1000
    later = sales(rows - 30, 1, start="2020-01-31").assign(shop="later")
    new = sales(10, 2, start=f"{large['day'].iloc[-10]:%Y-%m-%d}").assign(shop="new")
    return pd.concat([large, later, new])


def test_windows_stay_inside_a_series_and_follow_each_other_in_time(tmp_path: Path) -> None:
    panel = loaded(shops(), tmp_path, "series.id=shop").panel
    fold = make_series_fold(panel, "paper", 5, 2, 10, 0)
    assert (np.diff(fold.clock) >= 0).all()
    for origin, target in zip(fold.samples.origins, fold.samples.targets, strict=True):
        assert target == origin + 2
        assert fold.own.ids[origin - 4] == fold.own.ids[target]
    assert fold.clock[fold.split.train].max() <= fold.clock[fold.split.val].min() - 2
    names = [fold.own.names[k] for k in np.unique(fold.ids)]
    assert names == ["large", "later"]
    data = SeriesDataModule(loaded(shops(), tmp_path, "series.id=shop"), fold)
    assert "1 series are too short for the training part and take no part: new." in data.report


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_each_series_has_its_own_scale_and_forecasts_are_turned_back(protocol: str, tmp_path: Path) -> None:
    panel = loaded(shops(), tmp_path, "series.id=shop").panel
    fold = make_series_fold(panel, protocol, 5, 1, 3, 0)
    train = fold.split.train
    for k in np.unique(fold.ids):
        assert np.abs(fold.targets[train][fold.ids[train] == k]).max() < 6
    every = np.arange(len(fold.targets))
    assert fold.unscaled(fold.targets, every) == pytest.approx(fold.truth)
    assert fold.unscaled(fold.persistence, every) == pytest.approx(fold.last)


def test_what_is_missing_is_never_forecast(tmp_path: Path) -> None:
    table = sales().drop(index=[50, 51, 52, 150])
    fold = make_series_fold(loaded(table, tmp_path).panel, "walk_forward", 4, 1, 3, 1)
    gaps = pd.DatetimeIndex(sales()["day"][[50, 51, 52, 150]])
    assert not fold.days.isin(gaps).any()
    assert len(fold.targets) == 199 - 4 - 4  # a day less for the changes


@pytest.mark.parametrize("protocol", ["paper", "walk_forward"])
def test_one_series_without_gaps_is_split_and_scaled_as_bitcoin(protocol: str, tmp_path: Path) -> None:
    panel = loaded(sales(), tmp_path, "series.log=true").panel
    own = make_series_fold(panel, protocol, 6, 3, 4, 2 if protocol == "walk_forward" else 0)
    if protocol == "walk_forward":
        changed = own.panel
        close = pd.Series(panel.close.to_numpy(), pd.date_range("2020-01-01", periods=200))
        plain = make_fold(Panel(changed.features.set_axis(close.index[1:]), close[1:]), "paper", 6, 3, 4, 0)
        assert np.array_equal(plain.samples.targets, own.samples.targets)
        return
    plain = make_fold(Panel(panel.features, panel.close), protocol, 6, 3, 4, 0)
    for one, two in zip(plain.split, own.split, strict=True):
        assert np.array_equal(one, two)
    assert isinstance(own, Fold)
    assert np.allclose(plain.samples.inputs, own.samples.inputs)
    assert np.allclose(plain.targets, own.targets)


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        (sales(12), ("paper", 10, 1, 10, 0), "leaves too few"),
        (sales(12), ("paper", 12, 1, 10, 0), "needs more than the 12 rows"),
        (sales(), ("paper", 7, 1, 10, 3), "fold=3"),
        (sales(), ("no", 7, 1, 10, 0), "protocol=no"),
        (sales().assign(units=3.0), ("paper", 7, 1, 10, 0), "units never changes"),
    ],
)
def test_mistakes_are_said(
    table: pd.DataFrame, options: tuple[str, int, int, int, int], says: str, tmp_path: Path
) -> None:
    panel = loaded(table, tmp_path).panel
    with pytest.raises(DataError, match=says):
        make_series_fold(panel, *options)
