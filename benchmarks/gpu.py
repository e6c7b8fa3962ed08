"""`python -m benchmarks gpu`: our cells beside cuDNN's `nn.LSTM` on a CUDA device, forward and backward.

One bidirectional layer with I = H in float32, the input's gradient included; all layers with TF32 off, then on. Then K
nets at once, and ragged batches, see `benchmarks.gpu_stacks`.
"""

import argparse
import functools
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.gpu_stacks import STOCK, Call, stacked_calls
from benchmarks.measure import interleaved, on_the_clock
from cells import LSTM
from cells.errors import UserError

ROUNDS = 20  # measurements of each layer at each shape
WARM_UP = 5  # TorchScript compiles again in each of a layer's first two or three calls


class CudaShape(NamedTuple):
    """T, B, and H, which is also the input's size; K nets; whether the rows end at different steps."""

    steps: int
    batch: int
    hidden: int
    nets: int = 1
    ragged: bool = False

    def __str__(self) -> str:
        more = f"  K {self.nets:3}" * (self.nets > 1) + "  ragged" * self.ragged
        return f"T {self.steps:3}  B {self.batch:3}  H {self.hidden:3}{more}"


CUDA_SHAPES = [
    CudaShape(steps, batch, hidden, nets, ragged)
    for nets, ragged in itertools.product((1, 10, 100), (False, True))
    for steps, batch, hidden in itertools.product((7, 23, 100, 342), (32, 64, 256), (64, 96, 128, 256))
    # of many nets, the sizes of texts and of the market: a hundred of the largest would not fit into the memory
    if nets == 1 or (steps, batch, hidden) in {(7, 64, 64), (23, 64, 64), (100, 64, 128), (342, 32, 64)}
]

Row = dict[str, Any]


def run(arguments: argparse.Namespace) -> None:
    """Measure all shapes on the first CUDA device and print a table."""
    if not torch.cuda.is_available():
        raise UserError("torch finds no CUDA device to measure; run this on a machine that has one.")
    device = torch.device("cuda")
    machine = describe(device)
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    rows = report(CUDA_SHAPES, device, ROUNDS, time.monotonic() + 60 * arguments.minutes)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))


def report(shapes: list[CudaShape], device: torch.device, rounds: int, until: float = math.inf) -> list[Row]:
    """Print the table, line by line as it is measured; -> all its numbers.

    Shapes that are not reached before `until`, a time of time.monotonic(), are "not measured", which the table says.
    """
    rows = []
    for allowed in (False, True):
        for shape in shapes:
            if time.monotonic() > until:
                print(line(shape, [], allowed), flush=True)
                continue
            with tf32(allowed):
                new = compare(shape, device, rounds)
            print(line(shape, new, allowed), flush=True)
            rows += [{**row, "tf32": allowed} for row in new]
    print(means(rows))
    return rows


def describe(device: torch.device) -> dict[str, str]:
    """The versions and settings that the numbers depend on."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "CUDA": str(torch.version.cuda),
        "cuDNN": str(torch.backends.cudnn.version()),
        "our backend": LSTM(1, 1, device=device).path,
    }


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let float32 products use TF32, or not."""
    settings: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [setting.allow_tf32 for setting in settings]
    try:
        for setting in settings:
            setting.allow_tf32 = allowed
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.allow_tf32 = value


def compare(shape: CudaShape, device: torch.device, rounds: int) -> list[Row]:
    """Milliseconds of each layer at this shape, with the `ratio` of its minimum to that of `nn.LSTM`.

    A layer that cannot be captured in a CUDA graph has `error` instead.

    Raises:
        ValueError: two layers with the same weights and alteration disagree.
    """
    torch.manual_seed(0)
    if shape.nets > 1 or shape.ragged:
        calls, errors = stacked_calls(*shape, device)
    else:
        x = torch.randn(shape.steps, shape.batch, shape.hidden, device=device, requires_grad=True)
        calls, errors = training_calls(shape, x)
    if not torch.backends.cuda.matmul.allow_tf32:  # whose rounding adds up over the steps
        check_equal({name: call for name, call in calls.items() if not name.endswith("C1")})
        check_equal({name: call for name, call in calls.items() if name.endswith("C1")})
    times = interleaved(calls, 0, rounds, functools.partial(elapsed, device=device))
    rows: list[Row] = []
    for name, (least, median, _) in times.items():
        rows.append({"layer": name, "min_ms": least, "median_ms": median, "ratio": least / times[STOCK].least})
    rows += [{"layer": name, "error": error} for name, error in errors.items()]
    return [{**shape._asdict(), **row} for row in rows]


def training_calls(shape: CudaShape, x: Tensor) -> tuple[dict[str, Call], dict[str, str]]:
    """Forward and backward of each layer, all with the same weights; and the errors of layers without a CUDA graph."""

    def layer(make: Callable[..., nn.LSTM], **options: Any) -> nn.LSTM:
        return make(shape.hidden, shape.hidden, bidirectional=True, device=x.device, **options)

    stock = layer(nn.LSTM)
    layers: dict[str, nn.Module] = {STOCK: stock}
    # Scripted, our LSTM is the plain loop over steps that anybody would write.
    layers["plain loop C1"] = torch.jit.script(layer(LSTM, alteration="C1"))
    for alteration in ("baseline", "C1"):
        layers[f"ours {alteration}"] = layer(LSTM, alteration=alteration)
        if x.is_cuda:
            layers[f"CUDA graph {alteration}"] = layer(LSTM, alteration=alteration)
    calls: dict[str, Call] = {}
    errors: dict[str, str] = {}
    for name, net in layers.items():
        net.load_state_dict(stock.state_dict())
        call = training_call(net, x)
        for _ in range(WARM_UP):
            call()
        if name.startswith("CUDA graph"):
            try:
                torch.cuda.make_graphed_callables(net, (x,))  # replaces its forward
            except Exception as error:  # whatever a capture refuses; the table says so
                errors[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
        calls[name] = call
    return calls, errors


def training_call(net: nn.Module, x: Tensor) -> Call:
    """-> the output and the gradients of the input and of all weights."""
    inputs = [x, *net.parameters()]

    def call() -> list[Tensor]:
        output, _ = net(x)
        return [output, *torch.autograd.grad(output, inputs, torch.ones_like(output))]

    return call


def check_equal(calls: dict[str, Call]) -> None:
    """Raise ValueError unless all calls give the first one's results up to rounding."""
    (reference, first), *others = calls.items()
    expected = [result.detach() for result in first()]
    for name, call in others:
        for result, want in zip(call(), expected, strict=True):
            difference = float((result.detach() - want).abs().max() / want.abs().max())
            if not difference <= 1e-3:
                raise ValueError(f"{name} differs from {reference} by {difference:.1e} of the largest value")


def elapsed(call: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one call, by CUDA's clock on a CUDA device."""
    if device.type != "cuda":
        return on_the_clock(call)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def line(shape: CudaShape, rows: list[Row], allowed: bool) -> str:
    """One line of the table: minimum (median) in milliseconds, and the ratio of the minimum to that of `nn.LSTM`."""
    cells = [f"{shape}  TF32 {'on ' if allowed else 'off'}"]
    if not rows:
        cells.append("not measured")
    for row in rows:
        if "error" in row:
            cells.append(f"{row['layer']}: {row['error']}")
        else:
            cells.append(f"{row['layer']} {row['min_ms']:.2f} ({row['median_ms']:.2f}) {row['ratio']:.2f}x")
    return " | ".join(cells)


def means(rows: list[Row]) -> str:
    """The geometric mean of each layer's ratio, with TF32 off and on."""
    lines = []
    for allowed in (False, True):
        ratios: dict[str, list[float]] = {}
        for row in rows:
            if row["tf32"] == allowed and "ratio" in row:
                ratios.setdefault(row["layer"], []).append(row["ratio"])
        mean = [f"{name} {statistics.geometric_mean(values):.2f}x" for name, values in ratios.items()]
        lines.append(f"Geometric mean, TF32 {'on' if allowed else 'off'}: {', '.join(mean) or 'not measured'}")
    return "\n".join(lines)
