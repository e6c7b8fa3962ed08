"""The progress of a study, as seen from any machine that sees its runs."""

import hashlib
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from threading import Event, Thread
from typing import NamedTuple

from cells.errors import UserError
from training.run.folder.damage import DAMAGE
from training.run.folder.durable import write_atomically
from training.run.folder.errors import DiskFullError, is_disk_full
from training.run.folder.leases import holder
from training.run.folder.run_folder import FAILED, MARK
from training.run.terminal import REWRITE_LINE
from training.studies.stack_key import MULTIRUN

STUDIES = ".studies"
"""The folder below runs_dir that has a file for each study."""

RATE_WINDOW = 1800.0
"""Seconds: the rate counts the runs that finished within them."""

REFRESH = 2.0
"""Seconds between two updates of the progress line."""

LOG_INTERVAL = 60.0
"""Seconds between two progress lines in a file, where none can be replaced."""


class StudyRecord(NamedTuple):
    """The record of a command that does many runs.

    Attributes:
        command: as it was typed.
        host, pid, since: of the process that gave it last.
        folders: of all its runs but the invalid ones.
        invalid: how many runs it refused for their configuration, and will have no folder.
    """

    command: str
    host: str
    pid: int
    since: float
    folders: list[Path]
    invalid: int = 0


class Progress(NamedTuple):
    """How many runs of a study are in which state, and the runs finished per minute lately, 0 if none."""

    total: int
    done: int
    running: int
    failed: int
    rate: float

    def __str__(self) -> str:
        waiting = self.total - self.done - self.running - self.failed
        counts = f"{self.done} done, {self.running} running, {self.failed} failed, {waiting} waiting"
        left = self.running + waiting
        speed = f"; {self.rate:.1f} a minute, {time_left(60 * left / self.rate)}" if self.rate and self.running else ""
        return f"{self.total} run{'s' if self.total > 1 else ''}: {counts}{speed}"


def write_record(runs_dir: Path, folders: Sequence[Path], invalid: int = 0) -> Path:
    """Write a study's record for other processes and machines to read, and return its path.

    The same runs have the same path.

    Raises:
        UserError: the folder cannot be written.
    """
    below = [os.path.relpath(folder, runs_dir) for folder in folders]
    name = hashlib.sha256("\n".join(sorted(below)).encode()).hexdigest()[:8]
    path = runs_dir.absolute() / STUDIES / f"{name}.json"
    about = {
        "command": shlex.join(["python", *(given for given in sys.argv if given != MULTIRUN)]),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
        "runs": below,
        "invalid": invalid,
    }
    try:
        write_atomically(path, json.dumps(about))
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(runs_dir) from error
        raise UserError(f"{runs_dir} cannot be written ({error.strerror}); choose runs_dir=...") from error
    return path


def read_record(path: Path) -> StudyRecord:
    """The record that `write_record` wrote.

    Raises:
        UserError: it is damaged.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        folders = [path.parent.parent / below for below in about.pop("runs")]
        return StudyRecord(**about, folders=folders)
    except (KeyError, TypeError, AttributeError, *DAMAGE) as error:
        raise UserError(f"{path} is damaged ({type(error).__name__}); remove it and give the command again.") from error


def progress_of(folders: Iterable[Path], since: float, invalid: int = 0) -> Progress:
    """The progress of runs.

    Args:
        folders: of the runs.
        since: when the study began, in seconds since 1970; the rate counts nothing older.
        invalid: how many more runs there are whose configuration was refused: they have failed.
    """
    now = time.time()
    begin = max(since, now - RATE_WINDOW)
    total = failed = invalid
    done = running = recent = 0
    for folder in folders:
        total += 1
        finished = _modified(folder / MARK)
        done += finished > 0
        recent += finished > begin
        if not finished and holder(folder) is not None:
            running += 1
        elif not finished and (folder / FAILED).exists():
            failed += 1
    return Progress(total, done, running, failed, 60 * recent / max(now - begin, 1.0))


def _modified(path: Path) -> float:
    """When a file was written, in seconds since 1970; 0 if there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0.0
    return found.st_mtime if S_ISREG(found.st_mode) else 0.0


def time_left(seconds: float) -> str:
    """An estimated time in words, no more exact than the estimate."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes} min left"


@contextmanager
def progress_line(line: Callable[[], str]) -> Iterator[None]:
    """Keep a line on the terminal up to date while the block runs; in a file, write it now and then.

    Args:
        line: makes the line.
    """
    over = Event()
    thread = Thread(target=_refresh, args=(line, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        print(REWRITE_LINE if sys.stdout.isatty() else "", end="", flush=True)


def _refresh(line: Callable[[], str], over: Event) -> None:
    last = time.monotonic()
    while not over.wait(REFRESH):
        if sys.stdout.isatty():
            print(REWRITE_LINE + line(), end="", flush=True)
        elif time.monotonic() - last > LOG_INTERVAL:
            last = time.monotonic()
            print(line(), flush=True)
