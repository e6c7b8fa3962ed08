"""Runs without a result: failed, interrupted, or never begun although others like them were."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.design import Design, absent, recipes
from analysis.results import configuration, unfinished
from analysis.table import Table
from conf.kinds import MARKET
from training.run.record import Record

COLUMNS = ["data", "model", "settings", "cell", "seed", "fold", "error"]
"""Of the table; `settings` in words."""

NOT_RUN = "not run"

FIELDS = ["features", "sentiment"]
AXES = ["window", "model", "seed", "fold"]
APART = ["cell", "horizon", "source", "protocol", "control"]
"""Runs on the market: every net, window, seed and fold goes with every feature set among runs that share the last."""


def of_texts(design: Design | None, stopped: pd.DataFrame) -> pd.DataFrame:
    """A row of COLUMNS for each run.

    Args:
        design: of `design.check`, if any run is finished.
        stopped: of `design.stopped`.
    """
    both = stopped if design is None else pd.concat([stopped, design.missing.assign(error=NOT_RUN)], ignore_index=True)
    return both.assign(settings=both["recipe"].replace("", "-"))[COLUMNS]


def of_the_market(runs: Path, metrics: pd.DataFrame | None) -> pd.DataFrame:
    """A row of COLUMNS for each run on the market.

    Args:
        runs: a folder.
        metrics: of `results.read`, if there are any.
    """
    found = unfinished(runs).query(f"kind == '{MARKET.group}'")
    folders = {str(folder): configuration(Path(folder)) for folder in found["folder"]}
    stopped = pd.DataFrame([Record(config).columns for config in folders.values()], columns=[*APART, *FIELDS, *AXES])
    stopped = stopped.assign(error=found["error"].to_list(), settings=found["settings"].to_list())
    begun = stopped if metrics is None else pd.concat([metrics, stopped], ignore_index=True)
    groups = [
        absent(rows, [*APART, *FIELDS], _axes(rows)) for _, rows in begun.groupby(APART, dropna=False, sort=False)
    ]
    others = recipes({folder: _others(config) for folder, config in folders.items()})
    listed = [stopped.assign(other=[others[folder] for folder in folders])]
    listed += [group.assign(error=NOT_RUN, other="") for group in groups]
    rows = pd.concat([rows for rows in listed if len(rows)] or listed[:1], ignore_index=True)
    return rows.assign(data=rows["features"], settings=[_words(row) for _, row in rows.iterrows()])[COLUMNS]


def _others(config: Mapping[str, object]) -> dict[str, object]:
    """The settings that `_words` does not say, of one model."""
    said = {*APART, *FIELDS, *AXES} - {"model"}
    return {key: value for key, value in config.items() if key not in said}


def _axes(rows: pd.DataFrame) -> dict[str, list[object]]:
    return {axis: rows[axis].tolist() for axis in AXES}


def _words(row: "pd.Series[Any]") -> str:
    """ "window 30, sentiment reddit, protocol paper, horizon 1, source yahoo, lr=10"."""
    keys = ("window", "sentiment", "control", "protocol", "horizon", "source")
    said = [f"{key} {row[key]}" for key in keys if pd.notna(row[key])]
    return ", ".join([*said, *([row["other"]] if row["other"] else [])])


def table(rows: pd.DataFrame, never: Mapping[tuple[str, str], list[str]]) -> Table:
    """All of them; rows that differ in nothing but seed and fold are shown as one.

    Args:
        rows: of COLUMNS.
        never: of `design.Design`.
    """
    notes = [f"Of Table 1, {model} was not run with {', '.join(cells)}." for (model, _), cells in never.items()]
    if rows.empty:
        how = "Each cell was run with each seed on each fold of each data set."
        return Table("missing", "Missing runs: none", rows, rows, [how, *dict.fromkeys(notes)])
    how = "Runs whose partner is one of these are left out of comparisons."
    shown = _joined(_joined(rows.astype({"seed": str, "fold": str}), "fold"), "seed")
    return Table("missing", f"Missing runs: {len(rows)}", rows, shown, [how, *dict.fromkeys(notes)])


def _joined(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows that differ in one column only as one row that lists its values."""
    keys = [name for name in COLUMNS if name != column]
    return rows.groupby(keys, sort=False)[column].agg(", ".join).reset_index()[COLUMNS]
