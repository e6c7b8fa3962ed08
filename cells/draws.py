"""Bernoulli numbers of K models, each from a generator of its own: what dropout and noisy cells draw."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Part = Literal["samples", "rows", "running"]


class Counts:
    """For how much of a batch of K models numbers are drawn.

    No named tuple, which Lightning would take apart to move what it holds to a device, and a recorder to look for
    tensors in it.

    Attributes:
        samples: of each model.
        rows: of each model, its real steps.
        running: of each model, its samples that have a step.
        batch: B, the samples for which there is room.
        places: N, the rows for which there is room.
    """

    def __init__(
        self, samples: Sequence[int], rows: Sequence[int], running: Sequence[int], batch: int, places: int
    ) -> None:
        self.samples, self.rows, self.running = samples, rows, running
        self.batch, self.places = batch, places


class Draw(NamedTuple):
    """A request of a part of a model: F numbers for each of its samples, rows, or samples that have a step.

    They are 1 with these probabilities, one after the other, and otherwise 0.
    """

    of: Part
    probabilities: tuple[float, ...]
    features: int


class Draws:
    """Draws for the parts of K models, for each model what it would draw alone.

    A CUDA graph cannot draw as many numbers as each batch needs. So a call may be given what was drawn `ahead` of it,
    as the call before has shown what is asked for, and in which order.

    Args:
        generators: of the models; torch's own if empty.

    Attributes:
        is_known: whether there was a `call`.
        by_call: whether the last `call` drew its numbers itself.
    """

    def __init__(self, generators: Sequence[torch.Generator | None] = ()) -> None:
        self.generators = generators
        self.is_known = self.by_call = False
        self._last: list[Draw] = []
        self._now: list[Draw] | None = None
        self._given: Sequence[Tensor] = ()

    def __call__(self, draw: Draw, counts: Counts | None, like: Tensor) -> Tensor:
        """Numbers `[K, P, B or N, F]` for P probabilities, of the dtype and on the device of `like`.

        Behind those of a model they are 0.
        The counts may be missing where the numbers were drawn ahead.
        """
        if self._now is not None:
            self._now.append(draw)
            if self._given:
                assert draw == self._last[len(self._now) - 1], "a call asks for what the call before asked for"
                return self._given[len(self._now) - 1]
        assert counts is not None
        return self._drawn(draw, counts, like)

    @contextmanager
    def call(self, given: Sequence[Tensor]) -> Iterator[None]:
        """Note what is asked for inside the `with` statement, and answer with what is given, if anything is."""
        self._now, self._given = [], given
        try:
            yield
            self._last, self.is_known, self.by_call = self._now, True, bool(self._now) and not given
        finally:
            self._now, self._given = None, ()

    def ahead(self, counts: Counts, like: Tensor) -> list[Tensor]:
        """Draw what the last `call` asked for, for another one."""
        return [self._drawn(draw, counts, like) for draw in self._last]

    def _drawn(self, draw: Draw, counts: Counts, like: Tensor) -> Tensor:
        numbers: Sequence[int] = getattr(counts, draw.of)
        room = counts.places if draw.of == "rows" else counts.batch
        drawn = like.new_zeros(len(numbers), len(draw.probabilities), room, draw.features)
        for own, number, generator in zip(drawn, numbers, self.generators or [None] * len(numbers), strict=True):
            for values, probability in zip(own, draw.probabilities, strict=True):
                values[:number].bernoulli_(probability, generator=generator)
        return drawn
