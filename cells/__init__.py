"""The LSTM cell whose states can be altered: `cells.LSTM` and `cells.LSTMCell` in place of torch's.

Table 1 of the paper is in `cells.alterations`, which does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cells.alterations import CURRENT, HIDDEN, Alteration, resolve
from cells.language.parser import FormulaError

if TYPE_CHECKING:
    from cells.backends import backend
    from cells.lstm import LSTM
    from cells.lstm_cell import LSTMCell

__all__ = ["CURRENT", "HIDDEN", "LSTM", "Alteration", "FormulaError", "LSTMCell", "backend", "resolve"]

_NEED_TORCH = {"LSTM": "cells.lstm", "LSTMCell": "cells.lstm_cell", "backend": "cells.backends"}
"""Imported when first used, so that the table can be read without waiting for torch."""


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        return getattr(importlib.import_module(_NEED_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
