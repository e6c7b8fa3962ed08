"""Commands that are killed at random moments and given again end with the bits of an undisturbed run, see `kills`."""

from pathlib import Path

import pytest
from kills import SCENARIOS, Scenario, try_kills

KILLS = 3

STUDIES = ("study", "submitit")  # test_faults.py kills some, and faster
SHORT = [scenario for scenario in SCENARIOS if scenario.name not in STUDIES]


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("scenario", SHORT, ids=[scenario.name for scenario in SHORT])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_killed_command_ends_with_the_same_bits(scenario: Scenario, tmp_path: Path) -> None:
    assert try_kills(scenario, KILLS, seed=0, folder=tmp_path).kills == KILLS
