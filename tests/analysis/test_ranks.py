"""Ranks over data sets and their tests, against worked examples from the literature."""

import itertools
import math

import pandas as pd
import pytest
from scipy import stats
from study_runs import results

from analysis.statistics import ranks as ranks_module
from analysis.statistics.ranks import critical_difference, friedman, ranks

DEMSAR = """
0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.9751 0.975
0.957 0.978 0.946 0.970
"""
"""Demsar (2006), Table 6: AUC of C4.5 with none, m, cf and both on 14 data sets. In the 13th he ranks a 0.975 first."""


def demsar() -> pd.DataFrame:
    rows = [[float(score) for score in line.split()] for line in DEMSAR.strip().splitlines()]
    return pd.DataFrame(rows, columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"])


def test_friedman_and_nemenyi_on_demsars_example() -> None:
    found = friedman(demsar())
    assert found.average.round(3).to_dict() == {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    # Demsar's 9.28 is without the correction for ties: his 7 ties of two or four share ranks
    assert 12 * 14 / (4 * 5) * ((found.average**2).sum() - 4 * 5**2 / 4) == pytest.approx(9.28, abs=0.005)
    ties = 3 * (2**3 - 2) + (4**3 - 4)  # iris, lung cancer, primary tumor; mushroom
    assert found.statistic == pytest.approx(9.2786 / (1 - ties / (14 * (4**3 - 4))), abs=0.001)
    assert found.p == pytest.approx(stats.chi2.sf(found.statistic, 3))
    # "the critical value is 2.569 and the critical difference 1.25": no two of them are told apart by Nemenyi's test
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.alike == [["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]]


@pytest.mark.parametrize(("treatments", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_are_those_of_demsars_table_5(treatments: int, q: float) -> None:
    expected = q * math.sqrt(treatments * (treatments + 1) / (6 * 7))
    assert critical_difference(treatments, 7) == pytest.approx(expected, rel=5e-4)


def test_bars_join_exactly_the_cells_whose_ranks_differ_by_less_than_the_critical_difference() -> None:
    steps = pd.DataFrame([[5.0, 4, 3, 2, 1]] * 6, columns=list("abcde"))  # difference 2.49: three neighbours
    found = friedman(steps)
    assert found.alike == [["a", "b", "c"], ["b", "c", "d"], ["c", "d", "e"]]
    for left, right in itertools.combinations("abcde", 2):
        together = any({left, right} <= set(bar) for bar in found.alike)
        assert together == (abs(ord(left) - ord(right)) < found.critical_difference)


def test_equal_scores_rank_alike() -> None:
    found = friedman(pd.DataFrame([[1.0, 1, 1], [2, 2, 2]], columns=list("abc")))
    assert (found.p, found.statistic) == (1, 0)
    assert set(found.average) == {2}


def test_the_two_groups_that_demsar_finds_at_10_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 3.2.2: CD = 2.291 sqrt(4 * 5 / (6 * 14)) = 1.12; C4.5 is worse than +m+cf and +m, but not than +cf."""
    monkeypatch.setattr(ranks_module, "ALPHA", 0.10)
    found = friedman(demsar())
    assert found.critical_difference == pytest.approx(1.12, abs=0.005)
    assert found.alike == [["C4.5+m+cf", "C4.5+m", "C4.5+cf"], ["C4.5+cf", "C4.5"]]


def test_only_cells_that_were_run_on_all_data_sets_are_ranked() -> None:
    scores = {"baseline": [0.1, 0.3], "C1": [0.5, 0.6], "C2": [0.3, 0.5]}
    runs = [results(scores, data=data, settings=data) for data in ("hate", "mlma")]
    runs.append(results({"baseline": [0.9], "C2": [0.1], "C1": [0.5], "C4": [0.2]}, data="ag", settings="ag"))
    found = ranks(pd.concat(runs))["bilstm", ""]
    assert sorted(found.data) == ["ag", "hate", "mlma"]
    assert found.average.to_dict() == pytest.approx({"C1": 4 / 3, "C2": 7 / 3, "baseline": 7 / 3})
    assert found.left_out == ["C4"]
    assert found.notes == ["Not ranked, since not run on all of these data sets: C4."]
    assert ranks(runs[0]) == {}


def test_a_data_set_with_few_cells_takes_no_ranks_from_the_others() -> None:
    scores = {"baseline": [0.1, 0.3], "C1": [0.5, 0.6], "C2": [0.3, 0.5], "H1": [0.2, 0.4], "H2": [0.1, 0.2]}
    runs = [results(scores, data=data, settings=data) for data in ("hate", "mlma", "hasoc")]
    runs.append(results({"baseline": [0.9], "C1": [0.5]}, data="ag", settings="ag"))
    found = ranks(pd.concat(runs))["bilstm", ""]
    assert (found.data, found.left_out) == (["hate", "mlma", "hasoc"], [])
    assert found.notes == ["Left out, since few of the cells were run there: ag."]


def test_the_placebo_has_no_rank() -> None:
    scores = {"baseline": [0.1, 0.3], "C1": [0.5, 0.6], "C2": [0.3, 0.5], "placebo": [0.9, 0.9]}
    runs = pd.concat([results(scores, data=data, settings=data) for data in ("hate", "mlma")])
    found = ranks(runs)["bilstm", ""]
    assert found.average.to_dict() == {"C1": 1, "C2": 2, "baseline": 3}
    assert found.left_out == []
