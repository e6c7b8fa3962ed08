"""The layers that are measured. Does not import torch, since the command line's help lists them."""

from typing import NamedTuple


class Shape(NamedTuple):
    """Steps, batch, input size, hidden size of a direction, directions."""

    steps: int
    batch: int
    inputs: int
    hidden: int
    directions: int = 2

    def __str__(self) -> str:
        directions = {1: ", one direction"}.get(self.directions, "")
        return f"T={self.steps} B={self.batch} I={self.inputs} H={self.hidden}{directions}"


SHAPES = [
    # the lengths of the paper's texts, and some sizes of batches
    Shape(23, 64, 100, 64),
    Shape(23, 256, 100, 64),
    Shape(12, 128, 100, 64),
    Shape(100, 64, 128, 128),
    Shape(342, 32, 100, 64),
    # the two layers of our text model, conf/model/bilstm.yaml
    Shape(23, 64, 96, 64),
    Shape(23, 64, 128, 64),
    # our forecasters, with windows of a week, one month and three: conf/model/lstm.yaml on all features, cnn_lstm.yaml
    Shape(7, 64, 19, 64, 1),
    Shape(30, 64, 19, 64, 1),
    Shape(90, 64, 19, 64, 1),
    Shape(30, 64, 32, 64, 1),
]
