"""Scores of the finished runs on the market."""

from pathlib import Path

import pandas as pd

from analysis.study import results


def scored(runs: Path) -> pd.DataFrame:
    """The row of metrics.csv about the part that is scored, the last one, for each finished run.

    Raises:
        UserError: there are none.
    """
    return results.read(runs, "features").groupby("folder", sort=False).tail(1).reset_index(drop=True)
