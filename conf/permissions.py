"""Folders that this user may not use, found before long work or where a library says nothing."""

import errno
import os
from pathlib import Path


def refuse_denied(folder: Path, mode: int) -> None:
    """Raise PermissionError, as its use would, for a folder that this user may not use so.

    Args:
        folder: if it does not exist, the one it would be in decides.
        mode: `os.R_OK` to read from it, `os.W_OK` to write to it.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    effective = os.access in os.supports_effective_ids  # the rights that opening a file needs
    if there.is_dir() and not os.access(there, mode | os.X_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
