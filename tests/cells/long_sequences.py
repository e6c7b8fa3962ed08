"""Follows each named cell over many steps in float32 and float64: which states stay bounded?

`PYTHONPATH=.:tests python tests/cells/long_sequences.py` prints the table of docs/reliability.md. Inputs are normal
numbers and the weights those that `cells.LSTM` starts with, multiplied by 1 and by 4, as training lets them grow.
"""

from typing import NamedTuple

import torch

from cells import LSTM
from cells.alterations import NAMED
from cells.observe import observe

CELLS = ("baseline", *NAMED)
STEPS, ROWS, INPUTS, HIDDEN = 10_000, 4, 8, 16
SCALES = (1.0, 4.0)
"""Factors of the initial weights."""


UNBOUNDED = {
    "C4": "while f (1 + h) < 1",
    "NFG": "no",
    **dict.fromkeys(("H1", "H3", "H5", "NOAF"), "while h keeps f below 1"),
}
"""Cells whose states need not stay bounded for bounded inputs; docs/reliability.md says why, and why the others' do."""


class Followed(NamedTuple):
    """The states of a cell over all steps.

    Attributes:
        c, h: the largest sizes; infinite where one is NaN or infinite.
        first_odd: the first step with a number that is NaN or infinite; None if there is none.
    """

    c: float
    h: float
    first_odd: int | None


def follow(cell: str, dtype: torch.dtype, scale: float, steps: int = STEPS) -> Followed:
    """Run a cell over random inputs; the same ones and the same weights for every cell and precision."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(steps, ROWS, INPUTS, dtype=torch.float64, generator=generator)
    torch.manual_seed(0)
    start = LSTM(INPUTS, HIDDEN, dtype=torch.float64).state_dict()
    lstm = LSTM(INPUTS, HIDDEN, alteration=cell, dtype=dtype).eval()
    lstm.load_state_dict({name: scale * value.to(dtype) for name, value in start.items()}, strict=False)
    (seen,) = observe(lstm, x.to(dtype))
    states = {name: seen[name].view(steps, -1).abs().amax(1) for name in "ch"}
    odd = [int((~size.isfinite()).nonzero()[0]) for size in states.values() if not size.isfinite().all()]
    largest = [float(states[name].nan_to_num(torch.inf, torch.inf).max()) for name in "ch"]
    return Followed(*largest, min(odd, default=None))


def row(cell: str) -> str:
    """The cell's line of the table: the largest |c| and |h|, or the first odd step, and whether they stay bounded."""
    shown = []
    for scale in SCALES:
        one, other = (follow(cell, dtype, scale) for dtype in (torch.float32, torch.float64))
        if one.first_odd is None and other.first_odd is None:
            shown += [both(one.c, other.c), both(one.h, other.h)]
        else:
            odd = " / ".join("none" if f.first_odd is None else str(f.first_odd) for f in (one, other))
            shown += [f"odd from step {odd}", ""]
    return f"| {cell} | {' | '.join(shown)} | {UNBOUNDED.get(cell, 'yes')} |"


def both(single: float, double: float) -> str:
    """A number in float32 and float64: one text where three digits do not differ, else both."""
    texts = dict.fromkeys(f"{number:.3g}" for number in (single, double))
    return " / ".join(texts)


if __name__ == "__main__":
    for each in CELLS:
        print(row(each), flush=True)
