"""A soak of fuzz tests that fails can be repeated from what it has printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = """
from hypothesis import given, strategies as st
from soak import examples

@examples(5)
@given(st.integers(0, 2**64))
def test_large(n):
    assert n % 7 != 3
"""
"""One number of seven fails: 200 of them pass with one seed in 10^13."""


@pytest.mark.processes
def test_a_failing_soak_says_how_to_repeat_it(tmp_path: Path) -> None:
    found, seed = [], {}
    for turn in ("first", "again"):  # each in a folder of its own, so that nothing else is remembered
        (tmp_path / turn).mkdir()
        (tmp_path / turn / "test_large.py").write_text(FUZZ)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "soak", "-p", "no:randomly", "test_large.py"],
            cwd=tmp_path / turn, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "LSTM_CS_SOAK": "40", **seed},
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
        assert "@reproduce_failure(" in done.stdout
        assert re.search(r"\d+ passing( examples)?, \d+ failing", done.stdout)
        seed = dict([re.search(r"(LSTM_CS_SEED)=(\d+)", done.stdout).groups()])  # type: ignore[union-attr]
        found.append((seed, re.findall(r"n=(\d+)", done.stdout)))
    assert found[0] == found[1]
    assert found[0][1]
