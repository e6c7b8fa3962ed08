"""Nets with sentiment beside the same nets without it: like with like, on the same days."""

import numpy as np
import pandas as pd
import pytest

from analysis.findings.beside_none import counted, pairs_of_nets, sentences

DAYS = [f"2019-{day:03}" for day in range(100, 160)]


def net(error: float, days: list[str] = DAYS, **about: object) -> pd.DataFrame:
    """The predictions of one net, off by about `error` in logarithms."""
    noise = np.random.default_rng(len(days)).uniform(0.5, 1.5, len(days))
    usual = {"sentiment": None, "messages": None, "control": None, "window": 7, "horizon": 1, "seed": 0}
    usual |= {"features": "btc", "source": "yahoo", "target": "close", "split": "test"}
    values = {**usual, "model": "lstm", "cell": "baseline", **about}
    return pd.DataFrame({"day": days, "truth": 100.0, "prediction": 100 * np.exp(error * noise)}).assign(**values)


def mood(error: float, days: list[str] = DAYS, **about: object) -> pd.DataFrame:
    return net(error, days, **{"features": "btc_sent", "sentiment": "reddit", **about})


def test_both_nets_are_scored_on_the_days_that_they_share() -> None:
    early = net(9.0, DAYS[:20]), net(0.1, DAYS[20:])
    (row,) = pairs_of_nets(pd.concat([*early, mood(0.2, DAYS[20:])])).to_dict("records")
    assert row["days"] == 40
    assert row["rmse"] == pytest.approx(2 * row["rmse_without"])
    assert row["p_holm"] < 0.05


@pytest.mark.parametrize(
    "about", [{"window": 30}, {"horizon": 3}, {"seed": 1}, {"features": "btc_usd_sent"}, {"target": "volatility"}]
)
def test_what_differs_in_more_than_the_sentiment_is_no_pair(about: dict[str, object]) -> None:
    assert pairs_of_nets(pd.concat([net(0.1), mood(0.2, **about)])).empty


def test_the_price_itself_and_a_leak_are_no_sentiment() -> None:
    rows = pd.concat([net(0.1), mood(0.2, sentiment="tag"), mood(0.2, control="leak"), mood(0.05)])
    pairs = pairs_of_nets(rows, ["tag"])
    assert (pairs["sentiment"] + pairs["control"]).tolist() == ["reddit"]
    assert counted(pairs) == {"combinations": 1, "lower": 1, "nets": 1, "better": 1, "worse": 0}
    (told,) = sentences(pairs, ["tag"])
    assert "1 source of sentiment" in told
    assert "lower with sentiment in 1 of 1 combinations, and 0.500 to 0.500 times that without" in told
    assert "Of 1 nets 1 err significantly less" in told
    assert told.endswith("Not counted as sentiment: tag, the price itself.")


def test_shuffled_sentiment_is_told_apart() -> None:
    pairs = pairs_of_nets(pd.concat([net(0.1), mood(0.2), mood(0.05, control="shuffled")]))
    first, second = sentences(pairs, [])
    assert "lower with sentiment in 0 of 1 combinations" in first
    assert "0 err significantly less than their partner of the same seed and 1 significantly more" in first
    assert "lower in 1 of 1 combinations" in second
