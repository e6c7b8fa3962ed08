import contextlib
import functools
import io
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soak
from hypothesis import HealthCheck, settings

from training.run.startup import import_lightning

import_lightning()  # as a run does, in half the time

import torch  # noqa: E402 (after the lines above, which it would slow down)
from pretend_device import pretend_device  # noqa: E402

# No example has a deadline, and none is too slow to make: the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Small nets in many processes: one thread each is quickest, and the sums are the same everywhere.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell's background jobs ignore Ctrl-C, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

AS = os.environ.get("LSTM_CS_AS", "")
"""The processor that `bare` takes this one for, by the names of tests/processors.py; empty for neither."""

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(soak):
        config.pluginmanager.register(soak)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, mark in (("train", "processes"), ("device", "device")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
    if config.option.markexpr != "device":  # tests/test_devices.py runs them
        apart = [item for item in items if item.get_closest_marker("device")]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]


class Unmarked:
    """Refuses to start Python processes in tests that are not marked `processes`, so that the mark can be trusted."""

    test = ""

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        python = event == "subprocess.Popen" and arguments[0] == sys.executable
        if self.test and (python or event in ("os.fork", "os.posix_spawn")):
            raise AssertionError(f"{self.test} starts a process: mark it with pytest.mark.processes")


unmarked = Unmarked()
sys.addaudithook(unmarked)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    unmarked.test = "" if item.get_closest_marker("processes") else item.nodeid
    try:
        return (yield)
    finally:
        unmarked.test = ""


@pytest.fixture(scope="session", autouse=True)
def bare() -> Iterator[None]:
    """With LSTM_CS_AS=host, avx2 or sse2: as that processor, and as where torch shows neither MKL nor OpenMP."""
    if not AS:
        yield
        return
    from processors import OLDER

    from cells.llvm import team

    def no_library(name: str, *_: object) -> None:
        raise OSError(f"{name} is hidden")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ctypes.CDLL", no_library)
        patch.setattr("cells.llvm.machine.host", lambda: OLDER[AS])
        team._parallel.cache_clear()
        assert team.openmp() is None
        yield


@pytest.fixture
def shared_data() -> Path:
    """The real data sets, where they lie beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not at {SHARED_DATA}")
    return SHARED_DATA


def train_in(folder: Path, *arguments: str) -> Done:
    """Run `python train.py ...` in `folder` as a user does."""
    command = [sys.executable, str(PROJECT / "train.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def train(tmp_path: Path) -> Command:
    """`train_in` an empty folder."""
    return functools.partial(train_in, tmp_path)


def train_here_in(folder: Path, *arguments: str) -> Done:
    """Run train.py in `folder` within this process: the same, but for the seconds that a process takes to import."""
    import train

    code = 0
    with _as_a_process(folder, "train.py", *arguments), _captured() as (output, errors):
        try:
            train.main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
            if not isinstance(error.code, int):
                print(error.code, file=sys.stderr)  # as Python does
    return Done(arguments, code, output.getvalue(), errors.getvalue())


@pytest.fixture
def train_here(tmp_path: Path) -> Command:
    """`train_here_in` an empty folder."""
    return functools.partial(train_here_in, tmp_path)


DEVICES = ["pretend", "cuda"] if torch.cuda.is_available() else ["pretend"]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    """A device that is not the CPU and on which Lightning trains: the one that pretends, and a GPU if there is one."""
    if request.param == "cuda":
        yield torch.device("cuda")
        return
    with pretend_device() as pretended:
        yield pretended


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave pictures blank, where a test is not about them: they take most of a small run's time."""
    monkeypatch.setattr("matplotlib.figure.Figure.draw", lambda figure, renderer: None)


@pytest.fixture
def refused(train_here: Command) -> Callable[..., str]:
    """Run train.py with a mistake, and return the one line that it answers with."""

    def run(*arguments: str) -> str:
        return one_line_error(train_here(*arguments))

    return run


def one_line_error(done: Done) -> str:
    """The error of a command that failed, which is a single line."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@contextlib.contextmanager
def _captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        yield output, errors


def _print_warning(message: Any, category: Any, filename: str, lineno: int, *_: object) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


@contextlib.contextmanager
def _as_a_process(folder: Path, *argv: str) -> Iterator[None]:
    """Begin with the state that a process begins with, and leave none of it behind."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    from training.studies import job_lines, worker

    before = os.getcwd(), dict(os.environ), sys.argv, logging.root.handlers[:], logging.root.level
    os.chdir(folder)
    sys.argv = list(argv)
    GlobalHydra.instance().clear()
    worker._disk_full.clear()
    job_lines._print_once.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            for ignored in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", ignored)  # as Python does
            warnings.showwarning = _print_warning
            yield
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
        sys.argv = before[2]
        logging.root.handlers[:] = before[3]
        logging.root.setLevel(before[4])
