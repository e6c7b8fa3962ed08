"""Verdicts on the Bitcoin paper's claims, from made-up errors of which the answer is known."""

import numpy as np
import pandas as pd
import pytest

from analysis.claims.market_claims import (
    MODELS,
    WINDOWS,
    BestClaim,
    ContrastClaim,
    LevelClaim,
    claims,
    effect,
    feature_sets,
    pairs,
)
from analysis.claims.market_verdicts import judge, market_verdicts, printed
from analysis.published import bitcoin_paper
from analysis.report import overview
from analysis.statistics.contrasts import Contrasts, Field
from analysis.tables.market_verdicts_table import verdicts_table

DAYS = [f"day {number}" for number in range(200)]


def table(size: float, seeds: int = 5, noise: float = 0.001, seed: int = 0) -> pd.DataFrame:
    """Errors of about this size: of a seed the same on all days but for little noise and their signs."""
    random = np.random.default_rng(seed)
    sizes = size + noise * random.standard_normal((seeds, 1)) + noise * random.standard_normal((seeds, len(DAYS)))
    return pd.DataFrame(sizes * random.choice([-1, 1], (seeds, len(DAYS))), columns=DAYS)


def as_in_the_paper(seeds: int = 5, noise: float = 0.001) -> Contrasts:
    """Runs whose validation RMSE is the paper's."""
    rows = bitcoin_paper.errors()
    fields = zip(rows["window"], rows["features"], rows["model"], rows["val_rmse"], strict=True)
    return Contrasts({Field(w, f, m): table(rmse, seeds, noise, i) for i, (w, f, m, rmse) in enumerate(fields)})


def verdict(claim_text: str, contrasts: Contrasts, metric: str = "rmse") -> dict[str, object]:
    (row,) = market_verdicts(contrasts).query("claim == @claim_text and metric == @metric").to_dict("records")
    return row


def test_runs_with_the_papers_errors_reproduce_all_that_its_tables_show() -> None:
    found = market_verdicts(as_in_the_paper()).query("metric == 'rmse'").set_index("claim")["verdict"]
    shown = {
        claim.text: _shown(claim) for claim in claims() if not (isinstance(claim, LevelClaim) and claim.metric == "mae")
    }
    assert {claim for claim, ours in found.items() if ours != "reproduced"} == {
        claim for claim, shown in shown.items() if not shown
    }


def _shown(claim: ContrastClaim | LevelClaim | BestClaim) -> bool:
    """Whether the paper's own RMSE support the claim."""
    if isinstance(claim, BestClaim):
        return all(printed({other: 1.0, claim.best: -1.0}, "rmse") > 0 for other in claim.others)
    value = printed(claim.weights, "rmse")
    if isinstance(claim, LevelClaim):
        return abs(value - claim.number) <= 0.005
    return value < 0 if claim.bound == "below" else value > 0


def test_the_papers_tables_support_its_claims() -> None:
    """Where they do not, the claims are read wrongly, or the paper contradicts itself."""
    assert [
        claim.text
        for claim in claims()
        if not (isinstance(claim, LevelClaim) and claim.metric == "mae") and not _shown(claim)
    ] == []


def test_the_means_with_sp500_are_the_discussions() -> None:
    levels = {
        claim.metric: printed(claim.weights, claim.metric)
        for claim in claims()
        if isinstance(claim, LevelClaim) and "SP500" in claim.text
    }
    assert levels == pytest.approx({"rmse": 0.3600, "mae": 0.3225})


def test_the_opposite_is_not_reproduced() -> None:
    contrasts = as_in_the_paper()
    worse, better = Field(7, "btc_sent", "lstm"), Field(7, "btc", "lstm")
    contrasts.errors[worse], contrasts.errors[better] = contrasts.errors[better], contrasts.errors[worse]
    assert verdict("sentiment helps the LSTM at 1 week", contrasts)["verdict"] == "not reproduced"
    best = verdict("btc_sent is the best set of the LSTM at 1 week", contrasts)
    assert (best["verdict"], "btc" in str(best["because"])) == ("not reproduced", True)


def test_noise_between_seeds_decides_nothing_and_says_how_many_would() -> None:
    row = verdict("sentiment helps the LSTM at 1 week", as_in_the_paper(seeds=3, noise=0.08))
    assert row["verdict"] == "not decidable"
    assert "over seeds" in str(row["because"])
    assert row["needed"] > 3


def test_one_seed_is_too_few() -> None:
    row = verdict("sentiment helps the LSTM at 1 week", as_in_the_paper(seeds=1))
    assert (row["verdict"], row["because"]) == ("not decidable", "too few seeds for an interval")


def test_days_that_differ_decide_nothing_though_seeds_agree() -> None:
    """With sentiment the first half of the days is better and the second worse, for every seed."""
    better = np.r_[np.full(100, 0.1), np.full(100, 0.3)] + 0.0
    worse = np.full(200, 0.2236)  # the same root mean square, nearly
    rows = np.arange(4)[:, None] * 1e-6
    contrasts = Contrasts(
        {
            Field(7, "btc_sent", "lstm"): pd.DataFrame(better + 2 * rows, columns=DAYS),
            Field(7, "btc", "lstm"): pd.DataFrame(worse + 0.001 + rows, columns=DAYS),
        }
    )
    claim = next(claim for claim in claims() if claim.text == "sentiment helps the LSTM at 1 week")
    row = next(iter(judge(claim, contrasts)))
    assert row["high"] < 0
    assert (row["verdict"], row["because"]) == ("not decidable", "the interval over days holds 0")


def test_missing_fields_are_counted() -> None:
    contrasts = as_in_the_paper()
    del contrasts.errors[Field(30, "btc_sp500", "lstm")]
    assert verdict("SP500 hurts the LSTM at 1 month", contrasts)["because"] == "1 of 8 fields missing"


def test_a_level_that_is_not_held_says_on_which_side_ours_is() -> None:
    contrasts = Contrasts({Field(7, "btc_sent", "lstm"): table(0.03)})
    row = verdict("the forecast of Figure 7 has an error of 0.12", contrasts)
    assert (row["verdict"], row["because"]) == ("not reproduced", "ours is smaller")


def test_pairs_differ_in_one_series_and_every_effect_is_balanced() -> None:
    assert pairs("sp500") == [
        ("btc_sp500", "btc"),
        ("btc_usd_sp500", "btc_usd"),
        ("btc_sent_sp500", "btc_sent"),
        ("btc_usd_sent_sp500", "btc_usd_sent"),
    ]
    weights = effect("sent", WINDOWS, MODELS)
    assert len(weights) == 48
    assert sum(weights.values()) == pytest.approx(0)
    assert sum(abs(weight) for weight in weights.values()) == pytest.approx(2)
    assert list(bitcoin_paper.FEATURE_COUNTS) == feature_sets()


def test_the_report_counts_the_verdicts() -> None:
    about = verdicts_table(as_in_the_paper(), "cell baseline", "bitcoin_verdicts")
    says = overview.market_claims(about)
    assert says.startswith("The Bitcoin paper's claims, cell baseline, each in RMSE and in MAE")
    assert f"of {len(about.numbers)} verdicts" in says
    assert f"{(about.numbers['verdict'] == 'reproduced').sum()} reproduced" in says
    assert all(any(found.text in note for note in about.notes) for found in bitcoin_paper.CONTRADICTIONS)
