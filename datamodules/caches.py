"""Reading what a cache keeps: a damaged file counts as none, which is reported."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

log = logging.getLogger("lstm-cs")

Kept = TypeVar("Kept")


def read_kept(path: Path, read: Callable[[BinaryIO], Kept]) -> Kept | None:
    """The content of a file of a cache; None if there is no such file, or it is damaged.

    Args:
        path: of the file.
        read: reads it, and raises any error if a bit is not as it was written.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below; an error of opening is another)
    except OSError:  # missing; or it may not be read, and will be named when it is to be replaced
        return None
    with file:
        try:
            return read(file)
        except Exception as error:  # NumPy lets errors of the archive and of Python's parser through
            log.warning("%s was damaged (%s) and is made anew.", path, type(error).__name__)
            return None
