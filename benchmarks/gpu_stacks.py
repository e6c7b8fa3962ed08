"""K nets beside `nn.LSTM` on a CUDA device: one after the other by cuDNN, as one by ours; on full or ragged batches."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cells import LSTM
from cells.stack import StackedLSTM

STOCK = "nn.LSTM"
GRAPHS = "CUDA graphs of nn.LSTM"

Call = Callable[[], list[Tensor]]
"""Computes the output and the gradients of the input and of all weights."""


def stacked_calls(
    steps: int, batch: int, hidden: int, nets: int, ragged: bool, device: torch.device
) -> tuple[dict[str, Call], dict[str, str]]:
    """Forward and backward of K bidirectional layers with I = H, by each contender, and the errors of those without.

    All have the same weights.

    Ragged: lengths uniform in 1..T, `nn.LSTM` on a PackedSequence, of which CUDA graphs cannot be made.
    """
    options = {"batch_first": True, "bidirectional": True, "device": device}
    x = torch.randn(nets, batch, steps, hidden, device=device, requires_grad=True)
    lengths = torch.randint(1, steps + 1, (nets, batch))
    lengths[:, 0] = steps
    stock = [nn.LSTM(hidden, hidden, **options) for _ in range(nets)]
    calls = {STOCK: _one_by_one(stock, x, lengths if ragged else None)}
    for alteration in ("baseline", "C1"):
        alone = [LSTM(hidden, hidden, alteration=alteration, **options) for _ in range(nets)]
        for own, of_stock in zip(alone, stock, strict=True):
            own.load_state_dict(of_stock.state_dict())
        calls[f"ours {alteration}"] = _as_one(StackedLSTM(alone), x, lengths if ragged else None)
    if not x.is_cuda or ragged:
        return calls, {}
    graphed = [copy.deepcopy(layer) for layer in stock]
    try:
        for k, layer in enumerate(graphed):
            torch.cuda.make_graphed_callables(layer, (x[k].detach().requires_grad_(),))  # replaces its forward
    except Exception as error:  # whatever a capture refuses; the table says so
        return calls, {GRAPHS: f"{type(error).__name__}: {error}".splitlines()[0]}
    return {**calls, GRAPHS: _one_by_one(graphed, x, None)}, {}


def _one_by_one(layers: Sequence[nn.LSTM], x: Tensor, lengths: Tensor | None) -> Call:
    weights = [weight for layer in layers for weight in layer.parameters()]

    def output(k: int) -> Tensor:
        if lengths is None:
            return layers[k](x[k])[0]
        packed = pack_padded_sequence(x[k], lengths[k], batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(layers[k](packed)[0], batch_first=True)[0]

    def call() -> list[Tensor]:
        outputs = torch.stack([output(k) for k in range(len(layers))])
        of_x, *of_weights = torch.autograd.grad(outputs, [x, *weights], torch.ones_like(outputs))
        each = len(of_weights) // len(layers)
        return [outputs, of_x, *(torch.stack(of_weights[place::each]) for place in range(each))]

    return call


def _as_one(stack: StackedLSTM, x: Tensor, lengths: Tensor | None) -> Call:
    def call() -> list[Tensor]:
        outputs = stack(x, None, lengths)[0]
        return [outputs, *torch.autograd.grad(outputs, [x, *stack.parameters()], torch.ones_like(outputs))]

    return call
