"""Feature importance, on nets for which it is known."""

import pytest
import torch
from torch import Tensor, nn

from forecasting.importance import integrated_gradients, permutation_importance
from models.forecasters import ConvolutionLSTM

GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(200, 4, 3, generator=GENERATOR)


class Linear(nn.Module):
    """3 x the first feature on the last day - 1 x the second feature on the first day."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 3 * inputs[:, -1, 0] - inputs[:, 0, 1]


def test_permutation_importance_grows_with_the_weight_of_a_feature() -> None:
    net = Linear()
    rises = permutation_importance(net, INPUTS, net(INPUTS), seed=0)
    # A shuffled feature differs from the true one by sqrt(2) deviations.
    expected = [3 * 2**0.5 * INPUTS[:, -1, 0].std().item(), 2**0.5 * INPUTS[:, 0, 1].std().item(), 0]
    assert rises == pytest.approx(expected, rel=0.05)
    assert rises[2] == 0


def test_permutation_depends_on_its_seed_alone() -> None:
    net = Linear()
    first = permutation_importance(net, INPUTS, net(INPUTS), seed=1)
    assert permutation_importance(net, INPUTS, net(INPUTS), seed=1).tolist() == first.tolist()
    assert permutation_importance(net, INPUTS, net(INPUTS), seed=2).tolist() != first.tolist()


def test_contributions_in_a_linear_net_are_weight_times_distance() -> None:
    reference = INPUTS.mean(0)
    parts = integrated_gradients(Linear(), INPUTS, reference)
    expected = torch.zeros_like(INPUTS)
    expected[:, -1, 0] = 3 * (INPUTS - reference)[:, -1, 0]
    expected[:, 0, 1] = -(INPUTS - reference)[:, 0, 1]
    torch.testing.assert_close(parts, expected)


@pytest.mark.parametrize("alteration", [None, "C4", "H2"])
def test_contributions_sum_to_the_difference_of_forecasts(alteration: str | None) -> None:
    torch.manual_seed(0)
    net = ConvolutionLSTM(features=3, filters=4, kernel=3, hidden=5, alteration=alteration)
    reference = INPUTS.mean(0)
    parts = integrated_gradients(net, INPUTS, reference)
    with torch.no_grad():
        expected = net(INPUTS) - net(reference[None])
    torch.testing.assert_close(parts.sum((1, 2)), expected, atol=2e-3, rtol=0)
    assert expected.abs().max() > 0.05
