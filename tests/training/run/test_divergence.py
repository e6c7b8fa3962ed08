"""The layer with which a divergence began."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from cells import LSTM
from training.run.divergence import odd_layer


class Net(nn.Module):
    """Two LSTMs and a dense layer, in another order than they are called in."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 1)
        self.second = LSTM(3, 3)
        self.first = LSTM(2, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.dense(self.second(self.first(inputs)[0])[0])


INPUTS = torch.ones(4, 1, 2)


def damaged(value: float, *weights: str) -> Net:
    net = Net()
    with torch.no_grad():
        for name in weights:
            net.get_parameter(name)[0] = value
    return net


def test_a_net_of_finite_numbers_has_none() -> None:
    assert odd_layer(Net(), INPUTS) == ""


def test_the_first_layer_that_overflows_is_named_in_the_order_of_calls() -> None:
    net = Net()
    net.first = LSTM(2, 3, alteration="exp(exp(exp(c + 5)))")
    assert odd_layer(net, INPUTS) == "first"
    net = Net()
    net.second = LSTM(3, 3, alteration="exp(exp(exp(c + 5)))")
    assert odd_layer(net, INPUTS) == "second"


def test_a_dense_layer_may_overflow() -> None:
    net = damaged(0.0)
    with torch.no_grad():
        for weights in (net.second.weight_ih_l0, net.second.bias_ih_l0):
            weights.fill_(100.0)
        for weights in net.dense.parameters():
            weights.fill_(3e38)
    assert odd_layer(net, INPUTS) == "dense"


@pytest.mark.parametrize(
    ("weights", "began"),
    [
        (("first.weight_ih_l0",), "first"),
        (("first.weight_hh_l0", "second.bias_ih_l0"), "second"),
        (("first.weight_ih_l0", "second.weight_ih_l0", "dense.weight"), "dense"),
    ],
)
def test_odd_weights_come_from_the_last_layer_that_has_some(weights: tuple[str, ...], began: str) -> None:
    assert odd_layer(damaged(float("nan"), *weights), INPUTS) == began


def test_no_hook_stays() -> None:
    net = Net()
    odd_layer(net, INPUTS)
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "layer"),
    [
        (["model.embedding=4"], "lstm_1"),
        (["features=btc", "source=synthetic", "start=2015-01-01", "end=2016-06-30"], "lstm"),
    ],
)
def test_a_run_that_diverges_has_failed_with_epoch_and_layer(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], layer: str
) -> None:
    line = refused(*arguments, "model.hidden=4", "cell.hidden='exp(exp(exp(h + 5)))'", "epochs=2")
    assert f" in epoch 0, which began in layer {layer}; try a smaller lr (now 0.001) or another cell." in line
    (failed,) = tmp_path.rglob("failed")
    assert failed.read_text().startswith(line.removeprefix("Error: ").rstrip("\n"))
