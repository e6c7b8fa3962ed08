"""One layer of K models on padded rows, with one product for all models and directions in a step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cells.packed import Packed
from cells.recurrence import Weights, by_rows


def run_stacked_layer(run: Callable[..., Tensor], rows: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
    """Outputs [K, N, D H] of K models with packed rows [K, N, I]; the states begin at zero.

    Args:
        run: computes what `StackedUnroll.forward` does, for the cell that all models have.
        rows: of all models.
        packed: how the rows lie.
        weights: of each direction, with a leading K, with biases and without a projection.
    """
    return packed.pick(_padded(run, packed.pad(rows), packed, weights))


def _padded(run: Callable[..., Tensor], input: Tensor, packed: Packed, weights: list[Weights]) -> Tensor:
    """Outputs [K, B, T, D H] for the input [K, B, T, I]."""
    models, batch, steps, _ = input.shape
    lengths = packed.lengths.to(input.device)
    step = torch.arange(steps, device=input.device)
    live = step < lengths.unsqueeze(2)  # [K, B, T]
    # In reverse a row is read from its last real step on; the steps behind that stay where they are.
    backwards = torch.where(live, lengths.unsqueeze(2) - 1 - step, step)
    gates = []
    for direction, own in enumerate(weights):
        assert own.bias_ih is not None
        assert own.bias_hh is not None
        values = input if direction == 0 else _along_time(input, backwards)
        product = torch.baddbmm((own.bias_ih + own.bias_hh).unsqueeze(1), values.flatten(1, 2), by_rows(own.ih).mT)
        gates.append(product.view(models, batch, steps, product.size(2)))
    weight_hh = torch.cat([by_rows(own.hh) for own in weights])
    both = torch.cat(gates).permute(2, 0, 1, 3)  # [T, D K, B, 4 H]
    mask = live.permute(2, 0, 1).repeat(1, len(weights), 1).unsqueeze(3)
    learned = _of_directions([None if w.learned is None else w.learned.transpose(0, 1).unsqueeze(2) for w in weights])
    noise = _of_directions([_noise(own.noise, packed, backwards if d else None) for d, own in enumerate(weights)], 2)
    masks = _of_directions([_masks(own.masks, packed) for own in weights])
    outputs = run(both.contiguous(), mask, weight_hh, learned, noise, masks).permute(1, 2, 0, 3)
    if len(weights) == 1:
        return outputs
    forward, reverse = outputs.chunk(2)
    return torch.cat([forward, _along_time(reverse, backwards)], 3)


def _along_time(values: Tensor, order: Tensor) -> Tensor:
    """`values [K, B, T, F]` with the steps of each row in `order [K, B, T]`."""
    return values.gather(2, order.unsqueeze(3).expand_as(values))


def _of_directions(tensors: Sequence[Tensor | None], dim: int = 1) -> Tensor | None:
    """The tensors of all directions in one, along the dimension of the K models."""
    given = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(given, dim) if given else None


def _noise(drawn: Tensor | None, packed: Packed, order: Tensor | None) -> Tensor | None:
    """The noise [K, Q, N, H] of packed rows as [T, Q, K, B, H], with the steps of each row in the order [K, B, T]."""
    if drawn is None:
        return None
    padded = packed.pad(drawn.transpose(1, 2).flatten(2))
    if order is not None:
        padded = _along_time(padded, order)
    return padded.unflatten(3, drawn.shape[1::2]).permute(2, 3, 0, 1, 4)


def _masks(drawn: Tensor | None, packed: Packed) -> Tensor | None:
    """The masks [K, R, B, H] of each model's longest rows first as [R, K, B, H] of its samples in their order."""
    if drawn is None:
        return None
    order = packed.lengths.sort(dim=1, descending=True, stable=True).indices
    masks = torch.zeros_like(drawn).scatter(2, order[:, None, :, None].expand_as(drawn), drawn)
    return masks.transpose(0, 1)
