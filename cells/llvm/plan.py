"""How the work of one layer is cut: into tasks (a direction, or a slice of its batch) and into chunks of steps."""

import bisect
import ctypes
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cells.llvm.kernels import FIELDS

LEAST_SLICE = 16  # rows of the batch; fewer make products too slow to be worth a thread
CHUNK_BYTES, LEAST_CHUNK = 1 << 18, 64  # of a chunk's gates, so that they stay in a core's cache, and its rows

Words = ctypes.Array[ctypes.c_int64]


class Plan:
    """The tasks of a layer over packed rows, of which `sizes[t]` are running at step t.

    One task for each direction, or more where there are threads for it: then each has a slice of the batch, the
    slices being of equal work. Models that are trained together are tasks side by side, see `cells.llvm.stacked_layer`.

    weight_columns: I + H, those of W_ih and W_hh together.
    """

    def __init__(
        self, sizes: tuple[int, ...], directions: int, threads: int, chunk_rows: int, weight_columns: int
    ) -> None:
        sizes = tuple(n for n in sizes if n)  # a batch may be padded beyond its longest row
        starts = [0, *itertools.accumulate(sizes)][:-1]
        self.rows, self.batch, self.ragged = sum(sizes), sizes[0], sizes[0] != sizes[-1]
        # Each further slice takes memory for its sums dW, 4 H (I + H), which together are not to outweigh the gates
        # that are kept for backward anyway, 4 H N.
        affordable = 1 + self.rows // weight_columns
        edges = _slices(sizes, min(threads // directions, self.batch // LEAST_SLICE, affordable))
        self.tasks = [
            Task(starts, sizes, low, high, direction, chunk_rows)
            for direction in range(directions)
            for low, high in itertools.pairwise(edges)
        ]
        lengths = _lengths(sizes)
        last_rows = [starts[length - 1] + row for row, length in enumerate(lengths)]
        self._last_rows = torch.tensor(last_rows, device="cpu")

    def final(self, states: Tensor, direction: int) -> Tensor:
        """The last state [B', H] of each of the batch's rows in a direction, from those of all steps [N, H]."""
        if direction == 1:
            return states[: self.batch]
        return states.index_select(0, self._last_rows) if self.ragged else states[-self.batch :]


def _lengths(sizes: Sequence[int]) -> list[int]:
    """The number of steps of each row of the batch."""
    lengths: list[int] = []
    for steps in range(len(sizes), 0, -1):  # the longest rows come first
        lengths += [steps] * (sizes[steps - 1] - len(lengths))
    return lengths


def _slices(sizes: Sequence[int], count: int) -> list[int]:
    """Edges 0 < ... < B of at most `count` ranges of the batch that have about equally many real steps."""
    if count <= 1:
        return [0, sizes[0]]
    done = [0, *itertools.accumulate(_lengths(sizes))]
    edges = {bisect.bisect_left(done, k * done[-1] / count) for k in range(count)}
    return sorted(edges | {sizes[0]})


class Task:
    """One direction over the rows low .. high of the batch: where its steps lie, and how they are cut into chunks."""

    def __init__(
        self, starts: Sequence[int], sizes: Sequence[int], low: int, high: int, direction: int, chunk_rows: int
    ) -> None:
        self.direction, self.low, self.high = direction, low, high
        count = [min(n, high) - low for n in sizes if n > low]
        start = [first + low for first, n in zip(starts, sizes, strict=True) if n > low]
        # Rows of successive steps are neighbours only where a step has no others.
        edges = list(_chunks(count, chunk_rows if high - low == sizes[0] else 0))
        self.chunk_rows = max(sum(count[a:b]) for a, b in itertools.pairwise(edges))
        if direction == 1:
            start, count, edges = start[::-1], count[::-1], [len(count) - edge for edge in reversed(edges)]
        self._tables = {
            name: (ctypes.c_int64 * len(values))(*values)
            for name, values in {"chunk_step": edges, "start": start, "count": count}.items()
        }
        self._words = {name: ctypes.addressof(table) for name, table in self._tables.items()}
        self._words["chunks"] = len(edges) - 1

    def work(self, numbers: dict[str, int], tensors: dict[str, Tensor | None]) -> "Work":
        """The task on these tensors; names are those of `cells.llvm.kernels.FIELDS`, and those not given are 0."""
        known = {**self._words, **numbers}
        known.update((name, tensor.data_ptr()) for name, tensor in tensors.items() if tensor is not None)
        words = (ctypes.c_int64 * len(FIELDS))(*[known.get(name, 0) for name in FIELDS])
        return Work(self.direction, words, tensors)


class Work(NamedTuple):
    """What a kernel reads, and the tensors whose addresses that holds."""

    direction: int
    words: Words
    tensors: dict[str, Any]  # Tensor or None


def _chunks(count: Sequence[int], most: int) -> Iterator[int]:
    """Edges of ranges of steps with at most `most` rows together, but one step at least."""
    yield 0
    rows = 0
    for t, n in enumerate(count):
        if rows and rows + n > most:
            yield t
            rows = 0
        rows += n
    yield len(count)


@functools.lru_cache(maxsize=256)
def plan(sizes: tuple[int, ...], directions: int, threads: int, chunk_rows: int, weight_columns: int) -> Plan:
    """The plan, kept for the next batch of the same shape."""
    return Plan(sizes, directions, threads, chunk_rows, weight_columns)


def chunk_rows(hidden: int, item: int) -> int:
    """How many rows of gates [.., 4 H] with items of that many bytes fit into a chunk."""
    return max(CHUNK_BYTES // (4 * hidden * item), LEAST_CHUNK)
