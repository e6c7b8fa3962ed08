"""The LSTM cell whose states can be altered: `cells.LSTM` and `cells.LSTMCell` in place of torch's.

Table 1 of the paper is in `cells.alterations`, which does not import torch.
"""

from typing import TYPE_CHECKING, Any

from cells.alterations import CURRENT, HIDDEN, Alteration, resolve
from cells.language.formula import FormulaError

if TYPE_CHECKING:
    from cells.lstm import LSTM, LSTMCell

__all__ = ["CURRENT", "HIDDEN", "LSTM", "Alteration", "FormulaError", "LSTMCell", "resolve"]


def __getattr__(name: str) -> Any:
    if name in ("LSTM", "LSTMCell"):
        from cells import lstm  # here, so that the table can be read without waiting for torch

        return getattr(lstm, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
