"""Runs on the market: the Bitcoin paper's Figure 7, as the runs have drawn it."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

PICTURE = ["protocol", "window", "model"]
"""The columns that the runs behind one picture share."""

MOST_PICTURES = 8
MEDIAN_RUN = (
    "The Bitcoin paper's Figure 7 for each model and window: of its runs the median one by RMSE on the days that are "
    f"scored, not the best. At most {MOST_PICTURES} are shown; every run's folder has its own."
)


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page: `source` is a data URI, `shows` describes it to readers who cannot see it."""

    title: str
    source: str
    shows: str


OF_BITCOIN = "Two charts over days of Bitcoin's close in dollars, its forecast and persistence."


def pictures(results: pd.DataFrame, apart: Sequence[str] = (), shows: str = OF_BITCOIN) -> Iterator[Picture]:
    """Figure 7 of the median run of each protocol, window and model.

    Args:
        results: of `scored`.
        apart: more columns that the runs behind one picture share.
        shows: see `Picture`.
    """
    groups = list(results.groupby([*PICTURE, *apart]))
    for (_, window, model, *more), rows in groups[:MOST_PICTURES]:
        median = rows.sort_values("rmse").iloc[(len(rows) - 1) // 2]
        errors = f"RMSE {median['rmse']:.4f}, MAE {median['mae']:.4f} scaled"
        title = (
            f"{' '.join(map(str, (model, *more)))}, window {window}, {median['features']}, seed {median['seed']}, "
            f"fold {median['fold']}: {errors}, RMSE {median['relative_rmse']:.2f} times persistence's"
        )
        png = Path(str(median["folder"])) / "figure7.png"
        if png.exists():
            yield Picture(title, f"data:image/png;base64,{b64encode(png.read_bytes()).decode()}", shows)
