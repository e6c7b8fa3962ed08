"""Large buffers that are reused.

malloc gives the pages of a large buffer back to the system when it is freed, and the next buffer faults them in again,
page by page, which costs about as much as the arithmetic on them. Here a buffer waits for its next use when its last
tensor is gone.
"""

import math
import mmap
import threading
import weakref

import torch
from torch import Tensor

from cells.forking import held_over_forks

LEAST = 1 << 20  # bytes of a buffer; malloc itself keeps smaller ones
MOST_IDLE = 8  # buffers that wait; if there are more, the oldest go back to the system


class Workspace:
    """Buffers for tensors; each belongs to one tensor (and its views) at a time."""

    _lock = held_over_forks(threading.Lock())

    def __init__(self) -> None:
        self._idle: list[mmap.mmap] = []  # the most recently used last

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        """An uninitialised tensor on the CPU with the dtype of `like`."""
        size = math.prod(shape) * like.element_size()
        if size < LEAST:
            return like.new_empty(shape)
        block = self._take(size)
        view = memoryview(block)  # lives as long as torch has a tensor on it
        weakref.finalize(view, self._give_back, block).atexit = False
        return torch.frombuffer(view, dtype=like.dtype, count=math.prod(shape)).view(shape)

    def _take(self, size: int) -> mmap.mmap:
        with self._lock:
            del self._idle[:-MOST_IDLE]
            for k in reversed(range(len(self._idle))):
                if size <= len(self._idle[k]) <= 2 * size:
                    return self._idle.pop(k)
        # Private, as mmap's default is shared: a forked process would write into its parent's buffers.
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            block.madvise(mmap.MADV_HUGEPAGE)  # fewer faults, and fewer misses of the address cache
        return block

    def _give_back(self, block: mmap.mmap) -> None:
        self._idle.append(block)  # without the lock: the garbage collector may call this in the middle of _take


workspace = Workspace()
"""Shared by all layers."""
