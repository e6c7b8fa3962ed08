"""The states and gates inside a cell at every real step, where an alteration shows."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from cells import backends
from cells.lstm import LSTM


@torch.no_grad()
def observe(lstm: LSTM, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> list[dict[str, Tensor]]:
    """Run the module once; the states and gates of its cells, one entry per layer and direction in h_n's order.

    Each entry has c and h as handed to the next step (altered; h before a projection) and the gates i f g o
    as their equations give them, all [N, H], where N counts the real steps of all rows, which lie as in a
    PackedSequence. The module stays in its mode, so dropout between the layers acts if it is training.
    """
    if not isinstance(lstm, LSTM):
        raise TypeError(f"observe runs a cells.LSTM, not a {type(lstm).__name__}")
    with backends.observed() as seen:
        lstm(input, lengths=lengths)
    return seen


def saturation(gate: str, values: Tensor) -> float:
    """The share of values within 0.05 of the gate's limits: 0 and 1, for g -1 and 1. NaN if there are no values."""
    lower = -1.0 if gate == "g" else 0.0
    return float(((values < lower + 0.05) | (values > 0.95)).float().mean())
