"""The values that a run logged in each epoch, from its TensorBoard event files."""

import math
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LENGTH, CHECKSUM = 8, 4
"""Bytes. A record in the file is its length, the length's checksum, its content, the content's checksum."""


def epochs(folder: Path) -> dict[str, list[float]]:
    """The values of each tag in the order of steps; there is one step for each epoch.

    A histogram becomes the root mean square of its values. An epoch that was logged again after an interruption counts
    once, as it was logged last.

    Args:
        folder: a run's folder.
    """
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for tag, step, value in _values(path):
            found[tag][step] = value
    return {tag: [steps[step] for step in sorted(steps)] for tag, steps in found.items()}


def _values(path: Path) -> Iterator[tuple[str, int, float]]:
    from tensorboard.compat.proto.event_pb2 import Event

    for record in _records(path.read_bytes()):
        event = Event.FromString(record)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield value.tag, event.step, value.simple_value
            elif value.HasField("histo") and value.histo.num:
                yield value.tag, event.step, math.sqrt(value.histo.sum_squares / value.histo.num)


def _records(file: bytes) -> Iterator[bytes]:
    """The contents of all whole records; the last one of a killed run may be cut off, and is left out.

    TensorBoard's own EventAccumulator takes 0.7 s for a run, most of it for checksums in Python; this takes 8 ms.
    """
    start = 0
    while start + LENGTH + CHECKSUM <= len(file):
        (length,) = struct.unpack_from("<Q", file, start)
        begin = start + LENGTH + CHECKSUM
        start = begin + length + CHECKSUM
        if start > len(file):
            return
        yield file[begin : begin + length]
