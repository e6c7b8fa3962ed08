"""K nets beside `nn.LSTM` on a CUDA device: one after the other by cuDNN, as one by ours; on full or ragged batches."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cells import LSTM
from cells.packed import StackedSequence, packed
from cells.stack import StackedLSTM

STOCK = "nn.LSTM"
GRAPH = "CUDA graph of "

Call = Callable[[], list[Tensor]]
"""Computes the output and the gradients of the input and of all weights."""


def captures(device: torch.device) -> bool:
    """Whether there are CUDA graphs."""
    return device.type == "cuda"


def capture(net: nn.Module, x: Tensor) -> str | None:
    """Make net's calls with inputs like x a CUDA graph; -> what was refused."""
    try:
        torch.cuda.make_graphed_callables(net, (x.detach().requires_grad_(),))  # replaces its forward
    except Exception as error:  # whatever a capture refuses; the table says so
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


class FixedLengths(nn.Module):
    """A stack on batches of given lengths [K, B], read once: a CUDA graph cannot hold a copy from the CPU."""

    def __init__(self, stack: StackedLSTM, lengths: Tensor, steps: int, device: torch.device) -> None:
        super().__init__()
        self.stack = stack
        self.layout = packed(lengths, steps, device)

    def forward(self, x: Tensor) -> Tensor:
        """[K, B, T, D H] of x [K, B, T, I]."""
        output, _ = self.stack(StackedSequence(self.layout.pick(x), self.layout))
        return self.layout.pad(output.data)


def stacked_calls(
    steps: int, batch: int, inputs: int, hidden: int, nets: int, ragged: bool, device: torch.device
) -> tuple[dict[str, Call], dict[str, str]]:
    """Forward and backward of K bidirectional layers, by each contender, and the errors of those without.

    All have the same weights.

    Ragged: lengths uniform in 1..T, `nn.LSTM` on a PackedSequence, of which CUDA graphs cannot be made; of ours
    they are made for these lengths.
    """
    options = {"batch_first": True, "bidirectional": True, "device": device}
    x = torch.randn(nets, batch, steps, inputs, device=device, requires_grad=True)
    lengths = torch.randint(1, steps + 1, (nets, batch)) if ragged else torch.full((nets, batch), steps)
    lengths[:, 0] = steps
    stock = [nn.LSTM(inputs, hidden, **options) for _ in range(nets)]
    calls = {STOCK: _one_by_one(stock, x, lengths if ragged else None)}
    errors: dict[str, str] = {}
    graphed: dict[str, Call] = {}
    if captures(device) and not ragged:
        layers = [copy.deepcopy(layer) for layer in stock]
        error = next(filter(None, (capture(layer, x[k]) for k, layer in enumerate(layers))), None)
        if error:
            errors[GRAPH + STOCK] = error
        else:
            graphed[GRAPH + STOCK] = _one_by_one(layers, x, None)
    for alteration in ("baseline", "C1"):
        alone = [LSTM(inputs, hidden, alteration=alteration, **options) for _ in range(nets)]
        for own, of_stock in zip(alone, stock, strict=True):
            own.load_state_dict(of_stock.state_dict())
        name = f"ours {alteration}"
        calls[name] = _as_one(StackedLSTM(alone), x, lengths if ragged else None)
        if captures(device):
            fixed = FixedLengths(StackedLSTM(alone), lengths, steps, device)
            graphed[GRAPH + name] = call = _of_module(fixed, x)
            call()  # compiles the kernels, which a capture refuses
            error = capture(fixed, x)
            if error:
                errors[GRAPH + name] = error
                del graphed[GRAPH + name]
    return {**calls, **graphed}, errors


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
    return _gradients(lambda: stack(x, None, lengths)[0], x, stack)


def _of_module(module: nn.Module, x: Tensor) -> Call:
    return _gradients(lambda: module(x), x, module)


def _gradients(outputs_of: Callable[[], Tensor], x: Tensor, module: nn.Module) -> Call:
    def call() -> list[Tensor]:
        outputs = outputs_of()
        return [outputs, *torch.autograd.grad(outputs, [x, *module.parameters()], torch.ones_like(outputs))]

    return call
