from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datamodules.errors import DataError
from datamodules.market import prices, synthetic
from datamodules.market.layout import MARKETS, Span
from datamodules.market.panel import SERIES, Panel, assemble, changes
from datamodules.market.protocols import PROTOCOLS, Fold, make_fold
from datamodules.market.windows import paper_split, samples, walk_forward_splits
from datamodules.sentiment import read_daily

FIXTURES = Path(__file__).parents[2] / "fixtures" / "market"
PAPER = Span.parse("2014-09-18", "2019-11-23")
TWO_YEARS = Span.parse("2015-01-01", "2016-12-31")


def small(series: tuple[str, ...] = SERIES, mood: pd.Series | None = None) -> tuple[Panel, int]:
    """The panel of the fixtures: 2, 3, 5, 6, 9 and 10 March."""
    folder = FIXTURES.parent
    span = Span.parse("2015-03-01", "2015-03-10")
    markets = {market: prices.load(market, span, folder).frame for market in MARKETS}
    return assemble(markets, read_daily(FIXTURES / "mood.csv", "mood") if mood is None else mood, series)


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Two synthetic years with all 19 features."""
    frames = {market: daily.frame for market, daily in synthetic.prices(TWO_YEARS).items()}
    return assemble(frames, synthetic.sentiment(frames["btc"]), SERIES)[0]


def test_columns_come_in_the_order_of_the_series() -> None:
    panel, _ = small(("sp500", "sentiment"))
    names = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert list(panel.features.columns) == [*(f"sp500 {name}" for name in names), "sentiment"]
    assert panel.close.tolist() == [108, 104, 99, 101, 111, 114]


def test_sentiment_is_filled_from_the_past_alone() -> None:
    panel, filled = small(("sentiment",))
    # 2, 3, 5, 6, 9, 10 March: the 5th keeps the 3rd's, the 9th that of the 8th, a Sunday.
    assert panel.features["sentiment"].tolist() == [-0.2, 0.3, 0.3, 0.6, 0.8, 1.0]
    assert filled == 2


def test_days_outside_of_the_sentiments_span_go_only_where_it_is_used() -> None:
    mood = read_daily(FIXTURES / "mood.csv", "mood")["2015-03-03":"2015-03-08"]  # type: ignore[misc]
    assert [day.day for day in small(SERIES, mood)[0].features.index] == [3, 5, 6]
    assert len(small(("btc",), mood)[0].features) == 6


def test_sentiment_of_another_time() -> None:
    with pytest.raises(DataError, match="2020-01-01 to 2020-01-01, and the prices have no day in common"):
        small(SERIES, pd.Series([1.0], pd.DatetimeIndex(["2020-01-01"])))


def test_an_unknown_series() -> None:
    with pytest.raises(DataError, match=r"features.series has 'gold': choose some of btc, usd, sp500, sentiment"):
        small(("btc", "gold"))


def test_changes_by_hand() -> None:
    panel, _ = small()
    changed = changes(panel)
    first = changed.features.iloc[0]  # 3 March against the 2nd
    assert changed.features.index[0] == pd.Timestamp("2015-03-03")
    assert first["btc Close"] == pytest.approx(np.log(104 / 108))
    assert first["btc High"] == pytest.approx(np.log(109 / 108))
    assert first["sp500 Low"] == pytest.approx(np.log(1980 / 2005))
    assert first["btc Volume"] == pytest.approx(np.log(1501 / 2001))
    assert first["usd Volume"] == 0
    assert first["sentiment"] == 0.3
    assert changed.close.tolist() == panel.close.tolist()[1:]


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (3, 1), (3, 2), (9, 1), (1, 9)])
def test_windows_by_hand(window: int, horizon: int) -> None:
    table = np.arange(20.0).reshape(10, 2)
    found = samples(table, window, horizon)
    assert found.inputs.shape == (10 - window - horizon + 1, window, 2)
    for i, (inputs, origin, target) in enumerate(zip(*found, strict=True)):
        assert inputs.tolist() == table[i : i + window].tolist()
        assert inputs[-1].tolist() == table[origin].tolist()
        assert target == origin + horizon
    assert found.targets[-1] == 9


@pytest.mark.parametrize(
    ("window", "horizon", "message"),
    [(0, 1, "window=0"), (1, 0, "horizon=0"), (9, 2, "window=9 with horizon=2 needs more than the 10 days")],
)
def test_windows_that_cannot_be(window: int, horizon: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        samples(np.zeros((10, 2)), window, horizon)


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_papers_split_is_of_the_rows_and_knows_no_target_of_the_future(horizon: int) -> None:
    window, rows = 7, 103
    count = rows - window - horizon + 1
    split = paper_split(count, rows, horizon)
    targets = np.arange(count) + window - 1 + horizon
    assert targets[split.val].tolist() == list(range(83, 103))  # a fifth of the rows
    assert split.test is split.val
    assert split.train.tolist() == list(range(split.train[-1] + 1))
    assert targets[split.train[-1]] == split.val[0] + window - 1  # known on the day of the first forecast


@pytest.mark.parametrize("horizon", [1, 5])
def test_walk_forward_splits_forecast_the_later_half_once(horizon: int) -> None:
    splits = walk_forward_splits(203, horizon, n_folds=10)
    assert np.concatenate([split.test for split in splits]).tolist() == list(range(103, 203))
    for split in splits:
        assert split.train[0] == 0
        assert len(split.val) == pytest.approx(0.25 * len(split.train), abs=3 + horizon)
        for earlier, later in ((split.train, split.val), (split.val, split.test)):
            assert later[0] - earlier[-1] == horizon


def test_too_few_samples_for_a_split() -> None:
    with pytest.raises(DataError, match="n_folds=10 is too many for 19 samples: choose 9 or less"):
        walk_forward_splits(19, 1, 10)


@pytest.mark.parametrize(
    ("protocol", "window", "horizon"),
    [("paper", 7, 400), ("paper", 430, 1), ("walk_forward", 7, 300), ("walk_forward", 7, 480)],
)
def test_too_few_days_are_named_with_window_and_horizon(panel: Panel, protocol: str, window: int, horizon: int) -> None:
    says = rf"window={window} with horizon={horizon} leaves too few of the 52[12] days for a training"
    with pytest.raises(DataError, match=says):
        make_fold(panel, protocol, window, horizon, 5, 0)


def test_parts_are_named_and_the_paper_has_no_third(panel: Panel) -> None:
    assert list(make_fold(panel, "paper", 7, 1, 5, 0).parts) == ["train", "val"]
    assert list(make_fold(panel, "walk_forward", 7, 1, 5, 0).parts) == ["train", "val", "test"]


def folds(panel: Panel, window: int = 7, horizon: int = 1) -> Iterator[Fold]:
    yield make_fold(panel, "paper", window, horizon, 5, 0)
    for fold in range(5):
        yield make_fold(panel, "walk_forward", window, horizon, 5, fold)


@pytest.mark.parametrize("horizon", [1, 10])
def test_forecasts_lead_back_to_dollars(panel: Panel, horizon: int) -> None:
    for fold in folds(panel, horizon=horizon):
        some = fold.split.test[::3]
        assert fold.dollars(fold.targets[some], some) == pytest.approx(fold.close[some])
        assert fold.dollars(fold.persistence[some], some) == pytest.approx(fold.last_close[some])
        by_day = panel.close
        assert by_day[fold.days].tolist() == fold.close.tolist()
        assert by_day.shift(horizon)[fold.days].tolist() == fold.last_close.tolist()


def test_the_papers_units(panel: Panel) -> None:
    fold = make_fold(panel, "paper", 7, 1, 1, 0)
    known = panel.close[: fold.samples.targets[fold.split.train[-1]] + 1]
    low, high = known.min(), known.max()
    assert fold.targets == pytest.approx((fold.close - low) / (high - low))
    seen = fold.samples.inputs[fold.split.train]
    assert seen.min() == pytest.approx(0)
    assert seen.max() == pytest.approx(1)


def test_walk_forwards_units(panel: Panel) -> None:
    for number in range(5):
        fold = make_fold(panel, "walk_forward", 7, 1, 5, number)
        returns = np.log(fold.close / fold.last_close)
        past = returns[fold.split.train]
        assert fold.targets == pytest.approx((returns - past.mean()) / past.std(), abs=0.1)  # but for a few rows
        assert abs(fold.targets[fold.split.train].mean()) < 0.02
        assert fold.targets[fold.split.train].std() == pytest.approx(1, abs=0.02)
        assert len(np.unique(fold.persistence)) == 1  # a log-return of 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("horizon", [1, 5])
def test_nothing_that_comes_later_moves_what_came_before(protocol: str, horizon: int) -> None:
    """Perturb prices and sentiment from a day on; every window, target and scaler that ends before stays as it was."""
    frames = {market: daily.frame for market, daily in synthetic.prices(TWO_YEARS).items()}
    mood = synthetic.sentiment(frames["btc"]).drop(pd.date_range("2016-05-01", "2016-06-20", freq="5D"))
    original = assemble(frames, mood, SERIES)[0]
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
        after = make_fold(assemble(shaken, shaken_mood, SERIES)[0], protocol, 7, horizon, 5, number)

        untouched = before.samples.targets <= known
        same_inputs = before.samples.origins <= known
        assert np.array_equal(before.samples.inputs[same_inputs], after.samples.inputs[same_inputs])
        assert np.array_equal(before.targets[untouched], after.targets[untouched])
        assert np.array_equal(before.persistence[same_inputs], after.persistence[same_inputs])
        assert all(np.array_equal(*parts) for parts in zip(before.split, after.split, strict=True))
        # And what should move does: else this test would see nothing.
        assert not np.array_equal(before.samples.inputs[~same_inputs], after.samples.inputs[~same_inputs])
        assert not np.isclose(before.targets[~untouched], after.targets[~untouched]).all()


def test_protocols_and_folds_that_do_not_exist(panel: Panel) -> None:
    with pytest.raises(DataError, match="protocol=magic: choose paper or walk_forward"):
        make_fold(panel, "magic", 7, 1, 5, 0)
    with pytest.raises(DataError, match="fold=1: protocol=paper has the folds 0 to 0"):
        make_fold(panel, "paper", 7, 1, 5, 1)
    with pytest.raises(DataError, match="fold=5: protocol=walk_forward has the folds 0 to 4"):
        make_fold(panel, "walk_forward", 7, 1, 5, 5)


def real(shared_data: Path, series: tuple[str, ...]) -> Panel:
    """With the tag rebuilt from prices, which begins a day later: the paper's 1303 rows."""
    markets = {market: prices.load(market, PAPER, shared_data).frame for market in MARKETS}
    sign = np.sign(markets["btc"]["Close"].diff()).dropna()
    return assemble(markets, sign, series)[0]


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
    dollars = fold.last_close[test] - fold.close[test]
    assert len(test) == 260
    assert np.sqrt(np.mean(scaled**2)) == pytest.approx(0.0209, abs=5e-5)
    assert np.abs(scaled).mean() == pytest.approx(0.0125, abs=5e-5)
    assert np.sqrt(np.mean(dollars**2)) == pytest.approx(395.8, abs=0.05)
    assert np.abs(dollars).mean() == pytest.approx(235.9, abs=0.05)
