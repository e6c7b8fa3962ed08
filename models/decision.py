"""From logits to probabilities and classes."""

import math

from torch import Tensor
from torch.nn import functional as F

THRESHOLD = 0.5
"""With loss="sigmoid", a class is predicted where its probability is above this number, which is the paper's."""

_LOGIT_THRESHOLD = math.log(THRESHOLD / (1 - THRESHOLD))  # the logit of this probability


def probabilities(logits: Tensor, loss: str) -> Tensor:
    """The probability of each class, `[B, C]`; with loss="softmax" those of a row add up to 1."""
    return logits.sigmoid() if loss == "sigmoid" else logits.softmax(1)


def decide(logits: Tensor, loss: str) -> Tensor:
    """The predicted classes `[B, C]`, 0 or 1: any number in a row; with loss="softmax" the most probable one."""
    if loss == "sigmoid":
        return (logits > _LOGIT_THRESHOLD).long()
    return F.one_hot(logits.argmax(1), logits.size(1))
