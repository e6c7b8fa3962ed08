"""Which layers take the fast path, and why the others do not.

The fast path (`cells.llvm.layer`) computes what `cells.recurrence.Unroll` defines, for formulas on the CPU in float32
and float64. Everything else is left to the reference, and nothing silently.
"""

import functools
import logging

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from cells.language.reading import UnreadableError, is_one_for_each_unit, read
from cells.recurrence import Unroll, Weights, loop, why_eager

log = logging.getLogger(__name__)


def obstacle(unroll: Unroll, tensors: list[Tensor], weights: list[Weights]) -> str:
    """Why the fast path cannot take a layer of these tensors and weights now; empty if it can."""
    if reason := why_eager(unroll):
        return reason
    if any(own.hr is not None for own in weights):
        return "it has a projection"
    try:
        reading = read(unroll.step.alter)
    except UnreadableError as error:
        return str(error)
    hidden = weights[0].hh.size(1)
    if not all(is_one_for_each_unit(tensor, hidden) for tensor in reading.tensors):
        return f"{unroll.step.alteration} has a tensor that is neither one number nor one for each unit"
    tensors = [*tensors, *reading.tensors, *(weight for own in weights for weight in own if weight is not None)]
    if any(tensor.device.type != "cpu" or type(tensor) not in (Tensor, nn.Parameter) for tensor in tensors):
        return "its tensors are not all plain ones on the CPU"
    dtypes = {tensor.dtype for tensor in tensors}
    if dtypes not in ({torch.float32}, {torch.float64}):
        return f"it is in {' and '.join(sorted(map(str, dtypes)))}, and neither all in float32 nor all in float64"
    if reading.dtypes - dtypes:
        return f"{unroll.step.alteration} casts what it is given to another dtype"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is on"
    if torch.jit.is_tracing():
        return "it is being traced"
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return "it is inside a transform of torch.func or a forward-mode derivative"
    return _platform()


@functools.cache
def _platform() -> str:
    """Why this machine cannot take the fast path at all; empty if it can."""
    try:
        from cells.llvm import machine  # here, because there may be no llvmlite
    except ImportError as error:
        return f"llvmlite cannot be imported ({error})"
    return machine.obstacle()


def takes(unroll: Unroll, tensors: list[Tensor], weights: list[Weights], otherwise: str = "the reference path") -> bool:
    """Whether the fast path takes this layer; if not, the log says why and what does instead, each reason once."""
    if tensors[0].size(0) == 0:
        return False  # no steps, nothing to be fast with
    reason = obstacle(unroll, tensors, weights)
    if reason and not why_eager(unroll):  # which was said when the module was given
        _say(otherwise, loop(unroll), reason)
    return not reason


@functools.cache
def _say(path: str, loop: str, reason: str) -> None:
    log.warning("An LSTM takes %s (%s loop): %s", path, loop, reason)


def layer(
    unroll: Unroll, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Unroll.forward`, by compiled loops."""
    from cells.llvm import layer

    return layer.layer(unroll, rows, sizes, c, h, weights)
