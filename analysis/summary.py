"""A small table for the terminal: what was run, and how it scored."""

import pandas as pd

GROUPS = ["data", "model", "settings", "cell"]
"""Fits of one group differ in seed and fold only."""

SCORES = ["accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1"]


def summary(results: pd.DataFrame) -> str:
    """Mean test scores in percent over the fits of each group, with seconds a fit and parameters."""
    test = results[results["split"] == "test"]
    groups = test.groupby(GROUPS, sort=False)
    table = groups[SCORES].mean() * 100
    table.insert(0, "fits", groups.size())
    table["seconds"] = groups["seconds"].mean()
    table["parameters"] = groups["parameters"].mean()
    formats = {score: "{:.1f}".format for score in [*SCORES, "seconds"]} | {"parameters": "{:,.0f}".format}
    return table.reset_index().to_string(index=False, formatters=formats)
