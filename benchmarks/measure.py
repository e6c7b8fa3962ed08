"""The times of several functions side by side, and the memory of one function."""

import math
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

Key = TypeVar("Key")


class Calls(NamedTuple):
    """One contender, ready to be called."""

    forward: Callable[[], object]  # without gradients
    backward: Callable[[], object]  # forward and backward, to the gradients of the input and all weights


class Time(NamedTuple):
    """The least and the median time of a call in milliseconds, over a number of calls."""

    least: float
    median: float
    calls: int


def on_the_clock(function: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)


def on_the_processor(function: Callable[[], object]) -> float:
    """Milliseconds of one call that the processor spent on it: what other programs do hardly counts."""
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start)


def interleaved(
    functions: Mapping[Key, Callable[[], object]],
    seconds: float,
    rounds: int = 5,
    elapsed: Callable[[Callable[[], object]], float] = on_the_clock,
    most: float = math.inf,
) -> dict[Key, Time]:
    """Time each function once a round, in a new order every round, for at least that many seconds and rounds.

    A function whose measured calls have taken `most` seconds together is not called any more.

    All functions see the same moods of a shared machine, so their ratios mean more than their times. Each timed call
    follows one that is not timed, so that caches and threads are as in a loop of this function alone.
    """
    for function in functions.values():
        for _ in range(3):
            function()  # lets compilers and allocators settle
    times: dict[Key, list[float]] = {name: [] for name in functions}
    names, shuffle = list(functions), random.Random(0).shuffle
    end = time.perf_counter() + seconds
    while rounds > 0 or time.perf_counter() < end:
        rounds -= 1
        shuffle(names)
        for name in names:
            if sum(times[name]) >= 1000 * most:
                continue
            functions[name]()
            times[name].append(elapsed(functions[name]))
    return {name: Time(min(of), statistics.median(of), len(of)) for name, of in times.items()}


def peak(warm_up: Callable[[], Calls], ready: Callable[[], Calls]) -> float | None:
    """The most MiB that three calls of forward and backward add to a process; None where Linux does not count it.

    A process is forked for this, so that no buffers of earlier calls can be reused.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            warm_up().backward()
            os.write(writing, str(_added_by(ready().backward)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return float(text) if text else None


def _added_by(function: Callable[[], object]) -> float:
    before = _kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    for _ in range(3):
        function()
    return (_kib("VmHWM") - before) / 1024


def _kib(field: str) -> int:
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])
