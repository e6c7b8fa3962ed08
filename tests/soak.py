"""How many examples a fuzz test tries: few and always the same ones in `make test`, any number in a soak.

A soak says with which seed it drew its examples and, for each test, how many they were, so that it can be repeated.
"""

import os
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

FACTOR = int(os.environ.get("LSTM_CS_SOAK", "0"))
"""LSTM_CS_SOAK=1000 multiplies the examples by 1000 and draws new ones each time; a failing one is printed."""

SEED = int(os.environ.get("LSTM_CS_SEED", random.SystemRandom().randrange(2**32)))
"""LSTM_CS_SEED draws the examples of an earlier soak again."""


def examples(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a test try `count` examples, or `count` times LSTM_CS_SOAK."""
    how = settings(
        max_examples=count * max(1, FACTOR),
        derandomize=FACTOR == 0,
        print_blob=FACTOR > 0,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # most examples are seeds, which cannot be made simpler
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    return (lambda test: seed(SEED)(how(test))) if FACTOR else how


@pytest.hookimpl(tryfirst=True)  # before pytest-timeout looks at its option
def pytest_configure(config: pytest.Config) -> None:
    if FACTOR:
        config.option.hypothesis_show_statistics = True
        config.option.timeout = 0  # a soak takes hours


def pytest_report_header() -> str:
    return f"fuzz tests: LSTM_CS_SOAK={FACTOR} LSTM_CS_SEED={SEED} draws these examples again" if FACTOR else ""
