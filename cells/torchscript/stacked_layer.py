"""One layer of K models on padded rows, with one product for all models and directions in a step."""

import torch
from torch import Tensor

from cells.packed import Packed
from cells.recurrence import StackedUnroll, Weights
from cells.torchscript.loop import runner


def run_stacked_layer(unroll: StackedUnroll, rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
    """Outputs [K, N, D H] of K models with packed rows [K, N, I]; the states begin at zero.

    Args:
        unroll: of the cell that all models have.
        rows: of all models.
        packed: how the rows lie.
        weights: of each direction, with a leading K, with biases and without a projection.
    """
    lengths = packed.lengths.to(rows.device)
    return packed.pick(_padded(unroll, packed.pad(rows), lengths, weights))


def _padded(unroll: StackedUnroll, input: Tensor, lengths: Tensor, weights: list[Weights]) -> Tensor:
    """Outputs [K, B, T, D H] for the input [K, B, T, I]."""
    models, batch, steps, _ = input.shape
    step = torch.arange(steps, device=input.device)
    live = step < lengths.unsqueeze(2)  # [K, B, T]
    # In reverse a row is read from its last real step on; the steps behind that stay where they are.
    backwards = torch.where(live, lengths.unsqueeze(2) - 1 - step, step)
    gates = []
    for direction, own in enumerate(weights):
        assert own.bias_ih is not None
        assert own.bias_hh is not None
        values = input if direction == 0 else _along_time(input, backwards)
        product = torch.baddbmm((own.bias_ih + own.bias_hh).unsqueeze(1), values.flatten(1, 2), own.ih.mT)
        gates.append(product.view(models, batch, steps, -1))
    weight_hh = torch.cat([own.hh for own in weights])
    both = torch.cat(gates).permute(2, 0, 1, 3)  # [T, D K, B, 4 H]
    mask = live.permute(2, 0, 1).repeat(1, len(weights), 1).unsqueeze(3)
    outputs = runner(unroll)(both.contiguous(), mask, weight_hh).permute(1, 2, 0, 3)
    if len(weights) == 1:
        return outputs
    forward, reverse = outputs.chunk(2)
    return torch.cat([forward, _along_time(reverse, backwards)], 3)


def _along_time(values: Tensor, order: Tensor) -> Tensor:
    """`values [K, B, T, F]` with the steps of each row in `order [K, B, T]`."""
    return values.gather(2, order.unsqueeze(3).expand_as(values))
