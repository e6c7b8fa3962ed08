"""SIGTERM: a stop is a stop wherever it falls, and leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import PROJECT, Command

from training.run import results, termination
from training.run.folder.leases import holder
from training.run.folder.run_folder import RunFolder
from training.run.tasks.classification import Classification

TINY = ("data=robo", "model.embedding=4", "model.hidden=4", "patience=null", "cell=C1", "threads=1")
TWO = ("-m", *TINY, "epochs=1", "seed=0,1")

PLACES: dict[str, tuple[Any, str]] = {
    "training": (Classification, "training_step"),
    "validation": (Classification, "on_validation_epoch_end"),
    "test": (Classification, "test_step"),
    "the end of the test": (Classification, "on_test_epoch_end"),
    "results": (results, "_log_hyperparameters"),
    "the finished run": (RunFolder, "finish"),
}


class Dropped:
    """Python drops an exception that is raised while an object is finalized."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def terminate_in(monkeypatch: pytest.MonkeyPatch, place: str, in_finalizer: bool) -> None:
    """Send this process a SIGTERM when it comes to a place for the first time."""
    owner, name = PLACES[place]
    function, left = getattr(owner, name), [1]

    def with_signal(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        if left.pop(0) if left else 0:
            if in_finalizer:
                Dropped()
            else:
                signal.raise_signal(signal.SIGTERM)
        return result

    monkeypatch.setattr(owner, name, with_signal)


@pytest.mark.parametrize("place", [*PLACES, "a finalizer"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("nothing_drawn")
def test_sigterm_stops_a_study_wherever_it_falls(
    train_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    in_finalizer = place not in PLACES
    with monkeypatch.context() as patch:
        terminate_in(patch, "the end of the test" if in_finalizer else place, in_finalizer)
        stopped = train_here(*TWO)
    assert stopped.returncode == 128 + signal.SIGTERM, stopped.stdout + stopped.stderr
    assert stopped.stderr.endswith("\nTerminated; the same command goes on after the last epoch that was written.\n")
    assert len(list(tmp_path.rglob("config.yaml"))) == 1, "the second run was begun"
    assert not [*tmp_path.rglob("running"), *tmp_path.rglob("failed")]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    again = train_here(*TWO)
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(list(tmp_path.rglob("finished"))) == 2


LAUNCHERS = {  # and a part of its workers' command lines
    "joblib": (("hydra/launcher=joblib", "hydra.launcher.n_jobs=3"), "loky"),  # one of three workers has no run
    "submitit_local": (("hydra/launcher=submitit_local",), "submitit"),
}


@pytest.mark.processes
def test_ctrl_c_while_the_program_is_imported_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / "hydra.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, PROJECT / "train.py", "data=robo"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("launcher", "how"),
    [
        ("joblib", signal.SIGKILL),
        ("joblib", signal.SIGTERM),
        ("submitit_local", signal.SIGTERM),
        ("submitit_local", signal.SIGINT),  # to all of its processes, as a terminal does
    ],
)
def test_a_launcher_leaves_no_process(tmp_path: Path, launcher: str, how: signal.Signals) -> None:
    chosen, named = LAUNCHERS[launcher]
    command = ("-m", *TINY, "epochs=4000", "seed=0,1", *chosen)
    with open(tmp_path / "output", "w") as output:  # a pipe would be open as long as a worker lives
        study = subprocess.Popen(
            [sys.executable, str(PROJECT / "train.py"), *command],
            cwd=tmp_path, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    while not list(tmp_path.rglob("last.ckpt")):
        assert study.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.05)
    processes = psutil.Process(study.pid).children(recursive=True)
    assert len([each for each in processes if named in " ".join(each.cmdline())]) >= 2
    (os.killpg if how == signal.SIGINT else os.kill)(study.pid, how)
    assert study.wait() == {signal.SIGKILL: -how, signal.SIGTERM: 143, signal.SIGINT: 130}[how], (
        tmp_path / "output"
    ).read_text()
    psutil.wait_procs(processes, timeout=200)  # joblib itself would end an idle worker after 300
    left = [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    for each in left:
        each.kill()
    assert not left
    assert not [lease for lease in tmp_path.rglob("running") if holder(lease.parent)]
    assert "Traceback" not in (tmp_path / "output").read_text()


@pytest.mark.processes
@pytest.mark.parametrize("before", ["SIG_DFL", "SIG_IGN"])  # submitit's worker ignores it
def test_a_terminated_worker_gives_its_lease_back_and_dies_of_the_signal(tmp_path: Path, before: str) -> None:
    script = """
import os, signal, sys, time
from pathlib import Path
from training.run.folder.leases import Lease
from training.run.termination import terminable
lease = Lease(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, getattr(signal, sys.argv[2]))
with terminable(worker=True, always=True):
    lease.take()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    finally:
        lease.release()
"""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), before], env=environment, check=False)
    assert done.returncode == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_librarys_own_answer_to_sigterm_ends_with_its_start() -> None:
    def exit_with_number(number: int, frame: object) -> None:
        sys.exit(number)

    def start(arrives: bool) -> None:
        with termination.kept():
            signal.signal(signal.SIGTERM, exit_with_number)
            if arrives:
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is termination._interrupt

    with termination.terminable():
        start(arrives=False)
    with pytest.raises(SystemExit) as ended, termination.terminable():
        start(arrives=True)
    assert ended.value.code == 143


def test_a_process_follows_neither_itself_nor_a_launcher_whose_jobs_go_on() -> None:
    for none in (0, os.getpid()):
        termination.end_with_launcher(none)
    assert not termination._followed & {0, os.getpid()}


@pytest.mark.processes
def test_a_worker_whose_launcher_is_gone_before_its_first_look_ends() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    script = (
        f"import time; from training.run.termination import end_with_launcher as end; end({gone.pid}); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == -signal.SIGTERM
