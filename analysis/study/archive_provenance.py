"""The provenance of an archive: which programs made its runs, from which files, and at what cost."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.study.archive import METRICS, RUNS, archive_at
from analysis.study.private import ABSOLUTE
from cells.errors import UserError
from training.run.folder.provenance import recorded

UNKNOWN = "unknown"
"""Stands for a commit or a version that an older program did not write down."""

Counts = Mapping[str, Mapping[str, int]]
"""How many runs have each value of a fact, such as their commit."""

Files = Mapping[str, set[str]]
"""The hashes of each data file."""


def provenance(folders: Sequence[Path], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The keys of an archive's provenance.json but "files".

    Args:
        folders: with runs, or archives, whose own provenance is added.
        names: of the runs in `folders`, by their own folders.
        tables: of the archive.

    Raises:
        UserError: runs of an archive learnt from another version of a data file than those of another folder.
    """
    parts = {folder: _of_archive(folder) or _of_runs(folder, names) for folder in folders}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for made_by, _ in parts.values():
        for key, values in made_by.items():
            counts[key].update(values)
    data = _files({folder: files for folder, (_, files) in parts.items()})
    studies = [study for table in METRICS.values() for study in _studies(tables[table])]
    return {
        "runs_by": {key: dict(sorted(values.items())) for key, values in sorted(counts.items())},
        "data": {file: sorted(hashes) for file, hashes in sorted(data.items())},
        "studies": studies,
        "fits": sum(study["fits"] for study in studies),
        "without_result": int((tables[RUNS]["error"] != "").sum()),
        "hours": round(sum(study["hours"] for study in studies), 2),
    }


def _of_archive(folder: Path) -> tuple[Counts, Files] | None:
    """Programs and files of an archive's runs, as it says; None for a folder with runs."""
    archived = archive_at(folder)
    if archived is None:
        return None
    said = archived.provenance
    return said["runs_by"], {file: set(hashes) for file, hashes in said["data"].items()}


def _of_runs(folder: Path, names: Mapping[str, str]) -> tuple[Counts, Files]:
    """The same of the runs below a folder."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    data: dict[str, set[str]] = defaultdict(set)
    for path in (path for path in map(Path, names) if path.is_relative_to(folder)):
        for key, value in _facts(path):
            counts[key][value] += 1
        for file in recorded(path).get("data", {}).values():
            data[ABSOLUTE.sub("", file["file"])].add(file["hash"])
    return counts, data


def _files(parts: Mapping[Path, Files]) -> Files:
    """The files of all folders; two folders with runs were compared by `refuse_versions`, archives are here."""
    data: dict[str, set[str]] = {}
    first: dict[str, Path] = {}
    for folder, files in parts.items():
        for file, hashes in files.items():
            other = first.setdefault(file, folder)
            if hashes != data.get(file, hashes) and (archive_at(folder) or archive_at(other)):
                raise UserError(
                    f"{other} and {folder} hold runs that were trained on different versions of {file}: name the "
                    "folders of one version."
                )
            data[file] = data.get(file, set()) | hashes
    return data


def _facts(folder: Path) -> Iterator[tuple[str, str]]:
    """Commit, versions, device, machine and size of the stack (since they are recorded) of a run's last attempt."""
    attempts = recorded(folder).get("attempts", [])
    last = attempts[-1] if attempts else {}
    for key in ("commit", "device", "machine"):
        yield key, str(last.get(key) or UNKNOWN)
    if "stack" in last:
        yield "stack", str(last["stack"])
    for package, version in last.get("versions", {}).items():
        yield f"version of {package}", str(version)


def _studies(metrics: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Fits, seeds, folds and hours of each data or feature set, model and settings."""
    if metrics.empty:
        return
    kind = "data" if "data" in metrics else "features"
    fits = metrics.drop_duplicates("folder")
    for (name, model, settings), rows in fits.groupby([kind, "model", "settings"]):
        yield {
            **{kind: name, "model": model, "settings": settings, "fits": len(rows)},
            "cells": rows["cell"].nunique(),
            "seeds": sorted(int(seed) for seed in rows["seed"].unique()),
            "folds": sorted(int(fold) for fold in rows["fold"].unique()),
            "hours": round(float(rows["seconds"].sum()) / 3600, 4),
        }
