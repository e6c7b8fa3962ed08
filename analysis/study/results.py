"""The results of finished runs, and why other runs have none, as they are written in the runs' folders."""

from collections import defaultdict
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.study.archive import METRICS as ARCHIVED
from analysis.study.archive import archive_at, archive_of
from analysis.study.data_versions import refuse_versions
from analysis.study.written_table import read_written
from cells.errors import UserError
from conf.kinds import KINDS
from training.run.folder.faults import REPEAT, fault_of
from training.run.folder.record import METRICS, Record, metrics_lines
from training.run.folder.run_folder import CONFIG, FAILED, MARK, RunFolder

UNFINISHED = "unfinished"
FAULTY = "finished, but"


def read(runs: Path, label: str = "data") -> pd.DataFrame:
    """Every row of the metrics.csv of the finished runs below `runs`: one row per fit and split, and its `folder`.

    A run with a fault in one of its tables is left out, `without_result` has it.

    Args:
        runs: a folder, or an archive of runs.
        label: "data" for runs on texts, "features" for runs on the market.

    Raises:
        UserError: there is no such folder, or no such finished run in it, or they learnt from different versions of a
            data file.
    """
    if archived := archive_at(runs):
        if label in archived.kinds:
            return archived.rows(ARCHIVED[label])
        raise _none(runs, label)
    # Thousands of files: those with the same header are parsed as one. None of their fields has a line break.
    lines: dict[str, list[str]] = defaultdict(list)
    folders = _finished(runs)
    for number, folder in enumerate(folders):
        header, *rows = metrics_lines(folder) or [""]
        if label in header.split(",") and not fault_of(folder):
            lines[header] += [f"{row},{number}" for row in rows]
    texts = ["\n".join([f"{header},folder", *rows]) for header, rows in lines.items()]
    tables = [read_written(StringIO(text)) for text in texts]
    if not tables:
        raise _none(runs, label)
    table = pd.concat(tables, ignore_index=True).sort_values("folder", kind="stable", ignore_index=True)
    table = table.assign(folder=[str(folders[number]) for number in table["folder"]])
    refuse_versions(table, label)
    return table


def kinds(runs: Path) -> set[str]:
    """The labels that `read` takes for these runs: "data", "features", both, or none if no run has a result.

    Raises:
        UserError: there is no such folder, or no run in it.
    """
    if archived := archive_at(runs):
        return archived.kinds
    whole = [folder for folder in _finished(runs) if not fault_of(folder)]
    columns = {column for folder in whole for column in metrics_lines(folder)[0].split(",")}
    found = columns & {kind.group for kind in KINDS}
    if not found and without_result(runs).empty:
        raise UserError(f"{runs} holds no finished run; python train.py trains one.")
    return found


def read_table(runs: Path, label: str, table: str) -> pd.DataFrame:
    """Every row of another table of these runs, with the columns of metrics.csv that are the same for all its rows.

    Raises:
        UserError: one of the tables is missing or damaged.
    """
    groups = read(runs, label).groupby("folder", sort=False)
    if archived := archive_at(runs):
        rows = archived.rows(table)  # those of all runs have the same columns
        facts = groups.head(1).set_index("folder")
        constant = (groups.nunique(dropna=False) == 1).reindex(facts.index)[facts.columns]
        facts = facts.where(constant).drop(columns=[name for name in facts if name in rows])
        facts = facts.loc[:, constant[facts.columns].any()]
        return rows.join(facts, on="folder", how="inner").reset_index(drop=True)
    tables = []
    for folder, metrics in groups:
        rows = own_table(Path(str(folder)), table)
        same = [str(name) for name in metrics if name not in rows and metrics[name].nunique(dropna=False) == 1]
        tables.append(rows.assign(**{name: metrics[name].iloc[0] for name in same}))
    return pd.concat(tables, ignore_index=True)


def own_table(folder: Path, table: str) -> pd.DataFrame:
    """A table of one run's folder as it lies there.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / f"{table}.csv"
    try:
        return read_written(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}): {REPEAT}.") from error


def finished(runs: Path) -> list[str]:
    """The folder of every run below `runs` with the mark of a finished one.

    Raises:
        UserError: there is no such folder.
    """
    if archived := archive_at(runs):
        return archived.finished
    return list(map(str, _finished(runs)))


def without_result(runs: Path) -> pd.DataFrame:
    """Runs that were started and have no result: columns folder, kind, data, model, settings, cell, seed, fold, error.

    `kind` is "data" or "features", and `data` the name of the data set or of the feature set. `settings` is the
    fingerprint that metrics.csv would have. `error` is, for a failed run, the first line of its file `failed`; for an
    interrupted or running one, "unfinished"; for one marked as finished, what is wrong with its tables.
    """
    if archived := archive_at(runs):
        rows = [
            _started(folder, Record(archived.configuration(folder)), why) for folder, why in archived.errors().items()
        ]
    else:
        started = set(RunFolder.started_below(runs))
        whole = {folder for folder in _finished(runs) if not fault_of(folder)}
        rows = [_started(folder, RunFolder.at(folder).record, _error(folder)) for folder in sorted(started - whole)]
    return pd.DataFrame(rows, columns=["folder", "kind", "data", "model", "settings", "cell", "seed", "fold", "error"])


def left_out(runs: Path, label: str) -> list[str]:
    """A line about each finished run whose tables have a fault, with its folder and what to do.

    Args:
        runs: a folder, or an archive of runs.
        label: see `read`.
    """
    found = without_result(runs).query("kind == @label")
    found = found[found["error"].str.startswith(FAULTY)]
    return [f"{folder} is {error}" for folder, error in zip(found["folder"], found["error"], strict=True)]


def has_failed(errors: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each error of `without_result` is that of a run that failed."""
    return (errors != UNFINISHED) & ~errors.str.startswith(FAULTY)


def configuration(folder: Path) -> dict[str, Any]:
    """The resolved configuration of a run, in a folder or in an archive.

    Raises:
        UserError: its config.yaml is missing or damaged.
    """
    if not folder.exists() and (archived := archive_of(folder)):
        return archived.configuration(folder)
    return dict(RunFolder.at(folder).record.values)


def _finished(runs: Path) -> list[Path]:
    """Folders with the mark of a finished run, with or without results in them."""
    if not runs.is_dir():
        raise UserError(f"{runs} is not a folder; give the one that train.py wrote to, usually runs.")
    nameless = [mark.parent for mark in runs.rglob(MARK) if not mark.with_name(CONFIG).exists()]
    if found := [folder for folder in nameless if (folder / METRICS).exists()]:
        raise UserError(f"{found[0]} has results and no {CONFIG}, so what was run is not known: remove the folder.")
    return RunFolder.finished_below(runs)


def _none(runs: Path, label: str) -> UserError:
    if faulty := left_out(runs, label):
        return UserError(f"{runs} holds no finished run with {label}= whose tables are whole: {faulty[0]}.")
    return UserError(f"{runs} holds no finished run with {label}=; python train.py {label}=NAME trains one.")


def _started(folder: Path, record: Record, error: str) -> dict[str, object]:
    return {
        "folder": str(folder),
        "kind": record.kind.group,
        "data": record.learnt_from,
        "model": record.model,
        "settings": record.settings,
        "cell": record.cell,
        "seed": record.seed,
        "fold": record.fold,
        "error": error,
    }


def _error(folder: Path) -> str:
    """Why a run has no result."""
    if (folder / MARK).is_file():
        fault = fault_of(folder)
        return f"{FAULTY} its {fault}: {REPEAT}" if fault else UNFINISHED  # it has ended while others were looked at
    if not (folder / FAILED).exists():
        return UNFINISHED
    lines = (folder / FAILED).read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[0] if lines else "failed"
