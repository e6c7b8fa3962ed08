"""When a claim of the paper counts as reproduced."""

import numpy as np

from analysis.statistics.power import Effect

REPRODUCED, NOT_REPRODUCED, NOT_DECIDABLE = "reproduced", "not reproduced", "not decidable"
IN_SIGN = "reproduced in sign only"
"""There is an effect of the claimed sign, and it is so much greater than claimed that the number is out of the
question."""

VERDICTS = (REPRODUCED, IN_SIGN, NOT_REPRODUCED, NOT_DECIDABLE)


def verdict_on_number(effect: Effect, claimed: float) -> str:
    """The verdict on "it improves by `claimed` percent"; a negative number is a loss.

    With the 95% interval of the improvement that was measured:

    - not reproduced: the whole interval falls short of the claimed number,
    - reproduced in sign only: the whole interval lies beyond the claimed number,
    - reproduced: it holds the claimed number, and all of it is on that number's side of 0,
    - not decidable: it holds both 0 and the claimed number (or there is no interval).
    """
    low, high = (effect.low, effect.high) if claimed > 0 else (-effect.high, -effect.low)
    if not np.isfinite([low, high]).all():
        return NOT_DECIDABLE
    if high < abs(claimed):
        return NOT_REPRODUCED
    if low > abs(claimed):
        return IN_SIGN
    return REPRODUCED if low > 0 else NOT_DECIDABLE


def verdict_on_bound(effect: Effect, bound: float) -> str:
    """The verdict on "it is below `bound`": reproduced if the whole interval is, not reproduced if none of it is."""
    if not np.isfinite([effect.low, effect.high]).all():
        return NOT_DECIDABLE
    if effect.high < bound:
        return REPRODUCED
    return NOT_REPRODUCED if effect.low >= bound else NOT_DECIDABLE
