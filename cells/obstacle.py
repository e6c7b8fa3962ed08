"""Why a backend cannot run something."""

import enum
from typing import NamedTuple


class ObstacleKind(enum.Enum):
    """The thing that stands in a backend's way."""

    FORMULA = enum.auto()  # the cell's formulas, or the user's module in their place
    CALL = enum.auto()  # this call: dtype, device, sizes, or what surrounds it, such as autocast
    DEVICE = enum.auto()  # the kind of device that the tensors are on, for which the backend is not made
    MACHINE = enum.auto()  # the machine, or what is installed on it


class Obstacle(NamedTuple):
    """A reason why a backend cannot run something.

    Attributes:
        kind: the thing that is in the way.
        reason: for people, a clause such as "it has a projection".
    """

    kind: ObstacleKind
    reason: str
