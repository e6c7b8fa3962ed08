"""A layer that shows its states and gates, step by step in Python."""

from typing import Any

import torch
from torch import Tensor, nn

from cells.eager.step_by_step import step_by_step
from cells.recurrence import States, Step, Unroll, Weights


class _Recorder(nn.Module):
    """Stands in for a step's cell and keeps what it computes."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.name = cell.name
        self.cell = cell
        self.steps: list[States] = []

    def forward(self, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        c, h, i, f, g, o = self.cell.states(*arguments)
        self.steps.append({"c": c, "h": h, "i": i, "f": f, "g": g, "o": o})
        return c, h

    def recurrent(self, *arguments: Tensor | None) -> Tensor:
        result: Tensor = self.cell.recurrent(*arguments)
        return result


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
    recorder = _Recorder(unroll.step.cell)
    results: tuple[Tensor, Tensor, Tensor] = step_by_step(Unroll(Step(recorder)), rows, sizes, c, h, weights)
    for direction in range(len(weights)):
        steps = recorder.steps[direction * len(sizes) : (direction + 1) * len(sizes)]
        if direction == 1:
            steps.reverse()
        seen.append({name: torch.cat([step[name] for step in steps]) for name in steps[0]})
    return results
