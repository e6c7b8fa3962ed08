"""The tests for devices that are not the CPU, in processes of their own.

torch counts its devices in a process's first backward pass, and takes the one that pretends for its accelerator from
then on, also in tests that know nothing of it.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

FILES = sorted(PROJECT.glob("tests/**/test_*on_a_device.py"))


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_they_pass(file: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-m", "device", "-n", "0", "-q", "-p", "no:cacheprovider", str(file)]
    interpret = {"TRITON_INTERPRET": "1"} if "triton" in file.stem else {}  # Triton reads it when it is imported
    environment = {**os.environ, **interpret}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert " passed" in done.stdout or ("triton" in file.stem and importlib.util.find_spec("triton") is None)


def test_no_other_file_has_some() -> None:
    others = set(PROJECT.glob("tests/**/test_*.py")) - {*FILES, Path(__file__)}
    assert not [path for path in others if "device: torch.device" in path.read_text()]
