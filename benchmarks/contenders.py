"""The contenders: one float32 layer by everybody, on full and on ragged batches."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from benchmarks.measure import Calls
from benchmarks.shapes import Shape
from cells import LSTM, backend

ALTERATIONS = {
    "baseline": "baseline",
    "C1": "C1",
    "C4": "C4",
    "H2": "H2",
    "c * relu(o)": "c * relu(o)",  # a user's own, which no table has
    "both states": "current = c * relu(o) + 0.1 * tanh(h); hidden = h * sigmoid(c)",
}

Ready = Callable[[], Calls]
"""Makes a contender ready; until then it takes no memory."""


def full(shape: Shape) -> dict[str, Ready]:
    """The contenders for batches whose rows all have T steps, by name."""

    def of(make: Callable[..., nn.Module], on: str | None = None, **arguments: object) -> Ready:
        def ready() -> Calls:
            x = torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)
            module = make(shape.inputs, shape.hidden, bidirectional=shape.directions == 2, **arguments)
            return calls_of(module, x, _on(on, lambda: module(x)))

        return ready

    contenders = {"products alone": lambda: products(shape), "nn.LSTM": of(nn.LSTM)}
    contenders["plain loop C1"] = of(LSTM, "torchscript", alteration="C1")
    return contenders | {f"ours {name}": of(LSTM, alteration=spec) for name, spec in ALTERATIONS.items()}


def ragged(shape: Shape) -> dict[str, Ready]:
    """The contenders for a batch of `lengths_of` the shape: packed, or padded with zeros and with `lengths`."""
    lengths = lengths_of(shape)

    def packed(make: Callable[..., nn.Module], on: str | None = None, **arguments: object) -> Ready:
        def ready() -> Calls:
            padded = torch.randn(shape.steps, shape.batch, shape.inputs)
            rows, *layout = pack_padded_sequence(padded, lengths, enforce_sorted=False)
            rows.requires_grad_()
            module = make(shape.inputs, shape.hidden, bidirectional=shape.directions == 2, **arguments)
            return calls_of(module, rows, _on(on, lambda: module(PackedSequence(rows, *layout))))

        return ready

    def with_lengths() -> Calls:
        x = torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)
        module = LSTM(shape.inputs, shape.hidden, bidirectional=shape.directions == 2, alteration="C1")
        return calls_of(module, x, lambda: module(x, lengths=lengths))

    contenders = {"nn.LSTM": packed(nn.LSTM), "plain loop C1": packed(LSTM, "torchscript", alteration="C1")}
    contenders |= {f"ours {name}": packed(LSTM, alteration=spec) for name, spec in ALTERATIONS.items()}
    return contenders | {"ours C1 (lengths)": with_lengths}


def lengths_of(shape: Shape) -> Tensor:
    """The lengths of a ragged batch: uniform in 1..T, the first one T."""
    lengths = torch.randint(1, shape.steps + 1, (shape.batch,), generator=torch.Generator().manual_seed(0))
    lengths[0] = shape.steps
    return lengths


def _on(name: str | None, call: Callable[[], Any]) -> Callable[[], Any]:
    """The call on the backend of this name, if one is given.

    On torchscript our layer is the plain loop that one gets from writing it in TorchScript and leaving the rest to
    TorchScript's autograd.
    """
    if name is None:
        return call

    def forced() -> Any:
        with backend(name):
            return call()

    return forced


def calls_of(module: nn.Module, x: Tensor, call: Callable[[], Any]) -> Calls:
    """The calls of a module.

    Args:
        module: has the weights.
        x: the tensor in the module's input.
        call: calls the module, and returns what nn.LSTM returns.
    """
    gradients: list[Tensor] = []  # of the output, made in the first call: until then the contender takes no memory

    def output() -> Tensor:
        first = call()[0]
        return first.data if isinstance(first, PackedSequence) else first

    def backward() -> None:
        x.grad = None
        module.zero_grad()
        result = output()
        if not gradients:
            gradients.append(torch.randn_like(result))
        result.backward(gradients[0])

    return Calls(torch.no_grad()(output), backward)


def products(shape: Shape) -> Calls:
    """The matrix products of a layer and nothing else, one direction after the other: a floor, if a soft one."""
    steps, batch, inputs, hidden, directions = shape
    rows, width = steps * batch, 4 * hidden
    x, w_ih, w_hh = torch.randn(rows, inputs), torch.randn(width, inputs), torch.randn(width, hidden)
    h, a, all_h, all_a = (
        torch.randn(*size) for size in ((batch, hidden), (batch, width), (rows, hidden), (rows, width))
    )

    def forward() -> None:
        for _ in range(directions):
            torch.mm(x, w_ih.t(), out=all_a)
            for _ in range(steps):
                a.addmm_(h, w_hh.t(), beta=0)

    def backward() -> None:
        forward()
        for _ in range(directions):
            for _ in range(steps):
                torch.mm(a, w_hh)
            torch.mm(all_a.t(), all_h)
            torch.mm(all_a.t(), x)
            torch.mm(all_a, w_ih)

    return Calls(forward, backward)
