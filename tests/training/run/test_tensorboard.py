"""The names of a run's event files, by which TensorBoard orders them."""

import time
from pathlib import Path

from training.run.tensorboard import wait_for_a_later_name


def test_a_resumed_run_logs_to_a_file_that_sorts_after_the_one_before_it(tmp_path: Path) -> None:
    second = int(time.time())
    before = tmp_path / f"events.out.tfevents.{second}.host.999999.0"
    before.touch()
    wait_for_a_later_name(tmp_path)
    after = tmp_path / f"events.out.tfevents.{int(time.time())}.host.1.0"
    assert sorted([after, before]) == [before, after]


def test_files_of_an_earlier_second_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("events.out.tfevents.1000000000.host.1.0", "events.out.tfevents.99999999999.host.1.0", "metrics.csv"):
        (tmp_path / name).touch()
    wait_for_a_later_name(tmp_path)  # returns: a clock that was set back does not hold a run up
