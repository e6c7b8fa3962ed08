"""Hydra's launchers: the workers that each starts, and what a worker needs beside its run's overrides."""

import functools
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from conf.compose import CONF
from training.run.termination import end_with_launcher

PROJECT = CONF.parent

LONGEST_ARRAY = 1000
"""The most jobs in one Slurm array, unless its administrator allows more."""

CODE_FOLDERS = ("cells", "conf", "datamodules", "forecasting", "hydra_plugins", "models", "training")
"""The folders whose code a worker runs, beside train.py."""

PATH_KEYS = ("data_dir", "cache_dir", "runs_dir", "run_dir")


class Workers(NamedTuple):
    """The processes that a launcher starts.

    Attributes:
        threads: of each run; None: as many as there are idle cores.
        at_once: how many jobs the launcher takes at a time; None: all.
        separate: whether each is a process of its own, which can die alone.
        share_terminal: whether what they print appears in this terminal.
        local: whether they are processes of this machine that nobody but the launcher looks after, and end with it.
    """

    threads: int | None
    at_once: int | None
    separate: bool
    share_terminal: bool
    local: bool = False


def workers(launcher: DictConfig) -> Workers:
    """The workers that a launcher starts, by its configuration."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    kind = launcher._target_.rpartition(".")[2]
    if kind == "JoblibLauncher":
        jobs = launcher.n_jobs if launcher.n_jobs > 0 else max(1, cores + 1 + launcher.n_jobs)
        return Workers(max(1, cores // jobs), None, separate=True, share_terminal=True, local=True)
    if kind == "LocalLauncher":
        threads = launcher.cpus_per_task or 1
        return Workers(threads, max(1, cores // threads), separate=True, share_terminal=False, local=True)
    if kind == "SlurmLauncher":
        return Workers(launcher.cpus_per_task or 1, LONGEST_ARRAY, separate=True, share_terminal=False)
    if kind == "RayLauncher":
        return Workers(int(launcher.ray.remote.get("num_cpus") or 1), None, separate=True, share_terminal=False)
    return Workers(None, None, separate=False, share_terminal=True)


def tie_workers(launcher: Launcher) -> None:
    """Let joblib's workers end with this process from their start on, since they may wait for a first job.

    Submitit's local ones get no Ctrl-C: they would print tracebacks, and end with this process too.
    """
    if isinstance(joblib := getattr(launcher, "joblib", None), dict):
        joblib |= {"initializer": end_with_launcher, "initargs": (os.getpid(),)}
    if type(launcher).__name__ == "LocalLauncher" and isinstance(submitit := getattr(launcher, "params", None), dict):
        submitit["setup"] = ["trap '' INT"]


def worker_overrides(config: DictConfig, threads: int | None) -> tuple[str, ...]:
    """Overrides that give `config` the same meaning in a worker as here: absolute paths, and the number of threads.

    None of them changes a result.
    """
    paths = [f"{key}={quoted(str(Path(config[key]).absolute()))}" for key in PATH_KEYS if config[key] is not None]
    return (*paths, *([f"threads={threads}"] if config.threads is None and threads is not None else []))


def quoted(text: str) -> str:
    """A string, whatever it holds, as the value of one of Hydra's overrides."""
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"


def export_python_path() -> None:
    """Let workers find the project's modules: those started by a command of their own do not look beside train.py."""
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *([given] if given else [])])


@functools.cache
def program_version() -> str:
    """Eight hexadecimal digits that change with the program that a worker runs."""
    files = [PROJECT / "train.py", *(path for folder in CODE_FOLDERS for path in (PROJECT / folder).rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.suffix in (".py", ".yaml")):
        digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]
