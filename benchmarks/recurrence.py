"""Time and memory of one layer, with all contenders of a shape measured in the same minutes."""

import argparse
import functools
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import contenders, others
from benchmarks.measure import Calls, interleaved, peak
from benchmarks.shapes import SHAPES, Shape

Entry = dict[str, Any]
Contenders = dict[tuple[str, str], Callable[[], Calls]]  # by (full or ragged, name)


def run(arguments: argparse.Namespace) -> None:
    """Print one table for each shape and number of threads, and write them as JSON."""
    print(
        f"{_processor()}, torch {torch.__version__}; times in ms, memory in MiB, ratios of the smaller times to nn.LSTM"
    )
    shapes = [SHAPES[number] for number in arguments.shapes or range(len(SHAPES))]
    ready = functools.partial(_ready, keras=len(arguments.threads) == 1 and others.has_keras())
    if others.has_keras() and len(arguments.threads) > 1:
        print("Keras takes part only with one number of threads, as TensorFlow cannot change its own: --threads 2")
    # Memory first: the processes that measure it are forked, which fails once OpenMP has started its threads.
    memory = {} if arguments.quick else {shape: _memory(shape, ready) for shape in shapes}
    entries: list[Entry] = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for shape in shapes:
            table = _times(ready(shape), 0 if arguments.quick else arguments.seconds)
            for entry in table:
                entry |= {"threads": threads, "peak": memory.get(shape, {}).get((entry["rows"], entry["name"]))}
            print(_text(shape, threads, table), flush=True)
            entries += [{"shape": shape._asdict(), **entry} for entry in table]
    if arguments.json:
        about = {"processor": _processor(), "torch": torch.__version__, "python": platform.python_version()}
        Path(arguments.json).write_text(json.dumps({**about, "entries": entries}, indent=1))


def _ready(shape: Shape, keras: bool) -> Contenders:
    others_too = others.full(shape, keras)
    both = {"full": contenders.full(shape) | others_too, "ragged": contenders.ragged(shape)}
    return {(rows, name): ready for rows, of in both.items() for name, ready in of.items()}


def _memory(shape: Shape, ready: Callable[[Shape], Contenders]) -> dict[tuple[str, str], float | None]:
    tiny = ready(shape._replace(steps=1, batch=1))  # loads and compiles everything that must not be counted
    return {key: peak(tiny[key], of_shape) for key, of_shape in ready(shape).items()}


def _times(contenders: Contenders, seconds: float) -> list[Entry]:
    calls = {key: ready() for key, ready in contenders.items()}
    forward = interleaved({key: of.forward for key, of in calls.items()}, seconds / 4)
    backward = interleaved({key: of.backward for key, of in calls.items()}, seconds * 3 / 4)
    return [
        {"rows": rows, "name": name, "forward": forward[rows, name], "backward": backward[rows, name]}
        for rows, name in calls
    ]


def _text(shape: Shape, threads: int, table: list[Entry]) -> str:
    heads = f"{'forward':>17}{'ratio':>7}  {'forward, backward':>17}{'ratio':>7}{'peak':>8}{'ratio':>7}"
    lines = [f"\n{shape}, {threads} threads\n{'':<34}{heads}"]
    for rows in ("full", "ragged"):
        lines.append(f"{rows} rows")
        group = [entry for entry in table if entry["rows"] == rows]
        stock = next(entry for entry in group if entry["name"] == "nn.LSTM")
        for entry in group:
            cells = [f"  {entry['name']:<32}"]
            for what in ("forward", "backward"):
                least, median, _ = entry[what]
                cells.append(f"{least:9.2f}{median:8.2f}{least / stock[what].least:7.2f}  ")
            if entry["peak"] is not None:
                cells.append(f"{entry['peak']:6.1f}{entry['peak'] / stock['peak']:7.2f}")
            lines.append("".join(cells))
    return "\n".join(lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
