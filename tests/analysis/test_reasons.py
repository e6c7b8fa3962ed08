"""Runs that diverged are named once for each reason, not once for each epoch."""

import pandas as pd
import pytest

from analysis.study.reasons import reasons
from training.run.folder.errors import DivergedError


def diverged(loss: float, epoch: int, layer: str = "", lr: float = 0.1) -> str:
    return str(DivergedError(loss, epoch, lr, layer))


ADVICE = "try a smaller lr (now 0.1) or another cell."


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ([diverged(float("nan"), 3)], [f"the loss is nan in epoch 3; {ADVICE}"]),
        (
            [diverged(float("nan"), 7, "lstm_1"), diverged(float("nan"), 3, "lstm_1")],
            [f"the loss is nan in epochs 3 to 7, which began in layer lstm_1; {ADVICE}"],
        ),
        (
            [diverged(float("nan"), 3, "lstm_2"), diverged(float("nan"), 3, "lstm_1"), diverged(float("nan"), 3)],
            [f"the loss is nan in epoch 3, which began in layers lstm_2, lstm_1; {ADVICE}"],
        ),
        (
            [diverged(float("nan"), 3), diverged(float("inf"), 4), diverged(float("nan"), 5), "unfinished"],
            [f"the loss is nan in epochs 3 to 5; {ADVICE}", f"the loss is inf in epoch 4; {ADVICE}", "unfinished"],
        ),
        ([diverged(float("nan"), 3), diverged(float("nan"), 4, lr=1)], None),
    ],
)
def test_a_reason_is_named_once(errors: list[str], says: list[str] | None) -> None:
    found = reasons(pd.Series(errors))
    assert list(dict.fromkeys(found)) == (errors if says is None else says)
    assert len(found) == len(errors)
