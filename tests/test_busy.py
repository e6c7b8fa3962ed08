"""The busy machine of `make busy`: tests and loops have one core, and the loops end with it."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import PROJECT

pytestmark = pytest.mark.processes

SLEEPING = """
import os, time

def test_sleeping():
    open("began", "w").close()
    while not os.path.exists("end"):
        time.sleep(0.01)
"""


@pytest.mark.parametrize("killed", [False, True])
def test_the_loops_are_on_the_core_of_the_tests_and_end_with_them(tmp_path: Path, killed: bool) -> None:
    (tmp_path / "test_sleeping.py").write_text(SLEEPING)
    command = [sys.executable, str(PROJECT / "tests" / "busy.py"), "-q"]
    busy = psutil.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while not (tmp_path / "began").exists():
        assert busy.poll() is None
        time.sleep(0.01)
    children = busy.children()
    assert len(children) == 3
    assert len({tuple(each.cpu_affinity()) for each in children}) == 1
    assert len(children[0].cpu_affinity()) == 1
    if killed:
        busy.kill()
    (tmp_path / "end").touch()
    assert busy.wait() == (-9 if killed else 0)
    psutil.wait_procs(children)  # pytest's timeout ends a vain wait
