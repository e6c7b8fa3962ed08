"""A recurrence, run in Python."""

from typing import Any

import torch

from cells.recurrence import Recurrence


def step_by_step(recurrence: Recurrence, *arguments: Any) -> Any:
    """Run the recurrence's own Python code, without TorchScript's derivatives."""
    # A user's module may be compiled all the same, and TorchScript's own derivatives know no forward mode.
    with torch.jit.optimized_execution(False):
        return recurrence(*arguments)
