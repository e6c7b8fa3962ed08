"""A team of threads that runs a function of machine code.

It is torch's own OpenMP team where that can be found, so that its threads are not joined by as many others. Elsewhere,
on Windows for one, it is a few Python threads, which do not hold Python's lock while they compute. `cells.llvm.threads`
says how many there are.
"""

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from cells.llvm import threads
from cells.llvm.plan import BoundTask
from cells.llvm.workspace import workspace

_Function = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def run_tasks(function: int, tasks: Sequence[BoundTask]) -> None:
    """Run the tasks on `threads.running()` threads; a single one stays on the calling thread.

    Args:
        function: the address of what each thread runs, see `cells.llvm.machine`.
        tasks: any number.
    """
    # The whole team even for fewer tasks: OpenMP would end the threads without work, and start them again later.
    count = threads.running() if len(tasks) > 1 and not _forked else 1
    size = max((task.room for task in tasks), default=0)
    rooms = workspace.empty(_BYTE, count * size)
    words = [len(tasks), 0, 0, rooms.data_ptr(), size, *(ctypes.addressof(task.words) for task in tasks)]
    data = (ctypes.c_int64 * len(words))(*words)
    if count == 1:
        _Function(function)(ctypes.addressof(data))
    else:
        _parallel()(function, ctypes.addressof(data), count)


_BYTE = torch.empty(0, dtype=torch.uint8, device="cpu")


@functools.cache
def _parallel() -> Callable[[int, int, int], None]:
    return openmp() or OwnTeam().run


def openmp() -> Callable[[int, int, int], None] | None:
    """`run` of torch's OpenMP team; None where there is none."""
    for library in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp[.-]*")):
        try:
            parallel = ctypes.CDLL(str(library)).GOMP_parallel  # LLVM's library has it too
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return lambda function, data, count: parallel(function, data, count, 0)
    return None


class OwnTeam:
    """Threads that wait for their next function."""

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._members: list[_Member] = []

    def run(self, function: int, data: int, count: int) -> None:
        """Run function(data) on `count` threads, the caller's among them; on that alone while the team is busy."""
        if not self._free.acquire(blocking=False):
            _Function(function)(data)
            return
        try:
            while len(self._members) < count - 1:
                self._members.append(_Member())
            with _working(self._members[: count - 1], function, data):
                _Function(function)(data)
        finally:
            self._free.release()


@contextmanager
def _working(members: "Sequence[_Member]", function: int, data: int) -> Iterator[None]:
    """The members run function(data) meanwhile, and have all done so afterwards, whatever was raised."""
    begun = []
    try:
        for member in members:
            begun.append(member)
            member.begin(function, data)
        yield
    finally:
        interrupt = None
        while begun:
            try:
                begun[-1].wait()
                del begun[-1]
            except KeyboardInterrupt as error:  # the caller would free the memory that they work on
                interrupt = error
        if interrupt is not None:
            raise interrupt


class _Member:
    """A thread of a team."""

    def __init__(self) -> None:
        self._work: tuple[int, int] = (0, 0)
        self._begin, self._idle = threading.Semaphore(0), threading.Event()
        self._idle.set()
        threading.Thread(target=self._serve, name="lstm", daemon=True).start()

    def begin(self, function: int, data: int) -> None:
        self._work = (function, data)
        self._idle.clear()
        self._begin.release()

    def wait(self) -> None:
        """Wait until the work is done; once more does no harm, as Ctrl-C may fall behind the first time."""
        self._idle.wait()

    def _serve(self) -> None:
        while True:
            self._begin.acquire()
            function, data = self._work
            _Function(function)(data)
            self._idle.set()


_forked = False  # a team's threads stay in the parent, and a team in the child would wait for them forever


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
