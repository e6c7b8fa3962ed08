"""A pool of worker processes that print nothing when they are stopped: they start whole and end with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

QUIET_START = "datamodules.tweets.quiet_start"
"""The module with which a fork server begins."""

POSIX = "forkserver" in multiprocessing.get_all_start_methods()
"""Whether there are fork servers, and signals that can be blocked."""


class WorkerPool(ProcessPoolExecutor):
    """Processes that call functions. Ctrl-C is left to the parent, and when that ends, however it does, they end too.

    Args:
        processes: their number.
        preload: modules that are imported once for all of them, where the system allows it.
    """

    def __init__(self, processes: int, preload: Sequence[str] = ()) -> None:
        # A fork server has one thread. Forking this process could hang, because torch has several.
        context: Any = multiprocessing.get_context("forkserver" if POSIX else "spawn")
        context.set_forkserver_preload([QUIET_START, *preload])
        super().__init__(processes, context, initializer=_follow_parent)

    def start(self, function: Callable[..., T], calls: Iterable[tuple[Any, ...]]) -> list[Future[T]]:
        """Start processes and hand them the calls; a signal that arrives meanwhile is answered after that.

        Args:
            function: one that can be pickled.
            calls: the arguments of each call.
        """
        with _undisturbed():
            if POSIX:
                forkserver.ensure_running()
            return [self.submit(function, *arguments) for arguments in calls]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Answer signals after the block, and block Ctrl-C for good in the processes that it starts.

    An exception amid the start of a process would leave a half of it, which says so with a traceback or stays.
    """
    if not POSIX or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in dict.fromkeys(came):
            signal.raise_signal(each)


def _follow_parent() -> None:
    """Make this worker exit when its parent does, even if that is killed, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
