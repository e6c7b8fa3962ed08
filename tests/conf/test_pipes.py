"""A broken pipe ends the program quietly only where nobody reads its output any more."""

import os
import subprocess
import sys
from pathlib import Path

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


COMMANDS = (
    ("datamodules", "robo"),
    ("datamodules.sentiment", "tweets.csv", "--by", "tag"),
    ("benchmarks", "products", "--seconds", "0.001"),
)


@pytest.mark.processes
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_whose_output_nobody_reads_ends_quietly(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "tweets.csv").write_text("Date,text,Sentiment\n2018-01-01,what a day,Positive\n")
    reading, writing = os.pipe()
    os.close(reading)
    where = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path, env=where, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
