"""Changes of a forecast's error, against numbers computed by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from analysis.statistics.error_changes import FOLD, SEED, error_changes
from analysis.statistics.significance import ALPHA
from conf.compose import PLACEBO


def runs(cell: str, *folds: list[float], n_folds: int = 4) -> pd.DataFrame:
    """Runs of a cell: for each fold the RMSE of each seed, of which the MAE is half."""
    rows = [
        {"series": "flow", "cell": cell, "seed": seed, "fold": fold, "n_folds": n_folds, "rmse": rmse, "mae": rmse / 2}
        for fold, seeds in enumerate(folds)
        for seed, rmse in enumerate(seeds)
    ]
    return pd.DataFrame(rows)


def of_rmse(*parts: pd.DataFrame) -> pd.DataFrame:
    return error_changes(pd.concat(parts), ["series"]).query("metric == 'rmse'").set_index("cell")


def test_on_one_fold_the_unit_is_the_seed() -> None:
    row = of_rmse(runs("baseline", [10.0, 20.0, 40.0]), runs("C1", [8.0, 20.0, 20.0])).loc["C1"]
    logs = np.log([0.8, 1.0, 0.5])
    reach = t.ppf(0.975, 2) * logs.std(ddof=1) / 3**0.5
    assert (row["unit"], row["units"], row["seeds"], row["folds"], row["pairs"]) == (SEED, 3, 3, 1, 3)
    assert row["change"] == pytest.approx(100 * (0.4 ** (1 / 3) - 1))
    assert [row["low"], row["high"]] == pytest.approx(list(100 * np.expm1(logs.mean() + reach * np.array([-1, 1]))))
    assert (row["baseline"], row["error"]) == pytest.approx((70 / 3, 16))


def test_on_several_folds_the_unit_is_the_fold_and_its_variance_is_corrected() -> None:
    row = of_rmse(runs("baseline", [10.0, 10.0], [10.0, 10.0]), runs("C1", [9.0, 8.0], [7.0, 9.0])).loc["C1"]
    logs = np.log([[0.9, 0.8], [0.7, 0.9]]).mean(1)
    ratio = (1 / (0.8 * 4) + 1 / (0.8 * 5)) / 2  # an eighth is tested; 0.8 * 4 / 8 and 0.8 * 5 / 8 are trained on
    assert (row["unit"], row["units"]) == (FOLD, 2)
    assert row["se"] == pytest.approx(logs.std(ddof=1) * (1 / 2 + ratio) ** 0.5)
    assert row["p"] == pytest.approx(2 * t.sf(abs(logs.mean()) / row["se"], 1))


def test_more_seeds_are_no_more_folds() -> None:
    few = of_rmse(runs("baseline", [10.0], [10.0]), runs("C1", [9.0], [8.0])).loc["C1"]
    many = of_rmse(runs("baseline", [10.0] * 9, [10.0] * 9), runs("C1", [9.0] * 9, [8.0] * 9)).loc["C1"]
    assert many["p"] == pytest.approx(few["p"])


def test_only_pairs_of_one_seed_and_fold_count() -> None:
    row = of_rmse(runs("baseline", [10.0, 10.0]), runs("C1", [9.0, 8.0, 1.0])).loc["C1"]
    assert row["pairs"] == 2
    assert row["error"] == pytest.approx(8.5)


def test_holm_counts_the_cells_and_leaves_the_placebo_out() -> None:
    base = runs("baseline", [10.0, 20.0, 40.0])
    cells = [runs(cell, [9.0, 19.0, 39.0]) for cell in ("C1", "C2", PLACEBO)]
    table = of_rmse(base, *cells)
    assert table["p_holm"]["C1"] == pytest.approx(2 * table["p"]["C1"])
    assert table["p_holm"][PLACEBO] == table["p"][PLACEBO]
    assert table["tests"].to_dict() == {"C1": 2, "C2": 2, PLACEBO: 1}
    assert table["detectable"]["C1"] > table["detectable"][PLACEBO] > 0


@pytest.mark.parametrize("altered", [[9.0], [9.0, 0.0]], ids=["one pair", "an error of 0"])
def test_without_a_spread_there_is_no_interval(altered: list[float]) -> None:
    row = of_rmse(runs("baseline", [10.0, 10.0]), runs("C1", altered)).loc["C1"]
    assert row[["low", "high", "p", "p_holm", "detectable"]].isna().all()


def test_without_an_altered_cell_there_is_nothing_to_compare() -> None:
    assert error_changes(runs("baseline", [10.0]), ["series"]).empty


def test_folds_that_correlate_give_few_false_alarms() -> None:
    """No cell differs on average; its differences on four folds correlate by 0.3."""
    random, count = np.random.default_rng(0), 150
    altered = []
    for number in range(count):
        logs = 0.05 * (0.3**0.5 * random.normal() + 0.7**0.5 * random.normal(size=4))
        altered.append(runs("C1", *[[10 * float(np.exp(each))] for each in logs]).assign(series=number))
    base = [runs("baseline", *[[10.0]] * 4).assign(series=number) for number in range(count)]
    found = error_changes(pd.concat([*base, *altered]), ["series"]).query("metric == 'rmse'")
    assert (found["p"] < ALPHA).mean() < 0.08
