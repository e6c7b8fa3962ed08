"""By how many percent cells and models improve a score."""

import math

import numpy as np
import pandas as pd
import pytest
from study_runs import results

from analysis.statistics.improvements import improvements, model_improvements, with_mean_cell
from conf.kinds import GIVEN


def one(table: pd.DataFrame, metric: str = "macro_f1", cell: str = "C1") -> pd.Series:
    ((_, row),) = table[(table["metric"] == metric) & (table["cell"] == cell)].iterrows()
    return row


def test_improvement_is_that_of_the_mean_scores() -> None:
    row = one(improvements(results({"baseline": [0.2, 0.4, 0.6], "C1": [0.3, 0.4, 0.5]})))
    assert row["improvement"] == pytest.approx(0)
    row = one(improvements(results({"baseline": [0.2, 0.4, 0.6], "C1": [0.3, 0.5, 0.52]})))
    assert row["improvement"] == pytest.approx(100 * (1.32 / 1.2 - 1))
    assert [row["n"], row["wins"], row["ties"], row["losses"]] == [3, 2, 0, 1]
    differences = 100 * np.array([0.1, 0.1, -0.08]) / 0.4
    assert row["sd"] == pytest.approx(differences.std(ddof=1))
    assert row["ratio"] == 1 / 8
    assert row["baseline"] == pytest.approx(0.4)


def test_only_pairs_count() -> None:
    table = results({"baseline": [0.2, 0.4], "C1": [0.3, 0.5, 0.9]})
    row = one(improvements(table))
    assert row["n"] == 2
    assert row["improvement"] == pytest.approx(100 * (0.8 / 0.6 - 1))


def test_f1_is_the_mean_of_three_relative_improvements() -> None:
    table = results({"baseline": [0.2, 0.4], "C1": [0.3, 0.5]})
    table.loc[table["cell"] == "C1", "micro_f1"] = [0.1, 0.2]  # as the baseline's
    table = improvements(table)
    each = [one(table, metric)["improvement"] for metric in ("macro_f1", "micro_f1", "weighted_f1")]
    assert each[1] == pytest.approx(0)
    assert one(table, "f1")["improvement"] == pytest.approx(sum(each) / 3)


def test_a_baseline_of_zero_is_never_an_infinite_improvement() -> None:
    row = one(improvements(results({"baseline": [0.0, 0.4], "C1": [0.1, 0.4]})))
    assert row["improvement"] == pytest.approx(25)
    row = one(improvements(results({"baseline": [0.0, 0.0], "C1": [0.1, 0.4]})))
    assert math.isnan(row["improvement"])
    assert math.isnan(row["p"])


def test_runs_on_one_given_test_part_have_no_interval() -> None:
    table = results({"baseline": [0.2, 0.4, 0.6], "C1": [0.3, 0.4, 0.5]})
    assert one(improvements(table))["sd"] > 0
    table = table.assign(partition=GIVEN, fold=[*range(3)] * 2)
    row = one(improvements(table))
    assert row["n"] == 3
    assert row[["sd", "low", "high", "p"]].isna().all()


def test_one_pair_has_no_interval() -> None:
    row = one(improvements(results({"baseline": [0.4], "C1": [0.5]})))
    assert row["improvement"] == pytest.approx(25)
    assert row[["sd", "se", "low", "high", "p", "p_holm"]].isna().all()


def test_cells_that_agree_to_the_last_digit_are_no_better() -> None:
    row = one(improvements(results({"baseline": [0.4, 0.5], "C1": [0.4, 0.5]})))
    assert row["p"] == 1
    assert [row["low"], row["high"], row["ties"]] == [0, 0, 2]


def test_other_settings_are_never_paired() -> None:
    apart = [results({"baseline": [0.2, 0.3]}), results({"C1": [0.3, 0.4]}, settings="b2")]
    assert improvements(pd.concat(apart)).empty


def test_each_recipe_of_another_model_is_compared_by_itself() -> None:
    ours = results({"C1": [0.4, 0.5]})
    theirs = [
        results({"baseline": [0.5 + gain, 0.6 + gain]}, model="bert", recipe=recipe, settings=recipe)
        for recipe, gain in (("epochs=1", 0.0), ("epochs=4", 0.1))
    ]
    found = model_improvements(pd.concat([ours, *theirs]), "").query("metric == 'macro_f1'").set_index("of")
    assert found["cell"].tolist() == ["bert", "bert"]
    assert found["improvement"].to_dict() == pytest.approx({"epochs=1": 100 * 0.2 / 0.9, "epochs=4": 100 * 0.4 / 0.9})
    assert model_improvements(ours, "").empty


def test_a_mean_of_cells_is_of_runs_that_have_them_all() -> None:
    table = results({"baseline": [0.4, 0.4, 0.4], "C1": [0.5, 0.5, 0.5], "C2": [0.7, 0.9]})
    row = one(improvements(with_mean_cell(table, ["C1", "C2"], "both")), cell="both")
    assert row["n"] == 2
    assert row["improvement"] == pytest.approx(100 * (0.6 + 0.7 - 0.8) / 0.8)


def test_the_placebo_is_a_family_of_its_own() -> None:
    scores = {"baseline": [0.4, 0.5, 0.6], "C1": [0.5, 0.5, 0.7], "C2": [0.3, 0.4, 0.7]}
    with_it = improvements(results({**scores, "placebo": [0.5, 0.6, 0.6]}))
    without = improvements(results(scores))
    for cell in ("C1", "C2"):
        assert one(with_it, cell=cell)["p_holm"] == one(without, cell=cell)["p_holm"]
    assert one(without)["p_holm"] == 2 * one(without)["p"]
    assert one(with_it, cell="placebo")["p_holm"] == one(with_it, cell="placebo")["p"]


def test_other_cells_make_those_of_table_1_no_less_significant() -> None:
    scores = {"baseline": [0.4, 0.5, 0.6], "C1": [0.5, 0.5, 0.7], "C2": [0.3, 0.4, 0.7]}
    more = {"C1+H2": [0.4, 0.6, 0.6], "CIFG": [0.4, 0.4, 0.5], "c := tanh(c)": [0.3, 0.5, 0.5]}
    both, alone = improvements(results({**scores, **more})), improvements(results(scores))
    for cell in ("C1", "C2"):
        assert one(both, cell=cell)["p_holm"] == one(alone, cell=cell)["p_holm"]
    assert max(one(both, cell=cell)["p_holm"] / one(both, cell=cell)["p"] for cell in more) == pytest.approx(3)


def test_seeds_on_one_partition_are_means_of_their_fold() -> None:
    runs = [
        results({"baseline": [0.4, 0.4], "C1": each}).assign(fold=fold)
        for fold, each in enumerate([[0.5, 0.7], [0.4, 0.4]])
    ]
    table = pd.concat(runs)
    own = one(improvements(table))
    assert (own["n"], own["splits"], own["improvement"]) == (4, 4, pytest.approx(25))
    shared = one(improvements(table.assign(partition="fixed 0")))
    assert (shared["n"], shared["splits"], shared["improvement"]) == (4, 2, pytest.approx(25))
    assert shared["sd"] == pytest.approx(np.std([50, 0], ddof=1))
