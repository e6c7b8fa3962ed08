"""Hydra's launchers: what a worker of each is told beside its run, and whether it can do its work where it is."""

import functools
import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig

from cells.errors import UserError
from conf.configuration import CONF

PROJECT = CONF.parent

LONGEST_ARRAY = 1000
"""Jobs in one array of Slurm's, unless its administrator allows more."""

CODE = ("cells", "conf", "datamodules", "forecasting", "hydra_plugins", "models", "training")
PLACES = ("data_dir", "cache_dir", "runs_dir", "run_dir")


class Workers(NamedTuple):
    """Processes that a launcher starts.

    Attributes:
        threads: of each run; None: as many as there are idle cores.
        at_once: how many jobs the launcher takes at a time; None: all.
        apart: whether they are processes of their own, which can die alone.
        heard: whether what they print comes to this terminal.
    """

    threads: int | None
    at_once: int | None
    apart: bool
    heard: bool


def workers(launcher: DictConfig) -> Workers:
    """Those of a launcher, from its configuration."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    kind = launcher._target_.rpartition(".")[2]
    if kind == "JoblibLauncher":
        jobs = launcher.n_jobs if launcher.n_jobs > 0 else max(1, cores + 1 + launcher.n_jobs)
        return Workers(max(1, cores // jobs), None, apart=True, heard=True)
    if kind == "LocalLauncher":
        threads = launcher.cpus_per_task or 1
        return Workers(threads, max(1, cores // threads), apart=True, heard=False)
    if kind == "SlurmLauncher":
        return Workers(launcher.cpus_per_task or 1, LONGEST_ARRAY, apart=True, heard=False)
    if kind == "RayLauncher":
        return Workers(int(launcher.ray.remote.get("num_cpus") or 1), None, apart=True, heard=False)
    return Workers(None, None, apart=False, heard=True)


def surroundings(config: DictConfig, threads: int | None) -> tuple[str, ...]:
    """Overrides that mean in every process what `config` means in this one; none of them changes a result."""
    places = [f"{key}={quoted(str(Path(config[key]).absolute()))}" for key in PLACES if config[key] is not None]
    return (*places, *([f"threads={threads}"] if config.threads is None and threads is not None else []))


def quoted(text: str) -> str:
    """As Hydra's overrides want a string that may hold anything."""
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"


def let_workers_import() -> None:
    """Workers that are started by a command of their own do not look for modules beside train.py."""
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *([given] if given else [])])


@functools.cache
def version() -> str:
    """Eight hexadecimal digits that differ where the program does."""
    files = [PROJECT / "train.py", *(path for name in CODE for path in (PROJECT / name).rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.suffix in (".py", ".yaml")):
        digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def check_place(place: Mapping[str, str]) -> None:
    """Refuse to work where results would go elsewhere, or come from another program.

    Args:
        place: what the launching process knows: study (a file), host, version.

    Raises:
        UserError: says what this machine lacks.
    """
    here = socket.gethostname()
    if not Path(place["study"]).exists():
        raise UserError(
            f"{here} does not see {place['study']}, which {place['host']} wrote; give a runs_dir that all machines see."
        )
    if here != place["host"] and version() != place["version"]:
        raise UserError(
            f"{here} has another version of the program in {PROJECT} than {place['host']}; install the same there."
        )
