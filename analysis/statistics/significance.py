"""Standard errors, intervals and p of mean differences between runs, and Holm's correction for many of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.published import cell_paper
from conf.compose import PLACEBO

ALPHA = 0.05
"""The level of every test, and of the intervals: 1 - ALPHA = 95%."""


class TTest(NamedTuple):
    """For each mean its standard error, 95% interval and two-sided p; NaN where there are too few splits to tell."""

    se: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]


def corrected_t_test(mean: ArrayLike, sd: ArrayLike, n: ArrayLike, ratio: ArrayLike) -> TTest:
    """The corrected t-test of Nadeau and Bengio (2003) for resampled data, which is also that of Bouckaert and Frank
    (2004) for cross-validation that is repeated r times with k folds, each time with another partition, n = k r:

        t = mean / sqrt((1 / n + ratio) sd^2),  n - 1 degrees of freedom

    The differences of n splits are not independent, as their training parts overlap: if they were, their mean's
    variance would be sd^2 / n alone. The second term does not shrink with n. It is right if the differences of two
    splits correlate by n_test / (n_test + n_train).

    Args:
        mean, sd: mean and standard deviation of the n differences; sd with n - 1 in the denominator.
        n: different splits of the documents into training and test part; fewer than two give NaN.
        ratio: documents in a test part for each one in a training part, n_test / n_train.
    """
    mean, sd, n, ratio = (np.asarray(values, float) for values in (mean, sd, n, ratio))
    se = np.where(n > 1, np.sqrt((1 / n + ratio) * sd**2), np.nan)
    return t_test(mean, se, np.where(n > 1, n - 1, np.nan))


def t_test(mean: NDArray[np.float64], se: NDArray[np.float64], df: NDArray[np.float64]) -> TTest:
    """Interval and p of means with known standard errors `se`, by Student's t with `df` degrees of freedom.

    Runs that agree to the last digit have se 0: p is 1 if their mean is 0, else 0.
    """
    from scipy.stats import t

    reach = t.ppf(1 - ALPHA / 2, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * t.sf(np.abs(mean / se), df)
    p = np.where((se == 0) & (mean == 0), 1.0, p)
    return TTest(se, mean - reach, mean + reach, p)


def ratio_of_test_to_train(n_folds: pd.Series) -> pd.Series:
    """n_test / n_train of folds that leave one part out for testing and one for validation: 1 / (n_folds - 2).

    Ten folds are the paper's 80-10-10: 1/8.
    """
    return 1 / (n_folds - 2)


def holm(table: pd.DataFrame, family: list[str]) -> pd.Series:
    """The column p adjusted by Holm's method (1979) over the rows of the same family; NaN stays NaN and does not count.

    The k-th smallest of m is multiplied by m - k + 1, and is no smaller than those before it. statsmodels'
    multipletests does the same for one family, with a garbage collection in each call: seconds in all for a study.
    """
    rising = table[[*family, "p"]].sort_values("p", kind="stable")
    groups = rising.groupby(family, sort=False)["p"]
    adjusted = rising["p"] * (groups.transform("count") - groups.cumcount())
    return adjusted.groupby([rising[name] for name in family], sort=False).cummax().clip(upper=1).reindex(table.index)


def holm_over_alterations(table: pd.DataFrame, family: list[str]) -> pd.Series:
    """`holm` over the cells of each family, those of each kind by themselves, see `kinds_of_cells`."""
    return holm(table.assign(kind=kinds_of_cells(table["cell"])), [*family, "kind"])


def alterations_tested(table: pd.DataFrame, family: list[str]) -> pd.Series:
    """Over how many cells `holm_over_alterations` corrects each row; no two rows of a family have the same cell."""
    kind = kinds_of_cells(table["cell"])
    return table.assign(kind=kind).groupby([*family, "kind"])["cell"].transform("size").where(kind != PLACEBO, 1)


def kinds_of_cells(cells: pd.Series) -> pd.Series:
    """Table 1, a placebo, or other: which cells are corrected together.

    How many other cells were tried on a data set makes the paper's 17 no less significant, nor does a placebo, which
    is no alteration.
    """
    paper = cell_paper.alterations()
    return cells.map(lambda cell: cell if cell == PLACEBO else "Table 1" if cell in paper else "other")
