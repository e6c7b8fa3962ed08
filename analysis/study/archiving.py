"""Collects what an archive keeps of runs: see `analysis.study.archive`."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.study import market_results, results
from analysis.study.archive import MARKET_TABLES, METRICS, RUNS, TRIALS, archive_at, write_archive
from analysis.study.archive_provenance import provenance
from analysis.study.data_versions import refuse_versions
from analysis.study.predictions import FORECASTS, without_prices
from analysis.study.private import ABSOLUTE
from analysis.study.trials import read_trials
from cells.errors import UserError


def archive(folders: Sequence[Path], output: Path) -> str:
    """Write the results of all runs below these folders as one archive; returns a sentence about it.

    Args:
        folders: with runs below them, or archives of runs, such as an earlier `output`.
        output: the archive's folder.

    Raises:
        UserError: there are no runs, the same run is there twice, runs learnt from different versions of a data file, a
            configuration has an absolute path, or the output cannot be written.
    """
    errors = _errors(folders)
    names = _names(folders, errors)
    kinds = {folder: results.kinds(folder) for folder in folders}
    scored = {path: name for path, name in names.items() if not errors[path]}
    tables = {RUNS: _runs(errors, names)}
    for kind, table in METRICS.items():
        found = [results.read(folder, kind) for folder in folders if kind in kinds[folder]]
        if len(found) > 1:
            refuse_versions(pd.concat(found), kind)  # `read` has compared the runs of one folder
        tables[table] = _joined(found, scored)
    market = [folder for folder in folders if "features" in kinds[folder]]
    for table in MARKET_TABLES:
        tables[table] = _joined([_market_rows(folder, table) for folder in market], scored)
    tables[TRIALS] = _trials(folders)
    about = provenance(folders, names, tables)
    size = write_archive(output, tables, about)
    return (
        f"{output}: {about['fits']:,} finished runs, {about['without_result']:,} without a result, "
        f"{about['hours']:.1f} hours of training; {size / 1e6:.1f} MB."
    )


def _errors(folders: Sequence[Path]) -> dict[str, str]:
    """Each run's folder, and why it has no result; empty if it has.

    Runs may end while an archive is made. What is said here counts: a run that ends later has no result in it.
    """
    errors: dict[str, str] = {}
    for folder in folders:
        without = results.without_result(folder)
        errors |= dict(zip(without["folder"], without["error"], strict=True))
        for path in results.finished(folder):
            errors.setdefault(path, "")
    return errors


def _names(folders: Sequence[Path], runs: Iterable[str]) -> dict[str, str]:
    """Each run's folder, and its name in the archive: the path below the one of `folders` that it lies in.

    Raises:
        UserError: two have the same name, or one lies in two of the folders.
    """
    names: dict[str, str] = {}
    for run in runs:
        folder, *others = (folder for folder in folders if Path(run).is_relative_to(folder))
        if others:
            raise UserError(f"{folder} and {others[0]} hold the same run: give one of the two folders.")
        names[run] = Path(run).relative_to(folder).as_posix()
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        one, other, *_ = [path for path, name in names.items() if name == twice[0]]
        raise UserError(f"{one} and {other} hold the same run: give one of the two folders.")
    return names


def _runs(errors: Mapping[str, str], names: Mapping[str, str]) -> pd.DataFrame:
    """A row for each run, sorted by its folder."""
    rows = [
        {"folder": names[path], "configuration": _json(Path(path)), "error": ABSOLUTE.sub("", error)}
        for path, error in errors.items()
    ]
    return pd.DataFrame(rows).sort_values("folder", ignore_index=True)


def _json(folder: Path) -> str:
    text = json.dumps(results.configuration(folder), sort_keys=True)
    for value in re.findall(r'"((?:[^"\\]|\\.)*)"', text):
        if re.match(r"(~|[A-Za-z]:)?[/\\]+\w", value):
            raise UserError(
                f"{folder} was configured with the absolute path {value}, which an archive must not have: repeat the "
                "run with a path below data_dir."
            )
    return text


def _joined(parts: Sequence[pd.DataFrame], names: Mapping[str, str]) -> pd.DataFrame:
    """The rows of the runs in `names`, with their names, sorted by them."""
    if not parts:
        return pd.DataFrame({"folder": []})
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["folder"].isin(names)].assign(folder=rows["folder"].map(names))
    if "warning" in rows:
        rows["warning"] = rows["warning"].map(lambda text: ABSOLUTE.sub("", text), na_action="ignore")
    return rows.sort_values("folder", kind="stable", ignore_index=True)


def _trials(folders: Sequence[Path]) -> pd.DataFrame:
    """The trials of all folders, each with the path of its table below that folder."""
    parts = []
    for folder in folders:
        rows = read_trials(folder)
        parts.append(rows.assign(folder=[Path(path).relative_to(folder).as_posix() for path in rows["folder"]]))
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _market_rows(folder: Path, table: str) -> pd.DataFrame:
    """The rows of one of MARKET_TABLES, with the columns of its own files and the run's folder."""
    if archived := archive_at(folder):
        return archived.rows(table)
    if table == "predictions":
        rows = without_prices(market_results.read_table(folder, table))
        return rows[["folder", "day", "split", *(name for name in rows if name in FORECASTS)]]
    runs = market_results.scored(folder)["folder"]
    return pd.concat([results.own_table(Path(run), table).assign(folder=run) for run in runs], ignore_index=True)
