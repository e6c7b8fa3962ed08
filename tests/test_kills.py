"""Commands that are killed at random moments and given again end with the bits of an undisturbed run, see `kills`."""

from pathlib import Path

import pytest
from killed_commands import SCENARIOS, Scenario, serving
from kills import try_kills

KILLS = 3

STUDIES = ("study", "submitit", "ray", "search")  # test_faults.py, test_ray.py and test_tune.py do, and faster
SHORT = [scenario for scenario in SCENARIOS if not scenario.name.startswith(STUDIES)]


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("scenario", SHORT, ids=[scenario.name for scenario in SHORT])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_killed_command_ends_with_the_same_bits(scenario: Scenario, tmp_path: Path) -> None:
    with serving():
        assert try_kills(scenario, KILLS, seed=0, folder=tmp_path).kills == KILLS
