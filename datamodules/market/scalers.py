"""The learned state of scikit-learn's scalers as plain data, for checkpoints."""

from typing import Any

import numpy as np


def learned_state(scaler: Any) -> dict[str, Any]:
    """The attributes that `fit` has set, as numbers and lists; `restore` reverses it."""
    return {name: np.asarray(value).tolist() for name, value in vars(scaler).items() if name.endswith("_")}


def restore(scaler: Any, state: dict[str, Any]) -> Any:
    """Give a new scaler the state that another one of its class has learned, and return it."""
    for name, value in state.items():
        setattr(scaler, name, np.array(value) if isinstance(value, list) else value)
    return scaler
