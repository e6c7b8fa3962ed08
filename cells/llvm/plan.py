"""How the work of one layer is divided: into tasks (a direction, or a slice of its batch) and into chunks of steps."""

import bisect
import ctypes
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cells.llvm.fields import Fields, Words

LEAST_SLICE = 16  # rows of the batch; with fewer, products are too slow to be worth a thread
CHUNK_BYTES = 1 << 18  # of a chunk's gates, so that they stay in a core's cache
ALIGNMENT = 64  # bytes, so that no vector lies across two lines of the cache
LEAST_CHUNK = 64  # rows of a chunk


class Plan:
    """The tasks of a layer over packed rows.

    There is one task for each direction, or more where there are threads for them: then each has a slice of the batch,
    and all slices have about equal work.

    Args:
        sizes: how many rows are running at each step.
        directions: 1 or 2.
        threads: that the work is divided for.
        chunk_rows: the most rows of a chunk.
        weight_columns: I + H, the columns of W_ih and W_hh together.
    """

    def __init__(
        self, sizes: tuple[int, ...], directions: int, threads: int, chunk_rows: int, weight_columns: int
    ) -> None:
        sizes = tuple(n for n in sizes if n)  # a batch may be padded beyond its longest row
        starts = [0, *itertools.accumulate(sizes)][:-1]
        self.rows, self.batch, self.ragged = sum(sizes), sizes[0], sizes[0] != sizes[-1]
        # Each further slice takes memory for its sums dW, 4 H (I + H); all together they must not outweigh the gates,
        # 4 H N, which are kept for backward anyway.
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
    """Edges 0 < ... < B of at most `count` ranges of the batch with about equal numbers of real steps."""
    if count <= 1:
        return [0, sizes[0]]
    done = [0, *itertools.accumulate(_lengths(sizes))]
    edges = {bisect.bisect_left(done, k * done[-1] / count) for k in range(count)}
    return sorted(edges | {sizes[0]})


class Task:
    """One direction over the rows low .. high of the batch: where its steps lie, and which steps make up its chunks.

    Attributes:
        tables: the numbers of its steps and chunks, by the names of `cells.llvm.fields`.
    """

    def __init__(
        self, starts: Sequence[int], sizes: Sequence[int], low: int, high: int, direction: int, chunk_rows: int
    ) -> None:
        self.direction, self.low, self.high = direction, low, high
        count = [min(n, high) - low for n in sizes if n > low]
        start = [first + low for first, n in zip(starts, sizes, strict=True) if n > low]
        # Rows of successive steps are neighbours only where the task has all rows of a step.
        edges = list(_chunks(count, chunk_rows if high - low == sizes[0] else 0))
        self.chunk_rows = max(sum(count[a:b]) for a, b in itertools.pairwise(edges))
        if direction == 1:
            start, count, edges = start[::-1], count[::-1], [len(count) - edge for edge in reversed(edges)]
        self.tables = {
            name: (ctypes.c_int64 * len(values))(*values)
            for name, values in {"chunk_step": edges, "start": start, "count": count}.items()
        }
        self._own_fields = {name: ctypes.addressof(table) for name, table in self.tables.items()}
        self._own_fields["chunks"] = len(edges) - 1

    def bind(
        self,
        fields: Fields,
        numbers: Mapping[str, int],
        tensors: Mapping[str, "Tensor | Place | None"],
        room: Mapping[str, int],
    ) -> "BoundTask":
        """The task on these tensors, for the pass that reads these fields; None leaves a field out.

        `room` has the bytes that each of the fields in a thread's room takes there.

        Raises:
            ValueError: a name is not that of a field, or a field is missing that the pass cannot do without.
        """
        values, end = {**self._own_fields, **numbers}, 0
        for name, size in room.items():
            values[name] = end
            end += -(-size // ALIGNMENT) * ALIGNMENT
        for name, given in tensors.items():
            if given is not None:
                values[name] = given.address if isinstance(given, Place) else given.data_ptr()
        return BoundTask(self.direction, fields.words(values), tensors, end)


class Place(NamedTuple):
    """A number of a dense tensor; a view of the tensor would take longer to make."""

    tensor: Tensor
    first: int

    @property
    def address(self) -> int:
        """Where it is in memory."""
        return self.tensor.data_ptr() + self.first * self.tensor.element_size()


class BoundTask(NamedTuple):
    """A task on tensors: what a kernel reads, the tensors whose addresses that holds, and the bytes of its room."""

    direction: int
    words: Words
    tensors: Mapping[str, "Tensor | Place | None"]
    room: int


def _chunks(count: Sequence[int], most: int) -> Iterator[int]:
    """Edges of ranges of steps with at most `most` rows each, but at least one step."""
    yield 0
    rows = 0
    for t, n in enumerate(count):
        if rows and rows + n > most:
            yield t
            rows = 0
        rows += n
    yield len(count)


@functools.lru_cache(maxsize=256)
def cached_plan(sizes: tuple[int, ...], directions: int, threads: int, chunk_rows: int, weight_columns: int) -> Plan:
    """The plan, kept for the next batch of the same sizes."""
    return Plan(sizes, directions, threads, chunk_rows, weight_columns)


def chunk_rows(hidden: int, item: int) -> int:
    """How many rows of gates [.., 4 H] fit into a chunk, in numbers of `item` bytes."""
    return max(CHUNK_BYTES // (4 * hidden * item), LEAST_CHUNK)
