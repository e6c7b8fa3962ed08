"""Which pre-trained encoder stands for BERT in these runs."""

import pandas as pd

from analysis.published.cell_paper import BERT
from analysis.tables.formatting import number


def encoders(results: pd.DataFrame) -> str:
    """The checkpoints of the runs of BERT with their sizes; empty if there are no such runs.

    Args:
        results: from `text_results.read`.
    """
    runs = results[(results["model"] == BERT) & (results["encoder"] != "")]
    sizes = runs.groupby("encoder", sort=False)["parameters"].median()
    return ", ".join(f"{name}, {number(size / 1e6, 1)} million parameters" for name, size in sizes.items())
