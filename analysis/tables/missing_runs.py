"""The table of missing runs: failed, interrupted, or never begun although others like them were."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.study import market_results, results
from analysis.study.design import Design, absent
from analysis.study.reasons import reasons
from analysis.study.recipes import recipes
from analysis.study.results import configuration
from analysis.tables.table import Table
from conf.kinds import MARKET
from training.run.folder.record import Record

COLUMNS = ["data", "model", "settings", "cell", "seed", "fold", "error"]
"""The columns of the table; `settings` is text for people."""

NOT_RUN = "not run"

FEATURES = ["features", "sentiment", "messages"]
AXES = ["window", "model", "seed", "fold"]
APART = ["cell", "horizon", "target", "source", "protocol", "control"]
"""Among runs on the market that agree in APART, each window, model, seed and fold is expected with each combination of
FEATURES."""


def missing_runs(runs: Path, kinds: Collection[str], design: Design | None, without_result: pd.DataFrame) -> Table:
    """The table of all runs without a result; rows that differ in nothing but seed and fold are shown as one, and so
    are runs that diverged in other epochs.

    Args:
        runs: a folder.
        kinds: from `results.kinds`.
        design: of the runs on texts, if any is finished.
        without_result: from `text_results.without_result`.
    """
    market = market_results.read(runs) if "features" in kinds else None
    parts = [_on_texts(design, without_result), _on_the_market(runs, market)]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    never = {} if design is None else design.never
    notes = [f"Of Table 1, {model} was not run with {', '.join(cells)}." for (model, _), cells in never.items()]
    if rows.empty:
        how = "Each cell was run with each seed on each fold of each data set."
        return Table("missing", "Missing runs: none", rows, rows, [how, *dict.fromkeys(notes)])
    how = "Runs whose partner is one of these are left out of comparisons."
    grouped = rows.assign(error=rows.groupby(["data", "model", "settings", "cell"])["error"].transform(reasons))
    shown = _joined(_joined(grouped.astype({"seed": str, "fold": str}), "fold"), "seed")
    return Table("missing", f"Missing runs: {len(rows)}", rows, shown, [how, *dict.fromkeys(notes)])


def _joined(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows with those that differ in one column only joined into one, which lists its values."""
    keys = [name for name in COLUMNS if name != column]
    return rows.groupby(keys, sort=False)[column].agg(", ".join).reset_index()[COLUMNS]


def _on_texts(design: Design | None, without_result: pd.DataFrame) -> pd.DataFrame:
    """A row of COLUMNS for each missing run on texts."""
    parts = [without_result] if design is None else [without_result, design.missing.assign(error=NOT_RUN)]
    both = pd.concat(parts, ignore_index=True)
    return both.assign(settings=both["recipe"].replace("", "-"))[COLUMNS]


def _on_the_market(runs: Path, metrics: pd.DataFrame | None) -> pd.DataFrame:
    """A row of COLUMNS for each missing run on the market.

    Args:
        runs: a folder.
        metrics: from `market_results.read`, if any run is finished.
    """
    found = results.without_result(runs).query(f"kind == '{MARKET.group}'")
    folders = {str(folder): configuration(Path(folder)) for folder in found["folder"]}
    stopped = pd.DataFrame([Record(config).columns for config in folders.values()], columns=[*APART, *FEATURES, *AXES])
    stopped = market_results.filled(stopped).assign(
        error=found["error"].to_list(), settings=found["settings"].to_list()
    )
    begun = stopped if metrics is None else pd.concat([metrics, stopped], ignore_index=True)
    groups = [
        absent(rows, [*APART, *FEATURES], _axes(rows)) for _, rows in begun.groupby(APART, dropna=False, sort=False)
    ]
    others = recipes({folder: _others(config) for folder, config in folders.items()})
    listed = [stopped.assign(other=[others[folder] for folder in folders])]
    listed += [group.assign(error=NOT_RUN, other="") for group in groups]
    rows = pd.concat([rows for rows in listed if len(rows)] or listed[:1], ignore_index=True)
    return rows.assign(data=rows["features"], settings=[_words(row) for _, row in rows.iterrows()])[COLUMNS]


def _others(config: Mapping[str, object]) -> dict[str, object]:
    """The settings that `_words` leaves out, of one model."""
    shown = {*APART, *FEATURES, *AXES} - {"model"}
    return {key: value for key, value in config.items() if key not in shown}


def _axes(rows: pd.DataFrame) -> dict[str, list[object]]:
    return {axis: rows[axis].tolist() for axis in AXES}


def _words(row: "pd.Series[Any]") -> str:
    """The settings of a run as text: "window 30, sentiment reddit, protocol paper, horizon 1, source yahoo, lr=10"."""
    keys = ("window", "sentiment", "messages", "control", "protocol", "horizon", "target", "source")
    shown = [f"{key} {row[key]}" for key in keys if pd.notna(row[key]) and (key, row[key]) != ("target", "close")]
    return ", ".join([*shown, *([row["other"]] if row["other"] else [])])
