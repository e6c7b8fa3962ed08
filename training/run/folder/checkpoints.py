"""Checkpoints as files: written whole, read with their checksums, and which one an interrupted run goes on from."""

import errno
import io
import logging
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from cells.errors import UserError
from models.on_cpu import on_cpu
from training.run.folder.run_folder import RunFolder

log = logging.getLogger("lstm-cs")

DAMAGE = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError,
)  # fmt: skip
"""The errors that zipfile and torch raise over a broken file."""

RESUMABLE = {"epoch", "global_step", "loops", "optimizer_states", "state_dict"}
"""The entries of a checkpoint that training goes on from; the checkpoint of a run of a stack has weights alone."""


class DamagedError(UserError):
    """A checkpoint is not what was written.

    Args:
        path: of the file.
        reason: the name of the error that it caused.

    Attributes:
        reason: as given.
    """

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path} is damaged ({reason}); remove it.")
        self.reason = reason


class Resumption(NamedTuple):
    """The checkpoint from which an interrupted run goes on, and its step."""

    path: Path
    step: int


def save(checkpoint: dict[str, Any], path: Path, folder: RunFolder) -> None:
    """Write a checkpoint of the run in `folder`, whole or not at all.

    Raises:
        HeldError: another process has taken the run over.
    """
    with saved(checkpoint, path, folder):
        pass


@contextmanager
def saved(checkpoint: dict[str, Any], path: Path, folder: RunFolder) -> Iterator[None]:
    """Write a checkpoint as `save`, but put it at `path` when the block ends."""
    # Lightning itself writes by way of /tmp, and if that is another disk a file may be half-written.
    with folder.replacing(path) as temporary, open(temporary, "wb") as file:  # open(): it reports a full disk
        torch.save(on_cpu(checkpoint), file)
        file.close()
        yield


def read(path: Path) -> dict[str, Any]:
    """The checkpoint in a file, on the CPU. Unpickles no code.

    Raises:
        DamagedError: a bit is not as it was written, or the file holds something else.
    """
    try:
        checkpoint = torch.load(_verified(path), map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise DamagedError(path, type(error).__name__) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # zipfile seeks where a damaged directory of the archive says
            raise
        raise DamagedError(path, type(error).__name__) from error
    if not isinstance(checkpoint, dict):
        raise DamagedError(path, f"a {type(checkpoint).__name__}")
    return checkpoint


def _verified(path: Path) -> io.BytesIO:
    """A copy of an archive, each entry of which has its checksum.

    Torch looks at no checksum, and with a damaged directory it may read other bytes than those that zipfile checked.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(copy, "w") as whole:
        for entry in file.infolist():
            whole.writestr(entry.filename, file.read(entry))
    copy.seek(0)
    return copy


def resumption(folder: RunFolder) -> Resumption | None:
    """The checkpoint from which an interrupted run goes on: the last one, or the tested one if the last is damaged.

    Both lead to the same numbers. Without a whole tested one the run begins anew, because the epoch that would be
    tested is lost. Damaged files are removed, which is reported.
    """
    faults: list[str] = []
    last, tested = (_whole(path, faults) for path in (folder.last_checkpoint, folder.tested_checkpoint))
    if last and not tested:
        if not faults:
            faults.append(f"{folder.tested_checkpoint} is missing")
        folder.last_checkpoint.unlink()
    elif last.keys() >= RESUMABLE:
        _report(faults, last)
        return Resumption(folder.last_checkpoint, last["global_step"])
    elif tested.keys() >= RESUMABLE:
        _report(faults, tested)
        return Resumption(folder.tested_checkpoint, tested["global_step"])
    _report(faults, {})
    return None


def _whole(path: Path, faults: list[str]) -> dict[str, Any]:
    """The checkpoint in a file; empty if there is none, or it was damaged and is removed."""
    try:
        return read(path) if path.exists() else {}
    except DamagedError as error:
        path.unlink()
        faults.append(f"{path} was damaged ({error.reason}) and is removed")
        return {}


def _report(faults: list[str], begun: dict[str, Any]) -> None:
    if faults:
        then = f"goes on after epoch {begun['epoch']}" if begun else "begins anew"
        log.warning("%s; the run %s.", ", ".join(faults), then)
