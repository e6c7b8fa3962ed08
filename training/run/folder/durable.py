"""Writing files so that they are on the disk, whatever becomes of the machine."""

import os
from contextlib import suppress
from pathlib import Path

from datamodules.files import replacing


def write_atomically(path: Path, text: str) -> None:
    """Write a file, whole or not at all; it is on the disk afterwards."""
    with replacing(path) as temporary:
        write_through(temporary, text)


def write_through(path: Path, text: str) -> None:
    """Write a file; it is on the disk afterwards."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Have a file on the disk, whatever becomes of the machine."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def flush_names(*folders: Path) -> None:
    """Have the names in folders on the disk too, where the system can: a new name is not there with its file."""
    for folder in folders if hasattr(os, "O_DIRECTORY") else ():
        with suppress(OSError):  # not every network's disk takes it
            number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
