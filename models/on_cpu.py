"""Where results leave their device: NumPy, pandas, pictures, TensorBoard and the disk get what passes here."""

import copy
from typing import Any, TypeVar

from torch import Tensor

Values = TypeVar("Values")


def on_cpu(values: Values) -> Values:
    """The same values with every tensor on the CPU and without its graph.

    Args:
        values: a tensor, or dictionaries, lists and tuples (also named ones) of tensors and of anything else, which
            stays as it is. A tensor that is on the CPU is not copied.
    """
    moved: Any = values
    if isinstance(values, Tensor):
        moved = values.detach().cpu()
    elif isinstance(values, dict):
        moved = copy.copy(values)  # a state_dict carries the versions of its modules as an attribute
        moved.update({key: on_cpu(value) for key, value in values.items()})
    elif isinstance(values, list):
        moved = [on_cpu(value) for value in values]
    elif isinstance(values, tuple):
        items = [on_cpu(value) for value in values]
        moved = type(values)(*items) if hasattr(values, "_fields") else type(values)(items)
    return moved
