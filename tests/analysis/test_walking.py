"""Runs that walk forward on the page of results: one row for each question, and what is said of all of them."""

import numpy as np
import pandas as pd

from analysis.findings.walking import persistence, volatility, walks, walks_table

USUAL = {"features": "btc", "sentiment": None, "messages": None, "control": None, "window": 7, "horizon": 1}


def numbers(*rows: dict[str, object]) -> pd.DataFrame:
    usual = {**USUAL, "target": "close", "source": "yahoo", "days": 500, "direction": 0.5, "direction_p": 0.5}
    return pd.DataFrame([{**usual, **row} for row in rows]).replace({None: np.nan})


def asked(relative: list[float], p: list[float], other: float = 1.001, **about: object) -> list[dict[str, object]]:
    """The rows of a question: a net of each seed, and two forecasts without a net."""
    errors = zip(range(len(p)), relative, p, strict=True)
    nets = [
        {"forecast": f"lstm baseline, seed {seed}", "relative_rmse": error, "dm_p": chance}
        for seed, error, chance in errors
    ]
    others = [
        {"forecast": name, "relative_rmse": error, "dm_p": 0.5} for name, error in (("ar", 2.0), ("ridge", other))
    ]
    return [{**about, **row} for row in (*nets, *others)]


def test_a_question_is_one_row_with_all_its_seeds() -> None:
    rows = walks(numbers(*asked([0.9, 1.1, 1.3], [0.01, 0.6, 0.02]), *asked([1.2], [0.5], 0.8, window=30)))
    first, second = rows.to_dict("records")
    assert (first["window"], first["seeds"], first["days"], second["window"]) == (7, 3, 500, 30)
    assert np.allclose([first["mean"], first["low"], first["high"]], [1.1, 0.9, 1.3])
    assert (first["better"], first["worse"]) == (1, 1)
    assert (first["other"], first["other_relative"], second["other_relative"]) == ("ridge", 1.001, 0.8)


def test_one_small_p_among_many_nets_is_no_certainty() -> None:
    alone = walks(numbers(*asked([0.9], [0.02])))
    many = walks(numbers(*asked([0.9], [0.02]), *asked([1.1] * 9, [0.5] * 9, window=30)))
    assert alone["surely"].sum() == 1
    assert (many["better"].sum(), many["surely"].sum()) == (1, 0)


def test_controls_make_no_net_less_sure_and_are_not_counted_among_them() -> None:
    leak = asked([0.7] * 9, [0.5] * 9, sentiment="reddit", control="leak", features="btc_sent")
    rows = walks(numbers(*asked([0.9], [0.02]), *leak))
    first, second = persistence(rows)
    assert "1 of 1 combinations" in first
    assert "of 1 nets 1 err significantly less" in first
    assert "0.70 to 0.70 times as much as persistence" in second


def test_volatility_is_told_apart_from_closes() -> None:
    rows = walks(numbers(*asked([1.01], [0.5]), *asked([0.8, 0.9], [0.0, 0.0], 0.7, target="volatility")))
    (told,) = volatility(rows)
    assert "on btc, have 0.850 times the error" in told
    assert "(ridge) 0.700" in told
    assert "0 of 1 combinations" in persistence(rows)[0]
    assert volatility(rows[rows["target"] == "close"]) == []


def test_a_series_that_looks_like_the_price_is_named_under_the_table() -> None:
    rows = walks(numbers(*asked([1.0], [0.5], sentiment="tag"), *asked([1.0], [0.5], sentiment="reddit")), ["tag"])
    assert rows.set_index("sentiment")["like_price"].to_dict() == {"tag": True, "reddit": False}
    assert any(note.endswith("look like the price itself: tag.") for note in walks_table(rows).notes)
    assert not any("price itself" in note for note in walks_table(rows[~rows["like_price"]]).notes)


def test_the_table_leaves_out_what_no_question_names() -> None:
    shown = walks_table(walks(numbers(*asked([1.0, 1.2], [0.5, 0.5])))).shown
    assert {"sentiment", "messages", "control"}.isdisjoint(shown)
    assert shown["nets"].tolist() == ["1.100 [1.000, 1.200]"]
    assert shown["best other"].tolist() == ["ridge 1.001"]
