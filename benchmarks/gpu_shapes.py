"""The layers that `python -m benchmarks gpu` measures, in the order of their weight."""

import itertools
from typing import NamedTuple


class CudaShape(NamedTuple):
    """T, B, I, H; K nets; whether the rows end at different steps."""

    steps: int
    batch: int
    inputs: int
    hidden: int
    nets: int = 1
    ragged: bool = False

    def __str__(self) -> str:
        more = f"  K {self.nets:3}" * (self.nets > 1) + "  ragged" * self.ragged
        return f"T {self.steps:3}  B {self.batch:3}  I {self.inputs:3}  H {self.hidden:3}{more}"


EIGHT = [
    CudaShape(*sizes)
    for sizes in (
        *((7, 64, 8, 64), (23, 64, 100, 64), (23, 256, 100, 64), (342, 32, 100, 64), (342, 256, 100, 64)),
        *((100, 64, 128, 128), (100, 256, 128, 128), (100, 64, 96, 96)),
    )
]
"""Full batches of one net, of texts' and of the market's sizes."""

RAGGED = [CudaShape(t, b, h, h, ragged=True) for t, b, h in ((23, 64, 64), (342, 256, 64), (100, 64, 128))]

HUNDRED = [CudaShape(t, b, h, h, 100) for t, b, h in ((23, 64, 64), (342, 32, 64), (100, 64, 128))]

GRID = [
    CudaShape(steps, batch, hidden, hidden, nets, ragged)
    for nets, ragged in itertools.product((1, 10, 100), (False, True))
    for steps, batch, hidden in itertools.product((7, 23, 100, 342), (32, 64, 256), (64, 96, 128, 256))
    # of many nets, the sizes of texts and of the market: a hundred of the largest would not fit into the memory
    if nets == 1 or (steps, batch, hidden) in {(7, 64, 64), (23, 64, 64), (100, 64, 128), (342, 32, 64)}
]

_FIRST = [*EIGHT, *RAGGED, *HUNDRED]
_REST = [shape for shape in GRID if shape not in _FIRST]

PLAN = [(shape, allowed) for shapes in (_FIRST, _REST) for allowed in (True, False) for shape in shapes]
"""Shapes, and whether TF32 is on."""


def kind(shape: CudaShape) -> str:
    """The name of the shapes that have a mean together."""
    if shape in EIGHT:
        return "the eight shapes"
    nets = "one net" if shape.nets == 1 else f"{shape.nets} nets"
    return f"{nets}, {'ragged' if shape.ragged else 'full'}"
