"""Feature importance in a trained net: the "feature weighting insight" that the paper promises."""

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.market.windows import Floats

REPEATS = 10


@torch.no_grad()
def permutation_importance(net: nn.Module, inputs: Tensor, targets: Tensor, seed: int) -> Floats:
    """The rise of the RMSE when a feature is shuffled over the samples, `[F]`, in the units of the targets.

    The whole window of a feature is shuffled at once; the result is the mean over REPEATS shufflings. A feature that
    repeats another one may score low although the net uses it.

    Args:
        net: `[n, W, F] -> [n]`.
        inputs: `[n, W, F]`.
        targets: `[n]`.
        seed: seed of the shufflings.
    """
    generator = torch.Generator("cpu").manual_seed(seed)  # the same shufflings on every device

    def rmse(values: Tensor) -> float:
        return float((net(values) - targets).square().mean().sqrt())

    rises = np.empty((inputs.size(2), REPEATS))
    for feature in range(inputs.size(2)):
        for repeat in range(REPEATS):
            shuffled = inputs.clone()
            order = torch.randperm(len(inputs), generator=generator, device="cpu").to(inputs.device)
            shuffled[:, :, feature] = inputs[order, :, feature]
            rises[feature, repeat] = rmse(shuffled)
    return rises.mean(1) - rmse(inputs)


def integrated_gradients(net: nn.Module, inputs: Tensor, reference: Tensor) -> Tensor:
    """The contribution of each input value to net(inputs) - net(reference), `[n, W, F]`; they sum to the difference.

    Integrated gradients (Sundararajan, Taly and Yan 2017) along the straight line from the reference to the input.

    Args:
        net: `[n, W, F] -> [n]`.
        inputs: `[n, W, F]`.
        reference: `[W, F]`, a neutral window, such as the mean of all windows.
    """
    from captum.attr import IntegratedGradients

    start = reference.expand_as(inputs)
    return IntegratedGradients(net).attribute(inputs, start, internal_batch_size=max(1024, len(inputs))).detach()
