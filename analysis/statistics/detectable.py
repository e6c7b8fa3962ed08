"""Which improvement the runs at hand could have told from none."""

import pandas as pd

from analysis.published import cell_paper
from analysis.published.cell_paper import PRINTED_SCORES
from analysis.statistics.power import FEWEST_SPLITS, least_detectable

GROUP = ["data", "model", "recipe", "metric"]


def detectable(improved: pd.DataFrame) -> pd.DataFrame:
    """The least improvement that the test finds with 80% power, of the median alteration on each data set.

    Args:
        improved: from `improvements.improvements`.

    Returns:
        A row for each data, model, recipe and printed score with FEWEST_SPLITS or more: cells, how many of the paper's
        alterations; splits, the fewest; alone: the improvement in percent of a single test at 5%; corrected: that of
        the strictest step of Holm's correction over these alterations. Both are medians over them.
    """
    rows = improved[improved["metric"].isin(PRINTED_SCORES) & improved["cell"].isin(cell_paper.alterations())]
    rows = rows[rows["splits"] >= FEWEST_SPLITS].dropna(subset="se")
    found = []
    for key, group in rows.groupby(GROUP, sort=False):
        se, splits = float(group["se"].median()), int(group["splits"].min())
        found.append(
            {
                **dict(zip(GROUP, key, strict=True)),
                **{"cells": len(group), "splits": splits},
                "alone": least_detectable(se, splits - 1),
                "corrected": least_detectable(se, splits - 1, len(group)),
            }
        )
    return pd.DataFrame(found, columns=[*GROUP, "cells", "splits", "alone", "corrected"])
