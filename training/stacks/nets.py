"""K nets of one kind as one net: the same code, with parts whose weights and inputs have a leading K."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cells import LSTM
from cells.stack import StackedLSTM
from models.dropout import SpatialDropout, StackedSpatialDropout


class StackedEmbedding(nn.Module):
    """`nn.Embedding` of K nets: tokens `[K, N]` to `[K, N, E]`. Smaller vocabularies are padded."""

    def __init__(self, modules: Sequence[nn.Embedding]):
        super().__init__()
        words = max(module.num_embeddings for module in modules)
        padded = [F.pad(module.weight.detach(), (0, 0, 0, words - module.num_embeddings)) for module in modules]
        self.weight = nn.Parameter(torch.stack(padded))

    def forward(self, tokens: Tensor) -> Tensor:
        """The vectors of the words."""
        nets, words, _ = self.weight.shape
        first = torch.arange(nets, device=tokens.device).unsqueeze(1) * words
        return F.embedding(tokens + first, self.weight.flatten(0, 1))


class StackedLinear(nn.Module):
    """`nn.Linear` of K nets: `[K, B, I]` to `[K, B, O]`."""

    def __init__(self, modules: Sequence[nn.Linear]):
        super().__init__()
        self.weight, self.bias = _weight_and_bias(modules)

    def forward(self, x: Tensor) -> Tensor:
        """W x + b of each net."""
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)


class StackedConv1d(nn.Module):
    """`nn.Conv1d` of K nets, as one convolution in K groups: `[K, B, C, T]` to `[K, B, O, T]`."""

    def __init__(self, modules: Sequence[nn.Conv1d]):
        super().__init__()
        self.weight, self.bias = _weight_and_bias(modules)
        self.padding = modules[0].padding

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of each net."""
        side_by_side = x.transpose(0, 1).flatten(1, 2)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        together = F.conv1d(side_by_side, weight, bias, padding=self.padding, groups=x.size(0))
        return together.unflatten(1, (x.size(0), -1)).transpose(0, 1)


PARTS: Mapping[type[nn.Module], Callable[[Sequence[Any]], nn.Module]] = {
    LSTM: StackedLSTM,
    nn.Embedding: StackedEmbedding,
    nn.Linear: StackedLinear,
    nn.Conv1d: StackedConv1d,
    SpatialDropout: StackedSpatialDropout,
}
"""What stands in a stack for each part of a net."""


def why_not(net: nn.Module) -> str:
    """Why there is no stack of nets like this one; empty if there is."""
    if hasattr(net, "fit"):
        return "it is not trained by descent"
    for part in net.modules():
        if type(part) not in PARTS and next(part.parameters(recurse=False), None) is not None:
            return f"its {type(part).__name__} has no stacked form, see training/stacks/nets.py"
    return ""


def stacked(nets: Sequence[nn.Module]) -> nn.Module:
    """K nets as one, which takes and returns tensors with a leading K. The weights are copied; see `why_not`."""
    together = copy.deepcopy(nets[0])
    for name, part in nets[0].named_modules():
        if type(part) in PARTS:
            together.set_submodule(name, PARTS[type(part)]([net.get_submodule(name) for net in nets]))
    return together


def weights_of(stack: nn.Module, k: int, net: nn.Module) -> dict[str, Tensor]:
    """The `state_dict` of net k of a stack, with the shapes that `net` has; views of the stack's own tensors."""
    rows = {name: value.size(0) for name, value in net.state_dict().items()}
    return {name: value[k, : rows[name]] for name, value in stack.state_dict().items()}


def _weight_and_bias(modules: Sequence[Any]) -> tuple[nn.Parameter, nn.Parameter]:
    weights, biases = ([getattr(module, name).detach() for module in modules] for name in ("weight", "bias"))
    return nn.Parameter(torch.stack(weights)), nn.Parameter(torch.stack(biases))
