"""The Bitcoin paper's two forecasters: an LSTM, and a convolution over time in front of one."""

from torch import Tensor, nn

from cells import LSTM
from cells.alterations import Spec
from models.initialise import like_keras


class WindowLSTM(nn.Module):
    """An LSTM over the days of a window, and one dense layer on its last output.

    `inputs [B, W, F]` to forecasts `[B]`, in the scaled units of the targets.

    Args:
        features: F.
        hidden: size H of the LSTM.
        alteration: of its cell, as in `cells.LSTM`.
    """

    def __init__(self, features: int, hidden: int, alteration: Spec = None):
        super().__init__()
        self.lstm = LSTM(features, hidden, batch_first=True, alteration=alteration)
        self.dense = nn.Linear(hidden, 1)
        like_keras(self)

    def forward(self, inputs: Tensor) -> Tensor:
        """Forecasts `[B]` of `inputs [B, W, F]`."""
        outputs, _ = self.lstm(inputs)
        return self.dense(outputs[..., -1, :]).squeeze(-1)


class ConvolutionLSTM(nn.Module):
    """A convolution over the days of a window with ReLU, then `WindowLSTM`.

    `inputs [B, W, F]` to forecasts `[B]`. The convolution pads with zeros, so that W days stay W steps and a
    window may be shorter than the kernel.

    Args:
        features: F.
        filters: number of outputs of the convolution.
        kernel: number of days that each output sees, odd.
        hidden: size H of the LSTM.
        alteration: of its cell, as in `cells.LSTM`.

    Raises:
        ValueError: a size is out of range.
    """

    def __init__(self, features: int, filters: int, kernel: int, hidden: int, alteration: Spec = None):
        super().__init__()
        if filters < 1:
            raise ValueError(f"filters must be at least 1, not {filters}")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be an odd number of days, not {kernel}")
        self.convolution = nn.Conv1d(features, filters, kernel, padding=kernel // 2)
        self.forecaster = WindowLSTM(filters, hidden, alteration)
        like_keras(self.convolution)

    def forward(self, inputs: Tensor) -> Tensor:
        """Forecasts `[B]` of `inputs [B, W, F]`."""
        days = self.convolution(inputs.transpose(-1, -2)).relu()
        return self.forecaster(days.transpose(-1, -2))
