"""A layer that shows its states and gates, step by step in Python."""

import torch
from torch import Tensor, nn

from cells.recurrence import States, Step, Unroll, Weights


class _Recorder(nn.Module):
    """Stands in for a step's alteration and keeps what passes through it."""

    def __init__(self, alter: nn.Module) -> None:
        super().__init__()
        self.name = alter.name
        self.alter = alter
        self.steps: list[States] = []

    def forward(self, c: Tensor, h: Tensor, o: Tensor, i: Tensor, f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        c, h = self.alter(c, h, o, i, f, g)
        self.steps.append({"c": c, "h": h, "i": i, "f": f, "g": g, "o": o})
        return c, h


def run_observed_layer(
    unroll: Unroll,
    rows: Tensor,
    sizes: list[int],
    c: Tensor,
    h: Tensor,
    weights: list[Weights],
    seen: list[States],
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Unroll.forward`; `seen` gets the states and gates of each direction, see `cells.backends.Backend.layer`."""
    recorder = _Recorder(unroll.step.alter)
    results: tuple[Tensor, Tensor, Tensor] = Unroll(Step(recorder))(rows, sizes, c, h, weights)
    for direction in range(len(weights)):
        steps = recorder.steps[direction * len(sizes) : (direction + 1) * len(sizes)]
        if direction == 1:
            steps.reverse()
        seen.append({name: torch.cat([step[name] for step in steps]) for name in steps[0]})
    return results
