"""Adam's state of a stack, split into its nets' states and put together from them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

AdamState = dict[str, Tensor]
"""Adam's state of one weight: `step` (a number), and `exp_avg` and `exp_avg_sq` with the weight's shape."""


def state_of_net(stack: nn.Module, optimizer: torch.optim.Optimizer, k: int, net: nn.Module) -> dict[str, AdamState]:
    """Adam's state of each trained weight of net k, in the shapes of `net`, on the CPU."""
    rows = {name: len(weight) for name, weight in net.named_parameters()}
    found = {}
    for name, weight in stack.named_parameters():
        if state := optimizer.state.get(weight):
            own = {key: value[k, : rows[name]] if value.dim() else value for key, value in state.items()}
            found[name] = {key: value.cpu().clone() for key, value in own.items()}
    return found


def state_of_stack(states: Sequence[AdamState], weight: Tensor) -> AdamState:
    """Adam's state of a stack's weight `[K, ..]`.

    Args:
        states: the states of that weight in each of the K nets, which have done equally many steps.
        weight: the stack's.
    """
    found = {"step": states[0]["step"]}
    for key in states[0].keys() - found.keys():
        rows = weight.size(1)  # a net with a smaller vocabulary has fewer
        padded = [F.pad(own[key], (0, 0) * (own[key].dim() - 1) + (0, rows - len(own[key]))) for own in states]
        found[key] = torch.stack(padded).to(weight)
    return found
