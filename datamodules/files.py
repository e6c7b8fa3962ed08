"""Writing files so that they appear whole or not at all."""

import errno
import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The numbers of errors that say that a disk or a quota is full."""

ELSEWHERE = "elsewhere"
"""Stands for the folder of a file that is named by an absolute path and not below data_dir."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends, remove it after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)  # a write notices that the disk is full, and knows no name
        raise
    finally:
        temporary.unlink(missing_ok=True)


def known_as(name: str, data_dir: Path) -> str:
    """The name by which results know a user's file or folder, without the folders above it.

    A path below `data_dir` is known from there on, so that `here_or_below` finds it; another absolute one by its last
    name, behind a hash that tells it from others of that name. A relative path stays as it is. The current folder
    does not matter: workers may have another.
    """
    path = Path(name)
    if not path.is_absolute():
        return name
    if path.is_relative_to(data_dir.absolute()):
        return path.relative_to(data_dir.absolute()).as_posix()
    return f"{ELSEWHERE}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}/{path.name}"


def is_elsewhere(name: str) -> bool:
    """Whether `known_as` gave a file this name, so that its folder is not known."""
    return re.match(rf"{ELSEWHERE}_[0-9a-f]{{8}}/", name) is not None


def here_or_below(name: str, data_dir: Path) -> Path:
    """The path of a user's file or folder: as it is given if it is there, else below `data_dir`."""
    path = Path(name)
    return path if path.exists() else data_dir / path


def looked_for(name: str, data_dir: Path) -> str:
    """Where `here_or_below` has looked, for an error: "looked for /home/me/a.csv and /home/me/data/a.csv"."""
    return f"looked for {' and '.join(dict.fromkeys(os.path.abspath(folder / name) for folder in (Path(), data_dir)))}"
