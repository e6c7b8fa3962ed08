import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Small nets in many processes: one thread each is quickest, and the sums are the same everywhere.
os.environ["OMP_NUM_THREADS"] = "1"

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shared_data() -> Path:
    """The real data sets, where they lie beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not at {SHARED_DATA}")
    return SHARED_DATA


def train_in(folder: Path, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run `python train.py ...` in `folder` as a user does."""
    command = [sys.executable, str(PROJECT / "train.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture
def train(tmp_path: Path) -> Command:
    """`train_in` an empty folder."""
    return functools.partial(train_in, tmp_path)
