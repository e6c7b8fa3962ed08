"""A broken pipe ends the program quietly only where nobody reads its output any more."""

import subprocess
import sys

import pytest
from conftest import PROJECT

WORKERS = """
import os
from conf.pipes import until_nobody_reads
reading, writing = os.pipe()
os.close(reading)
with until_nobody_reads():
    os.write(writing, b"to a worker that has ended")
"""


@pytest.mark.processes
def test_a_broken_pipe_of_a_workers_is_an_error() -> None:
    done = subprocess.run([sys.executable, "-c", WORKERS], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "BrokenPipeError" in done.stderr
