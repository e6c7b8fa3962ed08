"""Commands that are killed at random moments and given again end with the bits of an undisturbed run, see `kills`."""

from pathlib import Path

import pytest
import torch
from killed_commands import SCENARIOS, Scenario, serving
from kills import bits, try_kills

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


def test_checkpoints_are_compared_whole_but_for_the_seconds(tmp_path: Path) -> None:
    def compared(name: str, momentum: float = 0.5, seconds: float = 1.0, best: float = 0.25) -> dict[str, str]:
        path = tmp_path / name / "runs" / "checkpoints" / "model.ckpt"
        path.parent.mkdir(parents=True)
        adam = {"state": {0: {"exp_avg": torch.full((2,), momentum)}}, "param_groups": [{"lr": 0.01}]}
        callbacks = {"Timer": {"time_elapsed": {"train": seconds}}, "ModelCheckpoint": {"best_model_score": best}}
        kept = {"epoch": 1, "global_step": 9, "state_dict": {"net.weight": torch.ones(2)}, "callbacks": callbacks}
        torch.save({**kept, "optimizer_states": [adam]}, path)
        return bits(SCENARIOS[0], tmp_path / name)

    whole = compared("whole")
    assert whole == compared("slower", seconds=2.0) != {}
    assert whole != compared("momentum", momentum=0.75)
    assert whole != compared("callback", best=0.5)
