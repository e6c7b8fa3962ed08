"""Workers that are stopped while they start print no traceback and leave nothing, and Ctrl-C is the parent's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.processes

# The fork server imports this module before it has any workers.
PRELOADED = """
import os, signal
if __name__ != "__main__":
    os.killpg(0, signal.{how})
"""

STARTED = """
import sys
from conf.mistakes import one_line_errors
from datamodules.tweets.worker_pool import WorkerPool
from training.run.termination import terminable

if __name__ == "__main__":
    with one_line_errors(), terminable(), WorkerPool(2, ["preloaded"]) as pool:
        print([future.result() for future in pool.start(abs, [(-1,), (-2,)])], flush=True)
        print("nobody stopped it")
"""

# It dies when the fork server has made a worker, which then waits for its work.
DIES = """
import os, signal
from multiprocessing import forkserver
from datamodules.tweets.worker_pool import WorkerPool

def connect(fds, connect=forkserver.connect_to_new_process):
    connect(fds)
    os.kill(os.getpid(), signal.SIGKILL)

forkserver.connect_to_new_process = connect
if __name__ == "__main__":
    WorkerPool(2).start(abs, [(-1,)])
"""


def output_of(folder: Path, script: str) -> tuple[int, str]:
    """The exit code of a script and what all of its processes have printed, when the last of them has ended."""
    (folder / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}
    process = subprocess.Popen(
        [sys.executable, str(folder / "script.py")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    return process.wait(), process.communicate()[0]  # the pipe is open as long as one of them lives


def test_ctrl_c_while_workers_start_is_answered_by_the_parent_alone(tmp_path: Path) -> None:
    (tmp_path / "preloaded.py").write_text(PRELOADED.format(how="SIGINT"))
    code, output = output_of(tmp_path, STARTED)
    assert (code, output) == (130, "\nInterrupted.\n")


def test_sigterm_while_workers_start_is_answered_by_the_parent_alone(tmp_path: Path) -> None:
    (tmp_path / "preloaded.py").write_text(PRELOADED.format(how="SIGTERM").replace("killpg(0", "kill(os.getppid()"))
    code, output = output_of(tmp_path, STARTED)
    assert code == 128 + signal.SIGTERM
    assert output == "\nTerminated; the same command goes on after the last epoch that was written.\n"


def test_a_worker_whose_parent_dies_amid_its_start_prints_no_traceback(tmp_path: Path) -> None:
    code, output = output_of(tmp_path, DIES)
    assert code == -signal.SIGKILL
    assert "Traceback" not in output  # a line says that the semaphores of a killed process were removed


def test_the_calls_are_answered_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "preloaded.py").write_text("")
    assert output_of(tmp_path, STARTED) == (0, "[1, 2]\nnobody stopped it\n")
