"""Folds: units, the way back to dollars, and no look into the future."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datamodules.errors import DataError
from datamodules.market import synthetic
from datamodules.market.fold import Fold, make_fold
from datamodules.market.panel import SENTIMENT, Panel, assemble_panel
from datamodules.market.prices import load_prices
from datamodules.market.protocols import PROTOCOLS
from datamodules.market.yahoo_layout import MARKETS, DateRange

PAPER = DateRange.parse("2014-09-18", "2019-11-23")
SERIES = (*MARKETS, SENTIMENT)
TWO_YEARS = DateRange.parse("2015-01-01", "2016-12-31")


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Two synthetic years with all 19 features."""
    frames = {market: daily.frame for market, daily in synthetic.prices(TWO_YEARS).items()}
    return assemble_panel(frames, synthetic.sentiment(frames["btc"]), SERIES)[0]


@pytest.mark.parametrize(
    ("protocol", "window", "horizon"),
    [("paper", 7, 400), ("paper", 430, 1), ("walk_forward", 7, 300), ("walk_forward", 7, 480)],
)
def test_too_few_days_are_an_error_that_names_window_and_horizon(
    panel: Panel, protocol: str, window: int, horizon: int
) -> None:
    says = rf"window={window} with horizon={horizon} leaves too few of the 52[12] days for a training"
    with pytest.raises(DataError, match=says):
        make_fold(panel, protocol, window, horizon, 5, 0)


def test_the_papers_protocol_has_no_third_part(panel: Panel) -> None:
    assert list(make_fold(panel, "paper", 7, 1, 5, 0).parts) == ["train", "val"]
    assert list(make_fold(panel, "walk_forward", 7, 1, 5, 0).parts) == ["train", "val", "test"]


def every_fold(panel: Panel, window: int = 7, horizon: int = 1) -> Iterator[Fold]:
    yield make_fold(panel, "paper", window, horizon, 5, 0)
    for fold in range(5):
        yield make_fold(panel, "walk_forward", window, horizon, 5, fold)


@pytest.mark.parametrize("horizon", [1, 10])
def test_scaled_forecasts_convert_back_to_dollars(panel: Panel, horizon: int) -> None:
    for fold in every_fold(panel, horizon=horizon):
        some = fold.split.test[::3]
        assert fold.unscaled(fold.targets[some], some) == pytest.approx(fold.truth[some])
        assert fold.unscaled(fold.persistence[some], some) == pytest.approx(fold.last[some])
        by_day = panel.close
        assert by_day[fold.days].tolist() == fold.truth.tolist()
        assert by_day.shift(horizon)[fold.days].tolist() == fold.last.tolist()


def test_the_papers_protocol_scales_closes_to_0_and_1(panel: Panel) -> None:
    fold = make_fold(panel, "paper", 7, 1, 1, 0)
    known = panel.close[: fold.samples.targets[fold.split.train[-1]] + 1]
    low, high = known.min(), known.max()
    assert fold.targets == pytest.approx((fold.truth - low) / (high - low))
    seen = fold.samples.inputs[fold.split.train]
    assert seen.min() == pytest.approx(0)
    assert seen.max() == pytest.approx(1)


def test_walk_forward_standardises_log_returns(panel: Panel) -> None:
    for number in range(5):
        fold = make_fold(panel, "walk_forward", 7, 1, 5, number)
        returns = np.log(fold.truth / fold.last)
        past = returns[fold.split.train]
        assert fold.targets == pytest.approx((returns - past.mean()) / past.std(), abs=0.1)  # but for a few rows
        assert abs(fold.targets[fold.split.train].mean()) < 0.02
        assert fold.targets[fold.split.train].std() == pytest.approx(1, abs=0.02)
        assert len(np.unique(fold.persistence)) == 1  # a log-return of 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("horizon", [1, 5])
def test_later_days_change_nothing_before_them(protocol: str, horizon: int) -> None:
    """Perturb prices and sentiment from a day on: windows, targets and scalers before that day stay the same."""
    frames = {market: daily.frame for market, daily in synthetic.prices(TWO_YEARS).items()}
    mood = synthetic.sentiment(frames["btc"]).drop(pd.date_range("2016-05-01", "2016-06-20", freq="5D"))
    original = assemble_panel(frames, mood, SERIES)[0]
    n_folds = 5 if protocol == "walk_forward" else 1
    for number in range(n_folds):
        before = make_fold(original, protocol, 7, horizon, 5, number)
        known = before.samples.targets[before.split.train[-1]]
        day = before.panel.features.index[known] + pd.Timedelta(days=1)
        generator = np.random.default_rng(number)
        shaken = {
            market: frame * np.where(frame.index < day, 1, generator.uniform(0.2, 5, len(frame)))[:, None]
            for market, frame in frames.items()
        }
        shaken_mood = mood + np.where(mood.index < day, 0, generator.standard_normal(len(mood)))
        after = make_fold(assemble_panel(shaken, shaken_mood, SERIES)[0], protocol, 7, horizon, 5, number)

        untouched = before.samples.targets <= known
        same_inputs = before.samples.origins <= known
        assert np.array_equal(before.samples.inputs[same_inputs], after.samples.inputs[same_inputs])
        assert np.array_equal(before.targets[untouched], after.targets[untouched])
        assert np.array_equal(before.persistence[same_inputs], after.persistence[same_inputs])
        assert all(np.array_equal(*parts) for parts in zip(before.split, after.split, strict=True))
        # Later ones do change: otherwise this test would prove nothing.
        assert not np.array_equal(before.samples.inputs[~same_inputs], after.samples.inputs[~same_inputs])
        assert not np.isclose(before.targets[~untouched], after.targets[~untouched]).all()


def test_unknown_protocols_and_folds_are_refused(panel: Panel) -> None:
    with pytest.raises(DataError, match="protocol=magic: choose paper or walk_forward"):
        make_fold(panel, "magic", 7, 1, 5, 0)
    with pytest.raises(DataError, match="fold=1: protocol=paper has the folds 0 to 0"):
        make_fold(panel, "paper", 7, 1, 5, 1)
    with pytest.raises(DataError, match="fold=5: protocol=walk_forward has the folds 0 to 4"):
        make_fold(panel, "walk_forward", 7, 1, 5, 5)


def real(shared_data: Path, series: tuple[str, ...]) -> Panel:
    """The real panel with the tag rebuilt from prices, which begins a day later: the paper's 1303 rows."""
    markets = {market: load_prices(market, PAPER, shared_data).frame for market in MARKETS}
    sign = np.sign(markets["btc"]["Close"].diff()).dropna()
    return assemble_panel(markets, sign, series)[0]


@pytest.mark.parametrize(("window", "shape"), [(7, (1296, 7, 19)), (30, (1273, 30, 19)), (90, (1213, 90, 19))])
def test_the_papers_shapes(shared_data: Path, window: int, shape: tuple[int, ...]) -> None:
    fold = make_fold(real(shared_data, SERIES), "paper", window, 1, 1, 0)
    assert fold.samples.inputs.shape == shape


@pytest.mark.parametrize("window", [7, 30, 90])
def test_persistence_on_the_real_last_fifth(shared_data: Path, window: int) -> None:
    """RMSE 0.0209 and MAE 0.0125 on 260 days: a fifth of the 1304 rows, the same for every window."""
    fold = make_fold(real(shared_data, ("btc",)), "paper", window, 1, 1, 0)
    test = fold.split.test
    scaled = fold.persistence[test] - fold.targets[test]
    dollars = fold.last[test] - fold.truth[test]
    assert len(test) == 260
    assert np.sqrt(np.mean(scaled**2)) == pytest.approx(0.0209, abs=5e-5)
    assert np.abs(scaled).mean() == pytest.approx(0.0125, abs=5e-5)
    assert np.sqrt(np.mean(dollars**2)) == pytest.approx(395.8, abs=0.05)
    assert np.abs(dollars).mean() == pytest.approx(235.9, abs=0.05)


def test_a_target_that_stands_still_in_a_part_is_refused(panel: Panel) -> None:
    """There persistence has no error: every comparison with it would be a division by zero."""
    count = len(panel.close)
    for protocol, flat, part in (
        ("paper", slice(None), "training"),
        ("paper", slice(count * 7 // 10, None), "validation"),
        ("walk_forward", slice(0, count * 44 // 100), "training"),
        ("walk_forward", slice(count // 2, count * 2 // 3), "test"),
    ):
        close = panel.close.copy()
        close.iloc[flat] = 400.0
        message = rf"^Bitcoin's close is 400 on every day from 201\d-\d\d-\d\d to 201\d-\d\d-\d\d, the {part} part"
        with pytest.raises(DataError, match=message):
            make_fold(panel._replace(close=close), protocol, 7, 1, 5, 0)
    nearly = pd.Series(5 * (1 + 1e-15 * np.arange(count)), panel.close.index)  # equal but for rounding
    with pytest.raises(DataError, match="Bitcoin's volatility is 5 on every day"):
        make_fold(panel._replace(volatility=nearly), "paper", 7, 1, 5, 0)
