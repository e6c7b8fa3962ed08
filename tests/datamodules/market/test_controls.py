"""Control experiments replace sentiment, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from datamodules.errors import DataError
from datamodules.market.controls import apply_control
from datamodules.market.panel import Panel

CLOSE = pd.Series([10.0, 12, 11, 11, 15], pd.date_range("2020-01-01", periods=5))
PANEL = Panel(pd.DataFrame({"btc Close": CLOSE, "sentiment": [0.1, 0.2, 0.3, 0.4, 0.5]}), CLOSE)


def test_without_a_control_nothing_changes() -> None:
    assert apply_control(PANEL, None, 1, 0) is PANEL


@pytest.mark.parametrize(("horizon", "expected"), [(1, [1, -1, 0, 1, 0]), (2, [1, -1, 1, 0, 0])])
def test_a_leak_is_the_sign_of_the_change_to_be_forecast(horizon: int, expected: list[int]) -> None:
    leaking = apply_control(PANEL, "leak", horizon, 0)
    assert leaking.features["sentiment"].tolist() == expected
    assert leaking.features["btc Close"].equals(PANEL.features["btc Close"])


def test_shuffling_keeps_the_values_and_depends_on_the_seed() -> None:
    first = apply_control(PANEL, "shuffled", 1, 0).features["sentiment"].to_numpy()
    assert sorted(first) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert first.tolist() != [0.1, 0.2, 0.3, 0.4, 0.5]
    assert np.array_equal(apply_control(PANEL, "shuffled", 1, 0).features["sentiment"], first)
    assert not np.array_equal(apply_control(PANEL, "shuffled", 1, 3).features["sentiment"], first)
    assert PANEL.features["sentiment"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_unknown_controls_and_features_without_sentiment_are_refused() -> None:
    with pytest.raises(DataError, match="control=leek: choose shuffled or leak"):
        apply_control(PANEL, "leek", 1, 0)
    with pytest.raises(DataError, match="control=leak needs features with sentiment"):
        apply_control(Panel(PANEL.features[["btc Close"]], CLOSE), "leak", 1, 0)
