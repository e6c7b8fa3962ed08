"""How many threads the compiled loops use: torch's number, or one of their own.

The work of a layer is divided for the planned number of threads and done by the running ones. The order of its sums,
and so the last digits of its results, depend on the division alone: other programs may take cores away and no result
changes.
"""

from dataclasses import dataclass

import torch


@dataclass
class _Numbers:
    planned: int | None = None
    running: int | None = None


_own = _Numbers()


def planned() -> int:
    """The number of threads that the work is divided for."""
    return _own.planned or torch.get_num_threads()


def running() -> int:
    """The number of threads that do the work."""
    return _own.running or planned()


def use(number: int, at_once: int) -> None:
    """Divide the work for `number` threads, of which at most `at_once` run at a time; both are 1 or more."""
    _own.planned, _own.running = number, min(number, at_once)


def follow_torch() -> None:
    """Take torch's number of threads again."""
    _own.planned = _own.running = None
