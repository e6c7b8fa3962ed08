"""The verdict of a soak: see `leaks`."""

import time
from pathlib import Path

from leaks import COMMANDS, WARM_UP, Held, growth, held_after, leaked


def test_what_piles_up_is_named() -> None:
    steady = [Held(600.0 + number % 3, 9, 4, 0) for number in range(40)]
    assert leaked(steady) == []
    assert leaked([held._replace(memory=900.0, files=50) for held in steady[:WARM_UP]] + steady) == []
    growing = [held._replace(memory=600.0 + 5 * number, files=9 + number) for number, held in enumerate(steady)]
    assert leaked(growing) == ["memory +160.0", "files +32"]


def test_what_a_process_holds_is_counted_after_each_round(tmp_path: Path) -> None:
    mistaken = {"mistaken": COMMANDS["mistaken"]}
    rows = held_after(mistaken, time.monotonic() + 600, WARM_UP + 3, tmp_path / "leaks.csv")
    assert len(rows) == WARM_UP + 3
    assert growth(rows)[1:] == (0, 0, 0)
    assert (tmp_path / "leaks.csv").read_text().count("\n") == len(rows) + 1
