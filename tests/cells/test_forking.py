"""Processes that are forked while another thread compiles or takes a buffer."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from cells import LSTM, backend
from cells.llvm import machine
from cells.llvm.workspace import Workspace, workspace
from cells.torchscript.compiler import COMPILING

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


@contextmanager
def held_by_another_thread(lock: threading.Lock) -> Iterator[None]:
    """Another thread has the lock, and gives it back as soon as somebody else wants it."""
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            release.wait(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        release.set()
        thread.join()


def in_a_child(work: Callable[[], bool]) -> int:
    """The exit status of a forked process: 0 where the work is true; one that hangs is ended by SIGALRM."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(120)
        os._exit(0 if work() else 1)
    return os.waitpid(child, 0)[1]


def computes(spec: str, name: str) -> bool:
    """Whether a cell that nobody has compiled yet gives numbers."""
    with torch.no_grad(), backend(name):
        return bool(LSTM(3, 4, alteration=spec)(torch.ones(2, 1, 3))[0].isfinite().all())


@pytest.mark.parametrize(
    ("lock", "work"),
    [
        (machine._loading, lambda: computes("c * 0.0078125 + 0.5", "llvm")),
        (COMPILING, lambda: computes("c * 0.0078125 + 0.25", "torchscript")),
        (Workspace._lock, lambda: workspace.empty(torch.empty(0), 1 << 20).numel() == 1 << 20),
    ],
    ids=["llvm", "torchscript", "workspace"],
)
def test_a_child_forked_while_another_thread_holds_a_lock_works(lock: threading.Lock, work: Callable[[], bool]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # torch's own operations would wait for their threads for ever
    try:
        with held_by_another_thread(lock):
            assert in_a_child(work) == 0
    finally:
        torch.set_num_threads(threads)
