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

CODE = 128 + signal.SIGTERM
"""The exit code of a command that was terminated, as shells have it."""

LOOK = 1.0
"""Seconds between two looks at whether the launcher lives."""

_arrived = threading.Event()
"""Whether a SIGTERM has arrived: Python drops an exception that is raised inside a finalizer."""

_followed: set[int] = set()
"""The launchers with which this process ends."""


@contextmanager
def terminable(worker: bool = False) -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that leases are given back, and then the process.

    Does nothing where SIGTERM has a handler already, as within a block like this one.

    Args:
        worker: whether the process is the worker of a launcher, which must see that it died.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
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
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def check() -> None:
    """Raise KeyboardInterrupt if a SIGTERM has arrived."""
    if _arrived.is_set():
        raise KeyboardInterrupt


def end_with_launcher(pid: int) -> None:
    """Terminate this process when the launcher that started it has ended, however that was; else do nothing.

    Args:
        pid: of the launcher; of no concern to a process that has another parent, such as Slurm.
    """
    if os.getppid() == pid and pid not in _followed:
        _followed.add(pid)
        threading.Thread(target=_follow, args=(pid,), daemon=True).start()


def _follow(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(LOOK)
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
