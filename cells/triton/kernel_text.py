"""Parts that the texts of all kernels share: their purposes, and the names of what they take."""

import enum
from typing import NamedTuple

from cells.equations import GATES, CellEquations


class Purpose(enum.Enum):
    """Tensors that a forward pass stores beside the outputs and the final states."""

    RESULTS = enum.auto()  # nothing
    GRADIENTS = enum.auto()  # what backward reads: gates or pre-activations, and the states *before* each step
    STATES = enum.auto()  # what `observe` shows: the gates, and c *after* each step


class Text(NamedTuple):
    """A kernel, and the names of the tensors that it takes, in order."""

    code: str
    tensors: tuple[str, ...]


SIZES = ("rows", "batch", "steps")
"""N, B and T."""


def shown_gates(cell: CellEquations, purpose: Purpose) -> tuple[str, ...]:
    """The names of the four values that a forward pass stores as `kept`; none for RESULTS."""
    gates = {Purpose.RESULTS: (), Purpose.GRADIENTS: tuple(cell.backward.kept.values()), Purpose.STATES: GATES}
    return gates[purpose]


def declared_groups(cell: CellEquations) -> list[str]:
    """The tensors of declared names that there are."""
    return [group for group in ("learned", "noise", "masks") if getattr(cell, group)]


def lines_of(text: str) -> list[str]:
    """The lines of a part of a text."""
    return text.strip().splitlines()
