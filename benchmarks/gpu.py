"""`python -m benchmarks gpu`: our cells beside cuDNN's `nn.LSTM` on a CUDA device, forward and backward.

Bidirectional layers in float32, the input's gradient included, called from Python and as CUDA graphs: what weighs most
comes first, see `benchmarks.gpu_shapes`. K nets at once, and ragged batches, are in `benchmarks.gpu_stacks`.
"""

import argparse
import functools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu_shapes import PLAN, CudaShape, kind
from benchmarks.gpu_stacks import GRAPH, STOCK, Call, capture, captures, stacked_calls
from benchmarks.measure import interleaved, on_the_clock
from cells import LSTM
from cells.errors import UserError
from datamodules.files import replacing

ROUNDS = 20  # measurements of each layer at each shape
SECONDS = 0.5  # of measurements of a layer at a shape, after which slow ones get no more
WARM_UP = 2  # with those of `interleaved`: TorchScript compiles again in each of a layer's first two or three calls

Row = dict[str, Any]


def run(arguments: argparse.Namespace) -> None:
    """Measure all shapes on the first CUDA device and print a table."""
    if not torch.cuda.is_available():
        raise UserError("torch finds no CUDA device to measure; run this on a machine that has one.")
    device = torch.device("cuda")
    machine = describe(device)
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    file = Path(arguments.json) if arguments.json else None

    def write(rows: list[Row]) -> None:
        if file:
            found = {"machine": machine, "means": means(rows).splitlines(), "rows": rows}
            with replacing(file) as temporary:
                temporary.write_text(json.dumps(found, indent=1))

    report(PLAN, device, ROUNDS, time.monotonic() + 60 * arguments.minutes, write)


def report(
    plan: Sequence[tuple[CudaShape, bool]],
    device: torch.device,
    rounds: int,
    until: float = math.inf,
    write: Callable[[list[Row]], None] = lambda rows: None,
) -> list[Row]:
    """Print the table, line by line as it is measured; -> all its numbers.

    Args:
        plan: shapes, and whether TF32 is on.
        device: where.
        rounds: the most measurements of each layer.
        until: a time of time.monotonic(). Shapes that are not reached before are "not measured", which the table says.
        write: is given all numbers after each shape, so that who is stopped keeps them.
    """
    rows: list[Row] = []
    for shape, allowed in plan:
        new: list[Row] = []
        if time.monotonic() <= until:
            with tf32(allowed):
                new = compare_if_it_fits(shape, device, rounds)
            rows += [{**row, "tf32": allowed} for row in new]
            write(rows)
        print(line(shape, new, allowed), flush=True)
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


def compare_if_it_fits(shape: CudaShape, device: torch.device, rounds: int) -> list[Row]:
    """`compare`; where the memory of the card is not enough, a single row says so."""
    with suppress(torch.OutOfMemoryError):  # after it, what was made is free, which the error held
        return compare(shape, device, rounds)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return [{**shape._asdict(), "layer": "all layers", "error": "not measured, the card's memory is too small"}]


def compare(shape: CudaShape, device: torch.device, rounds: int) -> list[Row]:
    """Milliseconds of each layer at this shape, with the `ratio` of its minimum to that of `nn.LSTM`.

    The ratio of a CUDA graph is to that of `nn.LSTM` as a CUDA graph, where there is one: `over` says to which.
    A layer that cannot be captured in a CUDA graph has `error` instead.

    Raises:
        ValueError: two layers with the same weights and alteration disagree.
    """
    torch.manual_seed(0)
    if shape.nets > 1 or shape.ragged:
        calls, errors = stacked_calls(*shape, device)
    else:
        x = torch.randn(shape.steps, shape.batch, shape.inputs, device=device, requires_grad=True)
        calls, errors = training_calls(shape, x)
    if not torch.backends.cuda.matmul.allow_tf32:  # whose rounding adds up over the steps
        check_equal({name: call for name, call in calls.items() if not name.endswith("C1")})
        check_equal({name: call for name, call in calls.items() if name.endswith("C1")})
    times = interleaved(calls, 0, rounds, functools.partial(elapsed, device=device), SECONDS)
    rows: list[Row] = []
    for name, (least, median, _) in times.items():
        over = GRAPH + STOCK if name.startswith(GRAPH) and GRAPH + STOCK in times else STOCK
        ratio = least / times[over].least
        rows.append({"layer": name, "min_ms": least, "median_ms": median, "ratio": ratio, "over": over})
    rows += [{"layer": name, "error": error} for name, error in errors.items()]
    return [{**shape._asdict(), **row} for row in rows]


def training_calls(shape: CudaShape, x: Tensor) -> tuple[dict[str, Call], dict[str, str]]:
    """Forward and backward of each layer, all with the same weights; and the errors of layers without a CUDA graph."""

    def layer(make: Callable[..., nn.LSTM], **options: Any) -> nn.LSTM:
        return make(shape.inputs, shape.hidden, bidirectional=True, device=x.device, **options)

    stock = layer(nn.LSTM)
    layers: dict[str, nn.Module] = {STOCK: stock}
    # Scripted, our LSTM is the plain loop over steps that anybody would write.
    layers["plain loop C1"] = torch.jit.script(layer(LSTM, alteration="C1"))
    for alteration in ("baseline", "C1"):
        layers[f"ours {alteration}"] = layer(LSTM, alteration=alteration)
    if captures(x.device):
        layers[GRAPH + STOCK] = layer(nn.LSTM)
        for alteration in ("baseline", "C1"):
            layers[f"{GRAPH}ours {alteration}"] = layer(LSTM, alteration=alteration)
    calls: dict[str, Call] = {}
    errors: dict[str, str] = {}
    for name, net in layers.items():
        net.load_state_dict(stock.state_dict())
        call = training_call(net, x)
        for _ in range(WARM_UP):
            call()
        error = capture(net, x) if name.startswith(GRAPH) else None
        if error:
            errors[name] = error
        else:
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
    """The geometric mean of each layer's ratio, for each kind of shapes with TF32 on and off, by what is measured."""
    ratios: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if "ratio" in row:
            group = (
                f"{kind(CudaShape(*(row[name] for name in CudaShape._fields)))}, TF32 {'on' if row['tf32'] else 'off'}"
            )
            ratios.setdefault(group, {}).setdefault(f"{row['layer']} over {row['over']}", []).append(row["ratio"])
    return "\n".join(
        f"Geometric mean, {group}: "
        + ", ".join(f"{name} {statistics.geometric_mean(values):.2f}x ({len(values)})" for name, values in of.items())
        for group, of in ratios.items()
    )
