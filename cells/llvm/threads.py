"""How many threads the compiled loops take: as many as torch's own operations, or a number of their own.

The work of a layer is cut for the planned number of threads and done by the running ones. In which order it adds up,
and so the last digits of its results, depends on the cut alone: others may take cores away and nothing changes.
"""

from dataclasses import dataclass

import torch


@dataclass
class _Numbers:
    planned: int | None = None
    running: int | None = None


_own = _Numbers()


def planned() -> int:
    """The number of threads that the work is cut for."""
    return _own.planned or torch.get_num_threads()


def running() -> int:
    """The number of threads that do it."""
    return _own.running or planned()


def use(number: int, at_once: int) -> None:
    """Cut the work for a number of threads, and have it done by at most that many at once; both are 1 or more."""
    _own.planned, _own.running = number, min(number, at_once)


def as_torch() -> None:
    """Back to torch's number."""
    _own.planned = _own.running = None
