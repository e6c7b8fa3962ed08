"""The results of runs in a few small files, to be kept and shared: `python -m analysis archive RUNS -o results`.

An archive is a folder that every command of `python -m analysis` takes in place of the runs themselves:

- runs.csv.gz: a row for each run: its folder, its configuration as JSON, and why it has no result (empty if it has);
- texts.csv.gz, market.csv.gz: the rows of metrics.csv;
- baselines.csv.gz, predictions.csv.gz, importance.csv.gz: those of market runs. Predictions hold no prices, see
  `analysis.study.predictions`;
- trials.csv.gz: the trials of tune=, if there are any;
- provenance.json: which programs made the runs, from which files, and at what cost; and the hashes of the other files.

It has no absolute path and nothing of a data set's text, and the same runs give the same bytes.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.study.written_table import read_written
from cells.errors import UserError
from datamodules.files import replacing
from training.run.folder.damage import DAMAGE

PROVENANCE = "provenance.json"
RUNS = "runs"
METRICS = {"data": "texts", "features": "market"}
"""The tables with the rows of metrics.csv, by the kind of their runs."""

MARKET_TABLES = ("baselines", "predictions", "importance")
TRIALS = "trials"
"""The table with the trials of tune=; its folder is the file that they are from."""

TABLES = (RUNS, *METRICS.values(), *MARKET_TABLES, TRIALS)


class Archive:
    """The tables of an archive.

    Attributes:
        path: of its folder.
        provenance: what provenance.json holds.

    Args:
        path: of a folder for which `is_archive` is true.

    Raises:
        UserError: a file is missing, or is not the one that provenance.json is about.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.provenance = json.loads((path / PROVENANCE).read_text(encoding="utf-8"))
            hashes = dict(self.provenance["files"])
        except (OSError, KeyError, TypeError, *DAMAGE) as error:
            raise self._damaged(PROVENANCE) from error
        self._tables = {name: self._read(name, hashes) for name in TABLES if file_name(name) in hashes}
        runs = self._tables[RUNS]
        self._configurations = dict(zip(runs["folder"], runs["configuration"], strict=True))

    def rows(self, table: str) -> pd.DataFrame:
        """The rows of one of TABLES, each with its run's folder as if it lay in the archive; no rows if it has none."""
        rows = self._tables.get(table, pd.DataFrame({"folder": []}))
        return rows.assign(folder=[str(self.path / name) for name in rows["folder"]])

    @property
    def finished(self) -> list[str]:
        """Every run with a result, as in `rows`."""
        rows = self.rows(RUNS)
        return list(rows.loc[rows["error"].isna(), "folder"])

    @property
    def kinds(self) -> set[str]:
        """The kinds of the runs with results: "data", "features"."""
        return {kind for kind, table in METRICS.items() if table in self._tables}

    def configuration(self, folder: Path) -> dict[str, Any]:
        """The resolved configuration of a run.

        Args:
            folder: of a run, as in `rows`.
        """
        return dict(json.loads(self._configurations[folder.relative_to(self.path).as_posix()]))

    def errors(self) -> dict[Path, str]:
        """Why the other runs have no result, by their folders."""
        without = self._tables[RUNS].dropna(subset="error")
        return {self.path / name: why for name, why in zip(without["folder"], without["error"], strict=True)}

    def _read(self, name: str, hashes: Mapping[str, str]) -> pd.DataFrame:
        path = self.path / file_name(name)
        content = path.read_bytes() if path.is_file() else b""
        if hashes[path.name] != _hash(content):
            raise self._damaged(path.name)
        return read_written(BytesIO(gzip.decompress(content)))

    def _damaged(self, name: str) -> UserError:
        return UserError(
            f"{self.path / name} is missing, damaged or of another archive: put the folder's own files back, or make "
            f"it again with python -m analysis archive RUNS -o {self.path}."
        )


def is_archive(path: Path) -> bool:
    """Whether a folder is an archive rather than one with runs below it."""
    return (path / PROVENANCE).is_file() and (path / file_name(RUNS)).is_file()


def archive_at(folder: Path) -> Archive | None:
    """The archive that a folder is; None for a folder with runs."""
    return archive_of(folder) if is_archive(folder) else None


def archive_of(path: Path) -> Archive | None:
    """The archive that a path, or one of the folders above it, is; None if there is none."""
    for folder in (path, *path.parents):
        if is_archive(folder):
            return _opened(folder, (folder / PROVENANCE).stat().st_mtime_ns)
    return None


@lru_cache(maxsize=4)
def _opened(path: Path, _changed: int) -> Archive:
    return Archive(path)


def file_name(table: str) -> str:
    """The name of a table's file."""
    return f"{table}.csv.gz"


def write_archive(folder: Path, tables: Mapping[str, pd.DataFrame], provenance: Mapping[str, object]) -> int:
    """Write an archive; its files appear whole, and a mixture of an old and a new one is refused by its reader.

    Args:
        folder: where to.
        tables: of TABLES, each with the column folder.
        provenance: keys of provenance.json beside "files".

    Returns:
        Its size in bytes.

    Raises:
        UserError: the folder cannot be written, or holds runs.
    """
    files = {file_name(name): _packed(table) for name, table in tables.items() if len(table)}
    about = {**provenance, "files": {name: _hash(content) for name, content in files.items()}}
    files[PROVENANCE] = (json.dumps(about, indent=1, sort_keys=True) + "\n").encode()
    try:
        for name in (file_name(table) for table in TABLES):
            if name not in files:
                (folder / name).unlink(missing_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}): name another folder with -o.") from error
    return sum(map(len, files.values()))


def _packed(table: pd.DataFrame) -> bytes:
    """A table as gzip's file, without name and time."""
    packed = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(table.to_csv(index=False, lineterminator="\n").encode())
    return packed.getvalue()


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
