"""Tables 1-3 of the Bitcoin paper beside finished runs: `python -m analysis market runs`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from .results import ResultsError, read_table

PUBLISHED = Path(__file__).with_name("published") / "bitcoin.csv"
"""The paper's 3 x 64 numbers: train and val RMSE and MAE of each window, feature set and model."""

SCORES = [f"{split}_{score}" for split in ("train", "val") for score in ("rmse", "mae")]
CELL = ["window", "features", "model"]
"""What names a cell of the tables."""

SETTINGS = ["cell", "horizon", "source"]
"""Runs that differ in these are other tables."""

SHOWN = [*CELL, *SETTINGS, "protocol", "sentiment", "control", "seed", "fold"]


def report(runs: Path) -> str:
    """Everything there is to say of the market runs below a folder: `tables`, and `walk_forward.pooled`.

    Raises:
        ResultsError: there are none, or some that differ in something that no table shows, such as epochs.
    """
    metrics, baselines, predictions = (
        read_table(runs, "features", table) for table in ("metrics", "baselines", "predictions")
    )
    twice = metrics[metrics.duplicated([*SHOWN, "split"])]
    if len(twice):
        run = ", ".join(f"{key} {twice.iloc[0][key]}" for key in CELL)
        raise ResultsError(
            f"{runs} holds runs of {run} that differ in what these tables do not show (see their config.yaml): "
            "give a folder below it, or keep them apart with runs_dir=..."
        )
    parts = []
    if (paper := _of_the_paper(metrics)).any():
        parts.append(tables(metrics[paper], baselines[_of_the_paper(baselines)]))
    if (walked := predictions["protocol"] == "walk_forward").any():
        from .walk_forward import pooled  # imports SciPy

        parts.append(pooled(predictions[walked]))
    return "\n\n".join(parts)


def _of_the_paper(table: pd.DataFrame) -> pd.Series:
    return (table["protocol"] == "paper") & table["control"].isna()


def tables(metrics: pd.DataFrame, baselines: pd.DataFrame) -> str:
    """Paper / ours in each cell, the latter as a mean over seeds, and persistence below.

    Args:
        metrics: rows of metrics.csv of runs with protocol=paper and without a control.
        baselines: rows of their baselines.csv, each with the columns of CELL and SETTINGS.
    """
    sentiments = sorted(metrics["sentiment"].dropna().unique()) or [None]
    blocks = []
    for values, group in metrics.groupby(SETTINGS, sort=False):
        settings = dict(zip(SETTINGS, values, strict=True))
        for sentiment in sentiments:
            rows = group[group["sentiment"].isna() | (group["sentiment"] == sentiment)]
            if rows.empty:
                continue
            about = {**settings, "sentiment": sentiment}
            same = (baselines[SETTINGS] == list(values)).all(axis=1)
            blocks += list(_block(about, rows, baselines[same]))
    return "\n\n".join(blocks)


def _block(settings: dict[str, object], metrics: pd.DataFrame, baselines: pd.DataFrame) -> Iterator[str]:
    """One text for each window of runs with the same settings."""
    published = pd.read_csv(PUBLISHED)
    ours = _wide(metrics)
    for window, rows in ours.groupby("window"):
        number = published.loc[published["window"] == window, "table"]
        name = f"Table {number.iloc[0]}" if len(number) else "Not in the paper"
        about = ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)
        lines = [
            f"{name}: window {window}, {about}; paper / ours, scaled units, seeds: {_counts(rows['seeds'])}",
            _side_by_side(published[published["window"] == window], rows).to_string(),
            _persistence(baselines[baselines["window"] == window]),
        ]
        yield "\n".join([*lines, *_warnings(metrics[metrics["window"] == window])])


def _wide(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell of the tables: SCORES as means over seeds, and how many seeds there are."""
    groups = metrics.groupby([*CELL, "split"])
    means = pd.DataFrame(groups[["rmse", "mae"]].mean().unstack("split"))
    means.columns = means.columns.map(lambda column: f"{column[1]}_{column[0]}")
    means["seeds"] = metrics.groupby(CELL)["seed"].nunique()
    return means.reset_index()


def _side_by_side(published: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Features x (model, score), in the paper's order; what is not in the paper or not run is a dash."""
    both = published.merge(ours, "outer", on=["features", "model"], suffixes=("_paper", ""), sort=False)
    order = [*published["features"].unique(), *ours["features"]]
    cells = {
        (model, score): {
            row["features"]: f"{_number(row[f'{score}_paper'], 2)} / {_number(row[score], 4)}"
            for _, row in both[both["model"] == model].iterrows()
        }
        for model in dict.fromkeys([*published["model"], *ours["model"]])
        for score in SCORES
    }
    return pd.DataFrame(cells).reindex(list(dict.fromkeys(order)))


def _number(value: float, digits: int) -> str:
    return "-" if pd.isna(value) else f"{value:.{digits}f}"


def _counts(seeds: pd.Series) -> str:
    fewest, most = seeds.min(), seeds.max()
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def _persistence(baselines: pd.DataFrame) -> str:
    """What "tomorrow = today" scores on the same days; it has no parameters, so the runs agree on it."""
    scores = baselines[(baselines["forecast"] == "persistence") & (baselines["split"] == "val")]
    row = scores[["rmse", "mae", "rmse_dollars", "mae_dollars"]].mean()
    return (
        f"persistence (tomorrow = today) on the validation days: RMSE {row['rmse']:.4f}, MAE {row['mae']:.4f} "
        f"(${row['rmse_dollars']:.1f}, ${row['mae_dollars']:.1f})"
    )


def _warnings(metrics: pd.DataFrame) -> list[str]:
    return list(metrics["warning"].dropna().unique())
