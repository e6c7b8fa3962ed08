"""The layer with which a net's divergence began."""

import torch
from torch import Tensor, nn


def odd_layer(net: nn.Module, *inputs: Tensor) -> str:
    """Name the layer with which a net began to give NaN or infinite numbers; empty if it gives none for these inputs.

    The net is called once more. Of the layers in the order of their calls it is the first whose output is odd, if its
    weights are not: it overflows. If they are, a gradient overflowed in an earlier step. Gradients go from the last
    layer to the first, so it began with the last layer whose weights are odd (with `clip=`, all have become so).

    Args:
        net: after the step that gave an odd loss.
        inputs: of that step.
    """
    called: list[tuple[str, bool]] = []
    own = {name: list(layer.parameters(recurse=False)) for name, layer in net.named_modules()}
    layers = {name: net.get_submodule(name) for name, weights in own.items() if weights}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: called.append((name, _is_finite(output))))
        for name, layer in layers.items()
    ]
    try:
        with torch.no_grad():
            net(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    first = next((name for name, finite in called if not finite), "")
    odd = [name for name, _ in called if not all(map(_is_finite, own[name]))]
    return odd[-1] if first in odd else first


def _is_finite(output: object) -> bool:
    """Whether all numbers of a tensor, or of the tensors in a tuple, are finite."""
    if isinstance(output, tuple):
        return all(map(_is_finite, output))
    return not isinstance(output, Tensor) or bool(torch.isfinite(output).all())
