"""The base class of nets that are fitted at once."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import nn

from models.batch import TextBatch


class FittedNet(nn.Module, ABC):
    """A net that learns all of its training part at once and not by gradient descent."""

    @abstractmethod
    def fit(self, batches: Iterable[TextBatch], one_versus_rest: bool) -> None:
        """Learn from the training part.

        Args:
            batches: all of the training part, in any order and on any device.
            one_versus_rest: learn each class on its own; else all of them together (multinomial).
        """
