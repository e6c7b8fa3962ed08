"""What Adam remembers of each net of a stack."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Moments = dict[str, Tensor]
"""Of one weight of one net: `step` (a number), `exp_avg` and `exp_avg_sq` (shaped as the weight)."""


def of_net(stack: nn.Module, optimizer: torch.optim.Optimizer, k: int, net: nn.Module) -> dict[str, Moments]:
    """Of each trained weight of net k, with the shapes that `net` has, on the CPU."""
    rows = {name: len(weight) for name, weight in net.named_parameters()}
    found = {}
    for name, weight in stack.named_parameters():
        if state := optimizer.state.get(weight):
            own = {key: value[k, : rows[name]] if value.dim() else value for key, value in state.items()}
            found[name] = {key: value.cpu().clone() for key, value in own.items()}
    return found


def together(nets: Sequence[Moments], weight: Tensor) -> Moments:
    """Of one weight of a stack `[K, ..]`, from those of its K nets, which have made equally many steps."""
    found = {"step": nets[0]["step"]}
    for key in nets[0].keys() - found.keys():
        room = weight.size(1)  # a smaller vocabulary has fewer rows
        padded = [F.pad(of[key], (0, 0) * (of[key].dim() - 1) + (0, room - len(of[key]))) for of in nets]
        found[key] = torch.stack(padded).to(weight)
    return found
