"""How many examples a fuzz test tries: few and always the same ones in `make test`, any number in a soak."""

import os

from hypothesis import HealthCheck, Phase, settings

FACTOR = int(os.environ.get("LSTM_CS_SOAK", "0"))
"""LSTM_CS_SOAK=1000 multiplies the examples by 1000 and draws new ones each time; a failing one is printed."""


def examples(count: int) -> settings:
    """The settings of a test that tries `count` examples, or `count` times LSTM_CS_SOAK."""
    return settings(
        max_examples=count * max(1, FACTOR),
        derandomize=FACTOR == 0,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # most examples are seeds, which cannot be made simpler
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
