"""Adam's state of a stack, split into its nets' states and put together from them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

AdamState = dict[str, Tensor]
"""Adam's state of one weight: `step` (a number), and `exp_avg` and `exp_avg_sq` with the weight's shape."""


def state_by_name(stack: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, AdamState]:
    """Adam's state of each trained weight of a stack, by the weight's name."""
    states = {name: optimizer.state.get(weight) for name, weight in stack.named_parameters()}
    return {name: state for name, state in states.items() if state}


def state_of_net(states: Mapping[str, AdamState], k: int, net: nn.Module) -> dict[str, AdamState]:
    """A copy of net k's part of a stack's `state_by_name`, in the shapes of `net`."""
    rows = {name: len(weight) for name, weight in net.named_parameters()}
    return {
        name: {key: (value[k, : rows[name]] if value.dim() else value).clone() for key, value in state.items()}
        for name, state in states.items()
    }


def state_of_stack(states: Sequence[AdamState], weight: Tensor, on_device: bool) -> AdamState:
    """Adam's state of a stack's weight `[K, ..]`.

    Args:
        states: the states of that weight in each of the K nets, which have done equally many steps.
        weight: the stack's.
        on_device: whether the steps are counted where the weight is, and not on the CPU.
    """
    found = {"step": states[0]["step"].to(weight.device if on_device else "cpu")}
    for key in states[0].keys() - found.keys():
        rows = weight.size(1)  # a net with a smaller vocabulary has fewer
        padded = [F.pad(own[key], (0, 0) * (own[key].dim() - 1) + (0, rows - len(own[key]))) for own in states]
        found[key] = torch.stack(padded).to(weight)
    return found
