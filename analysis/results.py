"""Reads the results of finished runs."""

from collections import defaultdict
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd


class ResultsError(Exception):
    """There is nothing to make a table of; the message says why."""


def read(runs: Path, label: str = "data") -> pd.DataFrame:
    """Every row of the metrics.csv of finished runs below `runs`: one row per fit and split, and its `folder`.

    Args:
        runs: a folder.
        label: "data" for runs on texts, "features" for those on the market.

    Raises:
        ResultsError: no such folder, or no such finished run in it.
    """
    # Thousands of files: those with the same header are parsed as one. None of their fields has a line break.
    lines: dict[str, list[str]] = defaultdict(list)
    folders = _finished(runs)
    for number, folder in enumerate(folders):
        header, *rows = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
        if label in header.split(","):
            lines[header] += [f"{row},{number}" for row in rows]
    texts = ["\n".join([f"{header},folder", *rows]) for header, rows in lines.items()]
    tables = [pd.read_csv(StringIO(text), dtype={"settings": str}) for text in texts]  # 12345e67 is no number
    if not tables:
        raise ResultsError(f"{runs} holds no finished run with {label}=; python train.py {label}=NAME makes one.")
    table = pd.concat(tables, ignore_index=True).sort_values("folder", kind="stable", ignore_index=True)
    return table.assign(folder=[str(folders[number]) for number in table["folder"]])


def kinds(runs: Path) -> set[str]:
    """Which labels `read` takes for these runs: "data", "features", both.

    Raises:
        ResultsError: no such folder, or no finished run in it.
    """
    columns = {column for folder in _finished(runs) for column in _header(folder)}
    found = columns & {"data", "features"}
    if not found:
        raise ResultsError(f"{runs} holds no finished run; python train.py makes one.")
    return found


def read_table(runs: Path, label: str, table: str) -> pd.DataFrame:
    """Every row of another table of these runs, with the columns of metrics.csv that are the same for all its rows."""
    tables = []
    for folder, metrics in read(runs, label).groupby("folder", sort=False):
        rows = pd.read_csv(Path(str(folder)) / f"{table}.csv")
        same = [str(name) for name in metrics if name not in rows and metrics[name].nunique(dropna=False) == 1]
        tables.append(rows.assign(**{name: metrics[name].iloc[0] for name in same}))
    return pd.concat(tables, ignore_index=True)


def unfinished(runs: Path) -> pd.DataFrame:
    """Runs that were started and have no result: columns folder, data, model, cell, seed, fold, error.

    `data` is the data set, or the feature set of a run on the market; `error` is the first line of the
    file `failed` that the run left, or "unfinished" of one that was interrupted or is still running.
    """
    started = {path.parent for path in runs.rglob("config.yaml")}
    rows = [_started(folder) for folder in sorted(started - set(_finished(runs)))]
    return pd.DataFrame(rows, columns=["folder", "data", "model", "cell", "seed", "fold", "error"])


def configuration(folder: Path) -> dict[str, Any]:
    """The resolved configuration of a run.

    Raises:
        ResultsError: its config.yaml is missing or damaged.
    """
    from training.errors import UserError
    from training.folder import RunFolder

    try:
        return RunFolder.at(folder).identity
    except UserError as error:
        raise ResultsError(str(error)) from error


def _finished(runs: Path) -> list[Path]:
    if not runs.is_dir():
        raise ResultsError(f"{runs} is not a folder; give the one that train.py wrote to, usually runs.")
    return sorted(mark.parent for mark in runs.rglob("finished"))


def _header(folder: Path) -> list[str]:
    with open(folder / "metrics.csv", encoding="utf-8") as file:
        return file.readline().strip().split(",")


def _started(folder: Path) -> dict[str, object]:
    from cells.alterations import Alteration

    config = configuration(folder)
    failed = folder / "failed"
    return {
        "folder": str(folder),
        "data": config["data" if "data" in config else "features"]["name"],
        "model": config["model"]["name"],
        "cell": Alteration(**config["cell"]).name,
        "seed": config["seed"],
        "fold": config["fold"],
        "error": failed.read_text(encoding="utf-8").splitlines()[0] if failed.exists() else "unfinished",
    }
