"""How far a study is, as seen from any machine that sees its runs."""

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
from threading import Event, Thread
from typing import NamedTuple

from cells.errors import UserError
from training.run.errors import DiskFullError, is_full
from training.run.folder import FAILED, MARK, write_atomically
from training.run.leases import holder
from training.studies.stack_key import MULTIRUN

STUDIES = ".studies"
"""Below runs_dir: a file for each study."""

RECENT = 1800.0
"""Seconds: the rate is that of the runs finished in them."""

REPLACE = "\r\033[K"
"""Begins a line in place of the terminal's last one."""

EVERY = 2.0
"""Seconds between two looks."""

SELDOM = 60.0
"""Seconds between two lines where a line cannot be replaced."""


class Study(NamedTuple):
    """What is known of a command that makes many runs.

    Attributes:
        command: as it was given.
        host, pid, since: of the process that made it last.
        folders: of all its runs.
    """

    command: str
    host: str
    pid: int
    since: float
    folders: list[Path]


class Standing(NamedTuple):
    """How many runs of a study are in which state, and how many finished a minute lately; 0: none."""

    total: int
    done: int
    running: int
    failed: int
    rate: float

    def __str__(self) -> str:
        waiting = self.total - self.done - self.running - self.failed
        counts = f"{self.done} done, {self.running} running, {self.failed} failed, {waiting} waiting"
        left = self.running + waiting
        speed = f"; {self.rate:.1f} a minute, {remaining(60 * left / self.rate)}" if self.rate and self.running else ""
        return f"{self.total} run{'s' if self.total > 1 else ''}: {counts}{speed}"


def record(runs_dir: Path, folders: Sequence[Path]) -> Path:
    """Write down what a study consists of, for other processes and machines to see; the same runs, the same file.

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
    }
    try:
        write_atomically(path, json.dumps(about))
    except OSError as error:
        if is_full(error):
            raise DiskFullError(runs_dir) from error
        raise UserError(f"{runs_dir} cannot be written ({error.strerror}); choose runs_dir=...") from error
    return path


def read(path: Path) -> Study:
    """What `record` wrote."""
    about = json.loads(path.read_text(encoding="utf-8"))
    folders = [path.parent.parent / below for below in about.pop("runs")]
    return Study(**about, folders=folders)


def standing(folders: Iterable[Path], since: float) -> Standing:
    """Of runs.

    Args:
        folders: of the runs.
        since: when they were begun; the rate counts nothing older.
    """
    now = time.time()
    begin = max(since, now - RECENT)
    total = done = running = failed = recent = 0
    for folder in folders:
        total += 1
        finished = _written(folder / MARK)
        done += finished > 0
        recent += finished > begin
        if not finished and holder(folder) is not None:
            running += 1
        elif not finished and (folder / FAILED).exists():
            failed += 1
    return Standing(total, done, running, failed, 60 * recent / max(now - begin, 1.0))


def _written(path: Path) -> float:
    """When; 0: never."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def remaining(seconds: float) -> str:
    """In words, no more exact than an estimate is."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes} min left"


@contextmanager
def shown(line: Callable[[], str]) -> Iterator[None]:
    """One line in the terminal that is kept up to date while the block runs; in a file, one now and then."""
    over = Event()
    thread = Thread(target=_show, args=(line, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        print(REPLACE if sys.stdout.isatty() else "", end="", flush=True)


def _show(line: Callable[[], str], over: Event) -> None:
    last = time.monotonic()
    while not over.wait(EVERY):
        if sys.stdout.isatty():
            print(REPLACE + line(), end="", flush=True)
        elif time.monotonic() - last > SELDOM:
            last = time.monotonic()
            print(line(), flush=True)
