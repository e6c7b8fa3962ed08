"""Termination: SIGTERM ends a command as Ctrl-C does, wherever it arrives.

Lightning notes a SIGTERM and looks at its note in the middle of training alone: one that arrives during an evaluation
would be forgotten. It calls the handler that it found as well, so ours raises at once.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import psutil

CODE = 128 + signal.SIGTERM
"""The exit code of a command that was terminated, as shells have it."""

LOOK = 1.0
"""Seconds between two looks at whether the launcher lives."""

_arrived = threading.Event()
"""Whether a SIGTERM has arrived: Python drops an exception that is raised inside a finalizer."""

_followed: set[int] = set()
"""The launchers with which this process ends."""


@contextmanager
def terminable(worker: bool = False, always: bool = False) -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that leases are given back, and then the process.

    Does nothing where SIGTERM has a handler already, as within a block like this one.

    Args:
        worker: whether the process is the worker of a launcher, which must see that it died.
        always: whether to take the place of another handler, but for our own: submitit's ignores the signal, since
            Slurm sends it before the one after which it queues the job again.
    """
    main, before = threading.current_thread() is threading.main_thread(), signal.getsignal(signal.SIGTERM)
    if not main or before is _interrupt or not (always or before == signal.SIG_DFL):
        yield
        return
    _arrived.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
        check()
    except KeyboardInterrupt:
        if not _arrived.is_set():
            raise
        _end(worker)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def kept() -> Iterator[None]:
    """Keep the handler of SIGTERM in a block in which a library puts its own in its place.

    A library's own, such as Ray's, may exit with the signal's number; that ends the outer block as our handler does.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as error:
        if before is not _interrupt or error.code != signal.SIGTERM:
            raise
        _interrupt(signal.SIGTERM, None)
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def check() -> None:
    """Raise KeyboardInterrupt if a SIGTERM has arrived."""
    if _arrived.is_set():
        raise KeyboardInterrupt


def end_with_launcher(pid: int) -> None:
    """Terminate this process when the launcher that started it has ended, however that was, or now if it has.

    Args:
        pid: of the launcher on this machine; 0, or this process itself: none.
    """
    if pid not in (0, os.getpid()) and pid not in _followed:
        _followed.add(pid)
        threading.Thread(target=_follow, args=(pid,), daemon=True).start()


def _follow(pid: int) -> None:
    try:
        launcher = psutil.Process(pid)
        while launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOK)
    except psutil.NoSuchProcess:
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _arrived.set()
    raise KeyboardInterrupt


def _end(worker: bool) -> NoReturn:
    if worker:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    print("\nTerminated; the same command goes on after the last epoch that was written.", file=sys.stderr)
    sys.exit(CODE)
