"""The origin of a run's numbers beside its configuration: the content of its data, the program, and the machine."""

import functools
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from cells.errors import UserError
from conf.compose import CONF
from training.run.folder import data_files
from training.run.folder.damage import DAMAGE
from training.run.folder.run_folder import RunFolder

if TYPE_CHECKING:
    import lightning.pytorch as pl

PROVENANCE = "provenance.json"
"""The file in a run's folder. It is no part of the run's fingerprint, and runs of older versions have none."""

PACKAGES = (
    *(
        "lstm-cs",
        "torch",
        "lightning",
        "torchmetrics",
        "llvmlite",
        "triton",
        "numpy",
        "pandas",
        "scikit-learn",
        "scipy",
    ),
    *("nltk", "vaderSentiment", "transformers"),
)
"""Packages that can change a result; those that are not installed are left out."""


def write(folder: RunFolder, config: DictConfig, task: "pl.LightningModule", stack: int = 1) -> None:
    """Write down what a run is trained with, when its training begins and its net is on its device.

    Keys: `data`, see `data_files.Content`, and `attempts`: one, or several if a run was interrupted and went on
    elsewhere or with another program. Each has commit (null outside of a git checkout; ends in "-dirty" if files differ
    from it), versions, threads (at most), device, machine, backends (by layer, see `LSTM.path`) and stack. Names of
    users and machines, paths and variables are left out.

    Args:
        folder: of the run.
        config: its configuration.
        task: that is trained, on its device.
        stack: how many runs are trained as one, since a net in a stack rounds otherwise than alone.
    """
    from cells import LSTM
    from cells.stack import StackedLSTM

    layers = {
        name.removeprefix("net."): layer
        for name, layer in task.named_modules()
        if isinstance(layer, LSTM | StackedLSTM)
    }
    attempt = {
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **_versions()},
        "threads": config.threads or _threads(),
        "device": _device(task),
        "machine": f"{platform.system()} {platform.machine()}",
        "backends": {name: layer.path for name, layer in layers.items()},
        "stack": stack,
    }
    before = recorded(folder.path).get("attempts", []) if _is_begun(folder) else []
    attempts = before if attempt in before[-1:] else [*before, attempt]
    about = {"data": data_files.content(config), "attempts": attempts}
    folder.write(PROVENANCE, json.dumps(about, indent=1) + "\n")


def changed_data(folder: Path, config: DictConfig) -> list[str]:
    """The files below data_dir whose content is not what the run in a folder was trained on."""
    return data_files.changed(config, trained_on(folder))


def trained_on(folder: Path) -> data_files.Content:
    """The files that the run in a folder was trained on; none for a run of an older version.

    Raises:
        UserError: the record is damaged.
    """
    found: data_files.Content = recorded(folder).get("data", {})
    return found


def refuse_changed_data(folder: RunFolder, config: DictConfig) -> None:
    """Refuse to go on with an interrupted run on other data than it began with.

    Raises:
        UserError: names the first file that has changed.
    """
    if _is_begun(folder) and (files := changed_data(folder.path, config)):
        raise UserError(
            f"{files[0]} is not what the run in {folder.path} began with; put the old file back, or remove that folder "
            "to train anew."
        )


def warning(files: Sequence[str], runs: str) -> str:
    """The line about finished runs whose data have changed.

    Args:
        files: from `changed_data`.
        runs: which, with a verb: "runs/robo/... was", or "3 finished runs were".
    """
    return f"WARNING: {runs} trained on another {' and another '.join(files)} than there is now; remove to train anew."


def _is_begun(folder: RunFolder) -> bool:
    """Whether an interrupted run has a checkpoint to go on from."""
    places = (folder.last_checkpoint, folder.tested_checkpoint, folder.stack_checkpoint)
    return any(path.exists() for path in places)


def recorded(folder: Path) -> dict[str, Any]:
    """The record that `write` wrote; empty for a run of an older version.

    Raises:
        UserError: it is damaged.
    """
    path = folder / PROVENANCE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, *DAMAGE) as error:
        raise UserError(f"{path} is damaged ({type(error).__name__}); remove that file.") from error
    if not _is_record(about):
        raise UserError(f"{path} is damaged; remove that file.")
    return dict(about)


def _is_record(about: object) -> bool:
    if not isinstance(about, dict):
        return False
    files, attempts = about.get("data", {}), about.get("attempts", [])
    return (
        isinstance(files, dict)
        and isinstance(attempts, list)
        and all(isinstance(file, dict) and {"file", "hash"} <= file.keys() for file in files.values())
        and all(isinstance(attempt, dict) and isinstance(attempt.get("versions", {}), dict) for attempt in attempts)
    )


def _threads() -> int:
    """The most threads that OpenMP may start; "2,1" is two, of which each may start one."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else os.cpu_count() or 1


def _device(task: "pl.LightningModule") -> str:
    if task.device.type != "cuda":
        return task.device.type
    import torch

    return torch.cuda.get_device_name(task.device)


@functools.cache
def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def _commit() -> str | None:
    """The commit of the program, if its folder is a checkout of its own and not only inside of one."""
    if not (CONF.parent / ".git").exists():
        return None
    describe = ["git", "-C", str(CONF.parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
