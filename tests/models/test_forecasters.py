"""The two forecasters beside torch's own layers."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cells.alterations import CURRENT, HIDDEN
from models.forecasters import ConvolutionLSTM, WindowLSTM

INPUTS = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0))


def window_lstm(alteration: str | None = None) -> WindowLSTM:
    torch.manual_seed(0)
    return WindowLSTM(features=5, hidden=6, alteration=alteration)


def convolution_lstm(alteration: str | None = None) -> ConvolutionLSTM:
    torch.manual_seed(0)
    return ConvolutionLSTM(features=5, filters=3, kernel=3, hidden=6, alteration=alteration)


def by_torch(net: WindowLSTM, inputs: Tensor) -> Tensor:
    stock = nn.LSTM(net.lstm.input_size, 6, batch_first=True)
    stock.load_state_dict(net.lstm.state_dict())
    return net.dense(stock(inputs)[1][0][0])[:, 0]


def test_the_lstms_last_output_becomes_one_number_a_window() -> None:
    net = window_lstm()
    assert net(INPUTS).shape == (4,)
    torch.testing.assert_close(net(INPUTS), by_torch(net, INPUTS))


def test_the_convolution_runs_over_time_and_keeps_every_day() -> None:
    net = convolution_lstm()
    padded = F.pad(INPUTS, (0, 0, 1, 1))
    days = [
        torch.einsum("bkf,ofk->bo", padded[:, day : day + 3], net.convolution.weight) + net.convolution.bias
        for day in range(7)
    ]
    torch.testing.assert_close(net(INPUTS), by_torch(net.forecaster, torch.stack(days, 1).relu()))


@pytest.mark.parametrize("make", [window_lstm, convolution_lstm])
@pytest.mark.parametrize("alteration", [*CURRENT, *HIDDEN])
def test_every_alteration_reaches_the_forecast(make: type, alteration: str) -> None:
    assert not torch.allclose(make(alteration)(INPUTS), make()(INPUTS))


@pytest.mark.parametrize("make", [window_lstm, convolution_lstm])
@pytest.mark.parametrize("window", [1, 2, 30])
def test_any_window_will_do(make: type, window: int) -> None:
    assert make()(torch.randn(2, window, 5)).isfinite().all()


def test_the_convolution_starts_as_keras_starts_it() -> None:
    torch.manual_seed(0)
    layer = ConvolutionLSTM(features=20, filters=30, kernel=5, hidden=4).convolution
    limit = (6 / (5 * (20 + 30))) ** 0.5
    assert 0.98 * limit < layer.weight.abs().max() <= limit
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("sizes", "says"), [({"filters": 0}, "filters"), ({"kernel": 2}, "odd"), ({"kernel": 0}, "odd")]
)
def test_impossible_sizes_are_named(sizes: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ConvolutionLSTM(**{"features": 5, "filters": 3, "kernel": 3, "hidden": 4, **sizes})
