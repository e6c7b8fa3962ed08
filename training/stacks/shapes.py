"""Batches of texts that differ in their numbers of words, in few shapes, so that a step can be recorded for each.

What makes them equal weighs nothing: documents without words that no loss counts, and steps behind the last word.
"""

from torch.nn import functional as F

from cells.draws import Counts
from training.stacks.batches import StackedBatch

STEPS, PLACES = 2, 4
"""How many numbers of steps, and of packed rows, there are from a number to its double: more steps cost little where
one kernel has them all, more rows enlarge every product."""

LAUNCHES = 1 << 23
"""Packed rows of all nets times units, up to which starting a step's kernels takes longer than they do. It is not
measured but estimated: two layers of 64 units compute so many rows in 3 ms, which is what 300 launches cost."""


def launches_dominate(counts: Counts, units: int) -> bool:
    """Whether a step with such a batch is worth recording, for layers of so many units."""
    return len(counts.rows) * counts.places * units <= LAUNCHES


def rounded_up(number: int, sizes: int) -> int:
    """The next of the numbers of which so many lie from a power of two to its double."""
    unit = max(1, (1 << max(0, number.bit_length() - 1)) // sizes)
    return -(-number // unit) * unit


def counted(batch: StackedBatch) -> StackedBatch:
    """The batch with its `counts`, read on the CPU."""
    lengths = batch.own.lengths
    rows = lengths.sum(1).tolist()
    running = (lengths > 0).sum(1).tolist()
    return batch._replace(counts=Counts(batch.samples.tolist(), rows, running, lengths.size(1), max(rows)))


def placed(batch: StackedBatch, places: int) -> StackedBatch:
    """A counted batch with room for so many packed rows."""
    assert batch.counts is not None
    own = batch.counts
    counts = Counts(own.samples, own.rows, own.running, batch.own.lengths.size(1), places)
    return batch._replace(counts=counts, places=places)


def rounded(batch: StackedBatch, documents: int) -> StackedBatch:
    """A counted batch with room for so many documents of each net, and for round numbers of steps and packed rows."""
    own = batch.own
    _, here, steps = own.tokens.shape
    more, steps_more = documents - here, rounded_up(steps, STEPS) - steps
    padded = own._replace(
        tokens=F.pad(own.tokens, (0, steps_more, 0, more)),
        lengths=F.pad(own.lengths, (0, more)),
        targets=F.pad(own.targets, (0, 0, 0, more)),
        rows=F.pad(own.rows, (0, more)),
    )
    assert batch.counts is not None
    return placed(batch._replace(own=padded), rounded_up(max(1, batch.counts.places), PLACES))
