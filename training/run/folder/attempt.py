"""An attempt at a run: what one process writes there, until another takes the run over.

A process may stand still and lose its lease between its last look at it and the write that follows. So it writes each
file in a folder of its own and renames it from there, and whoever takes the run over removes that folder first: after
that nothing of the old attempt arrives any more, whatever its process believes. Here only the answers of the file
system to changes count (mkdir, rmdir, rename), which it gives itself: a look at a name is answered by what a machine
remembers, on a network's disk for half a minute and longer. The list of other attempts is asked for right after this
machine has made its own, which has it ask the disk.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from training.run.folder.errors import HeldError
from training.run.folder.leases import holder

PREFIX = ".attempt-"
"""The names of attempts' folders begin with it."""

TRIES = 20
"""How often we try to remove the folder of an attempt in which its process makes files meanwhile."""


class Attempt:
    """The attempt of this process at a run.

    Args:
        run: the folder of the run, which exists.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, run: Path):
        self._run = run
        self._own = run / f"{PREFIX}{secrets.token_hex(8)}"
        self._own.mkdir()

    def end_others(self) -> None:
        """End all other attempts at the run: nothing that they write arrives from now on.

        Raises:
            HeldError: another process goes on making files.
            OSError: the folder cannot be written.
        """
        end_attempts(self._run, self._own)

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Yield a temporary path; rename it to `path`, a file of the run, when the block ends.

        Raises:
            HeldError: another process has ended this attempt.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._own / f"new-{path.name}"  # with the same ending, and no name that anybody looks for
        try:
            yield temporary
            os.replace(temporary, path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE) and str(error.filename) == str(temporary):
                raise HeldError(self._run, holder(self._run)) from error
            raise
        finally:
            with suppress(OSError):
                temporary.unlink()

    def end(self) -> None:
        """End this attempt."""
        with suppress(OSError):
            _is_removed(self._own)


def end_attempts(run: Path, but: Path | None = None) -> None:
    """End all attempts at a run but the one in the folder `but`; see `Attempt.end_others`."""
    for other in sorted(run.glob(f"{PREFIX}*")):
        if other != but and not _is_removed(other):
            raise HeldError(run, holder(run))


def _is_removed(folder: Path) -> bool:
    """Remove a folder with the files in it, and return whether it is gone."""
    for _ in range(TRIES):
        try:
            for file in list(folder.iterdir()):
                file.unlink(missing_ok=True)
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                raise
            time.sleep(0.05)
        else:
            return True
    return False


def is_marked(mark: Path) -> bool:
    """Whether the file `mark` is there by the word of the file system, whatever this machine remembers.

    For a moment a folder takes the place of the mark that is missing, so that only a file counts as one.
    """
    while True:
        try:
            mark.mkdir()
            is_ours = True
        except FileExistsError:
            is_ours = False  # the mark, or the folder of a process that was killed here
        try:
            mark.rmdir()
        except NotADirectoryError:
            return True
        except FileNotFoundError:
            pass
        if is_ours:
            return False
