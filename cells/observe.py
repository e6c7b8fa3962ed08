"""What goes on inside a cell: its states and gates at every real step, where an alteration shows."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cells.lstm import LSTM


class _Recorder(nn.Module):
    """Stands in for a Step's alteration and keeps what passes through."""

    why_eager = "it is being observed"

    def __init__(self, alter: nn.Module) -> None:
        super().__init__()
        self.alter = alter
        self.steps: list[dict[str, Tensor]] = []

    def forward(self, c: Tensor, h: Tensor, o: Tensor, i: Tensor, f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        c, h = self.alter(c, h, o, i, f, g)
        self.steps.append({"c": c, "h": h, "i": i, "f": f, "g": g, "o": o})
        return c, h


@torch.no_grad()
def observe(lstm: LSTM, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> list[dict[str, Tensor]]:
    """Run the module once; what its cells computed, one entry per layer and direction in h_n's order.

    Each entry has c and h as handed to the next step (altered; h before a projection) and the gates i f g o
    after their sigmoid or tanh, all [N, H], where N counts the real steps of all rows, which lie as in a
    PackedSequence. The module stays in its mode, so dropout between the layers acts if it is training.
    """
    if lstm.path.startswith("fast"):
        from cells.llvm import layer  # here, because there may be no llvmlite

        with layer.observed() as seen:
            lstm(input, lengths=lengths)
        if seen:  # a batch without a step takes the reference
            return seen
    return _by_reference(lstm, input, lengths)


def _by_reference(lstm: LSTM, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> list[dict[str, Tensor]]:
    step = lstm.recurrence.step
    recorder = _Recorder(step.alter)
    step.alter = recorder
    try:
        lstm(input, lengths=lengths)
    finally:
        step.alter = recorder.alter
    directions = 2 if lstm.bidirectional else 1
    count = len(recorder.steps) // (lstm.num_layers * directions)
    steps = [recorder.steps[k * count : (k + 1) * count] for k in range(lstm.num_layers * directions)]
    return [_joined(of_cell[::-1] if k % directions else of_cell) for k, of_cell in enumerate(steps)]


def _joined(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([step[name] for step in steps]) for name in steps[0]}


def saturation(gate: str, values: Tensor) -> float:
    """The share of values within 0.05 of the gate's limits: 0 and 1, for g -1 and 1. No values give nan."""
    lower = -1.0 if gate == "g" else 0.0
    return float(((values < lower + 0.05) | (values > 0.95)).float().mean())
