"""A training step as a CUDA graph: recorded once, then started as a whole, as a small net's time is in the launches."""

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from cells.stack import StackedLSTM

log = logging.getLogger("lstm-cs")

Batch = TypeVar("Batch", bound=tuple[object, ...])

RECORDABLE = ("triton", "triton-steps")
"""The backends of cells whose launches a graph can hold."""


class Recorder(Protocol):
    """A way to record a step."""

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """Take a step as it is, after which it can be recorded."""

    def record(
        self, step: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, Callable[[], None]]:
        """Record a step without taking it; -> where its result will be, and a function that takes it.

        The generators are those that it draws from.
        """


class CudaGraphs:
    """See `Recorder`; all graphs share their memory, since only one of them runs at a time."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """On a stream of its own, as it will be recorded."""
        stream, own = torch.cuda.current_stream(), torch.cuda.Stream()
        own.wait_stream(stream)
        with torch.cuda.stream(own), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "This instance was constructed with capturable=True", UserWarning
            )  # Adam's
            result = step()
        stream.wait_stream(own)
        return result

    def record(
        self, step: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, Callable[[], None]]:
        """By capturing it."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, pool=self.pool):
            result = step()
        return result, graph.replay


class _Recording(NamedTuple):
    """A recorded step: what it reads, its result, and the function that takes it."""

    given: list[Any]
    result: Tensor
    take: Callable[[], None]


class RecordedStep(Generic[Batch]):
    """A step that is recorded for each of the shapes of its batches: a first step is taken as it is, a second recorded.

    Python does not run when it is taken again: what the step reads beside its batch has to stay where it is, and what
    it leaves has to be in tensors that were there before.

    Args:
        step: takes a step with a batch, and returns a tensor. What is no tensor in a batch is part of its shape.
        recorder: records it.
        generators: returns those that the step draws from.
    """

    def __init__(
        self,
        step: Callable[[Batch], Tensor],
        recorder: Recorder,
        generators: Callable[[], Sequence[torch.Generator]],
    ) -> None:
        self.step, self.generators = step, generators
        self.recorder: Recorder | None = recorder
        self._recordings: dict[object, _Recording | None] = {}

    def __call__(self, batch: Batch) -> Tensor:
        """Take a step."""
        if not self.recorder:
            return self.step(batch)
        given, structure = pytree.tree_flatten(batch)
        shapes = tuple((one.shape, one.dtype) if isinstance(one, Tensor) else one for one in given)
        if shapes not in self._recordings:
            self._recordings[shapes] = None
            return self.recorder.warm_up(lambda: self.step(batch))
        recording = self._recordings[shapes]
        if recording is None:
            own = [one.clone() if isinstance(one, Tensor) else one for one in given]
            kept = pytree.tree_unflatten(own, structure)
            try:
                recording = _Recording(own, *self.recorder.record(lambda: self.step(kept), self.generators()))
            except RuntimeError as error:
                return self._without_recordings(batch, error)
            self._recordings[shapes] = recording
        for into, one in zip(recording.given, given, strict=True):
            if isinstance(one, Tensor):
                into.copy_(one)
        recording.take()
        return recording.result.clone()  # the next step overwrites it

    def _without_recordings(self, batch: Batch, error: RuntimeError) -> Tensor:
        """Take a step, and the coming ones, as they are."""
        reason = str(error).partition("\n")[0]
        log.warning("The training step cannot be recorded, so it is slower: its kernels start one by one (%s).", reason)
        self.recorder = None
        self.forget()
        return self.step(batch)

    def forget(self) -> None:
        """Drop what is recorded, with the memory that it holds: a smaller stack has batches of other shapes."""
        self._recordings.clear()


def recorder_for(net: nn.Module, device: torch.device) -> Recorder | None:
    """The recorder for steps of a net on this device; None if they cannot be recorded."""
    if device.type != "cuda":
        return None
    paths = {part.path for part in net.modules() if isinstance(part, StackedLSTM)}
    return CudaGraphs() if paths <= {*RECORDABLE} else None
