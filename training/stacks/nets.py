"""K nets of one kind as one net: the same code with stacked parts, whose weights and inputs have a leading K."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cells import LSTM
from cells.stack import StackedLSTM
from models.dropout import SpatialDropout, StackedSpatialDropout
from models.fitted import FittedNet


class StackedEmbedding(nn.Module):
    """K `nn.Embedding`: tokens `[K, N]` to vectors `[K, N, E]`. Smaller vocabularies are padded with zeros."""

    def __init__(self, modules: Sequence[nn.Embedding]):
        super().__init__()
        words = max(module.num_embeddings for module in modules)
        padded = [F.pad(module.weight.detach(), (0, 0, 0, words - module.num_embeddings)) for module in modules]
        self.weight = nn.Parameter(torch.stack(padded))

    def forward(self, tokens: Tensor) -> Tensor:
        """Look up the vectors of the tokens."""
        nets, words, _ = self.weight.shape
        first = torch.arange(nets, device=tokens.device).unsqueeze(1) * words
        return F.embedding(tokens + first, self.weight.flatten(0, 1))


class StackedLinear(nn.Module):
    """K `nn.Linear`: `[K, B, I]` to `[K, B, O]`."""

    def __init__(self, modules: Sequence[nn.Linear]):
        super().__init__()
        self.weight, self.bias = _weight_and_bias(modules)

    def forward(self, x: Tensor) -> Tensor:
        """Compute W x + b for each net."""
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)


class StackedConv1d(nn.Module):
    """K `nn.Conv1d` as one convolution in K groups: `[K, B, C, T]` to `[K, B, O, T]`."""

    def __init__(self, modules: Sequence[nn.Conv1d]):
        super().__init__()
        self.weight, self.bias = _weight_and_bias(modules)
        self.padding = modules[0].padding

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each net's input with its own kernels."""
        channels = x.transpose(0, 1).flatten(1, 2)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        result = F.conv1d(channels, weight, bias, padding=self.padding, groups=x.size(0))
        return result.unflatten(1, (x.size(0), -1)).transpose(0, 1)


PARTS: Mapping[type[nn.Module], Callable[[Sequence[Any]], nn.Module]] = {
    LSTM: StackedLSTM,
    nn.Embedding: StackedEmbedding,
    nn.Linear: StackedLinear,
    nn.Conv1d: StackedConv1d,
    SpatialDropout: StackedSpatialDropout,
}
"""The stacked form of each part of a net."""


def obstacle(net: nn.Module) -> str:
    """Why nets like this one cannot be stacked, in a few words; empty if they can."""
    if isinstance(net, FittedNet):
        return "it is not trained by gradient descent"
    for part in net.modules():
        if type(part) not in PARTS and next(part.parameters(recurse=False), None) is not None:
            return f"its {type(part).__name__} has no stacked form, see training/stacks/nets.py"
    return ""


def stack_nets(nets: Sequence[nn.Module]) -> nn.Module:
    """Make one net of K nets that have no `obstacle`.

    It takes and returns tensors with a leading K. The weights are copied.
    """
    stack = copy.deepcopy(nets[0])
    for name, part in nets[0].named_modules():
        if type(part) in PARTS:
            stack.set_submodule(name, PARTS[type(part)]([net.get_submodule(name) for net in nets]))
    return stack


def weights_of(stacked: Mapping[str, Tensor], k: int, net: nn.Module) -> dict[str, Tensor]:
    """The `state_dict` of net k, in the shapes of `net`: views of the tensors in that of its stack."""
    rows = {name: value.size(0) for name, value in net.state_dict().items()}
    return {name: value[k, : rows[name]] for name, value in stacked.items()}


def _weight_and_bias(modules: Sequence[Any]) -> tuple[nn.Parameter, nn.Parameter]:
    weights, biases = ([getattr(module, name).detach() for module in modules] for name in ("weight", "bias"))
    return nn.Parameter(torch.stack(weights)), nn.Parameter(torch.stack(biases))
