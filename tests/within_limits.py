"""The time and the memory that a call may take, measured so that no busy machine fails a test."""

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

SECONDS = 1.0
"""Seconds of this thread's own work on a processor: waiting for one does not count."""

MEGABYTES = 200

TRIES = 3
"""A call beyond a limit is made again: the first one may have imported a package, or shared its processor's caches."""


Result = TypeVar("Result")


class Cost(NamedTuple):
    """The work of a call on a processor, and how far the process's memory rose above what was in use before."""

    seconds: float
    megabytes: float


def within_limits(call: Callable[[], Result], more: float = 0.0) -> Result:
    """Return or raise what a call does; it is made again if it took too much, so its answer has to be the same then.

    Args:
        call: is made.
        more: seconds beside SECONDS, for that which a valid file of that size needs too.

    Raises:
        AssertionError: it took more than SECONDS + `more` or MEGABYTES each time.
    """
    costs: list[Cost] = []
    while len(costs) < TRIES:
        answer: Future[Result] = Future()
        before, began = _in_use(), time.thread_time()
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)
        costs.append(Cost(time.thread_time() - began, (_peak() - before) / 1024))
        if costs[-1].seconds <= SECONDS + more and costs[-1].megabytes <= MEGABYTES:
            return answer.result()
    raise AssertionError(f"more than {SECONDS + more} s or {MEGABYTES} MB: {costs}")


def _in_use() -> int:
    """The process's memory in KB, from which on a new peak is measured."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak becomes what is in use
    return _peak()


def _peak() -> int:
    """KB. Elsewhere than on Linux it is that of the process's life, so that less is noticed and nothing wrongly."""
    status = Path("/proc/self/status")
    if not status.exists():
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest // 1024 if sys.platform == "darwin" else largest
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
