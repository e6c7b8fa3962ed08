"""Hydra's launchers for many processes and machines: the workers they start, and what a worker is told."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import test_imports
from conftest import PROJECT, train_in
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from analysis.status import status
from cells.errors import UserError
from conf.compose import CONF, composed
from conf.mistakes import message
from training.studies import launchers
from training.studies.job import Job
from training.studies.launchers import Workers

TINY = ("data=robo", "model.embedding=4", "model.hidden=4", "epochs=1")

SBATCH = f"""#!{sys.executable}
import os, re, subprocess, sys
from pathlib import Path

script = Path(sys.argv[1])
Path("script").write_text(script.read_text())
last = int(re.search(r"--array=0-(\\d+)", script.read_text())[1])
for task in range(last + 1):
    environment = dict(os.environ, SLURM_JOB_ID=f"7{{task}}", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(task),
                       SLURM_NTASKS="1", SLURM_JOB_NUM_NODES="1", SLURM_NODEID="0", SLURM_PROCID="0", SLURM_LOCALID="0")
    with open(f"task{{task}}", "w") as output:
        subprocess.Popen(["bash", str(script)], env=environment, stdout=output, stderr=output, start_new_session=True)
print("Submitted batch job 7")
"""
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do case "$1" in --output|--error) shift 2;; *) shift;; esac; done
exec "$@"
"""
SACCT = "#!/bin/bash\necho 'JobID|State|NodeList'\necho '7_[0-1]|RUNNING|here'\n"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put Slurm's commands on the path; they run an array's tasks here and now."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT), ("scancel", "#!/bin/bash\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def without_progress(output: str) -> list[str]:
    """The lines of a study's output but for its progress, of which a busy machine prints more."""
    return [line for line in output.splitlines() if " waiting" not in line]


@pytest.mark.processes
def test_slurm_gets_an_array_of_jobs_with_the_threads_of_a_run(tmp_path: Path, slurm: None) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    queue = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=short", "hydra.launcher.cpus_per_task=2")
    done = train_in(tmp_path, "-m", "cell=baseline,C1", *TINY, *queue)
    assert done.returncode == 0, done.stdout + done.stderr
    assert without_progress(done.stdout)[-1] == "2 runs were finished now, 0 before."
    script = (tmp_path / "script").read_text()
    assert "#SBATCH --array=0-1%2" in script
    assert "#SBATCH --cpus-per-task=2" in script
    assert "#SBATCH --partition=short" in script
    assert f"{sys.executable} -u -m submitit.core._submit {tmp_path}/runs/.submitit/%j" in script
    assert len(list((tmp_path / "runs").rglob("finished"))) == 2


@pytest.mark.processes
def test_submitit_on_this_machine_makes_an_experiment_and_status_sees_it(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    runs = tmp_path / "my runs"
    command = ["experiment=table04_robo", "recipe=best", "seed=0", "fold=0", "cell=baseline,C1", *TINY[1:]]
    study = subprocess.Popen(
        [sys.executable, str(PROJECT / "train.py"), *command, "hydra/launcher=submitit_local", f"runs_dir={runs}"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while study.poll() is None and not list(runs.glob(".studies/*.json")):
        time.sleep(0.01)
    seen = status(runs)  # the study has just begun: its workers import for seconds before they claim a run
    output, errors = study.communicate()
    assert study.returncode == 0, output + errors
    assert without_progress(output) == ["2 runs.", "2 runs were finished now, 0 before."]
    assert "  2 runs: " in seen
    assert status(runs).endswith("\n  2 runs: 2 done, 0 running, 0 failed, 0 waiting")


@pytest.mark.parametrize(
    ("launcher", "given", "expected"),
    [
        ("basic_launcher.BasicLauncher", {}, Workers(None, None, separate=False, share_terminal=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": -1}, Workers(1, None, True, True, local=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": 2}, Workers(4, None, True, True, local=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": 99}, Workers(1, None, True, True, local=True)),
        ("submitit_launcher.LocalLauncher", {"cpus_per_task": 3}, Workers(3, 2, True, False, local=True)),
        (
            "submitit_launcher.SlurmLauncher",
            {"cpus_per_task": None},
            Workers(1, 1000, separate=True, share_terminal=False),
        ),
    ],
)
def test_workers_share_the_cores(
    launcher: str, given: dict[str, int], expected: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert launchers.workers(OmegaConf.create({"_target_": f"hydra_plugins.x.{launcher}", **given})) == expected


def test_workers_are_told_absolute_paths_and_the_threads_unless_given() -> None:
    config = composed("cache_dir=/c", "data_dir=data")
    told = launchers.worker_overrides(config, 3)
    assert told == (
        f"data_dir='{Path('data').absolute()}'",
        "cache_dir='/c'",
        f"runs_dir='{Path('runs').absolute()}'",
        "threads=3",
    )
    assert "threads=3" not in launchers.worker_overrides(composed("threads=2"), 3)


@pytest.mark.parametrize("text", ["plain", "it's", "a b", "a,b={c}", "back\\slash", "quote\\'d", 'double"'])
def test_any_path_survives_as_an_override(text: str) -> None:
    override = OverridesParser.create().parse_override(f"runs_dir={launchers.quoted(text)}")
    assert override.value() == text


def job(record: Path, version: str) -> Job:
    return Job(3, [[0, 1], [2, 3]], 2, 9, 1234.5, str(record), "head", 77, version)


def test_a_job_survives_as_an_override(tmp_path: Path) -> None:
    one = job(tmp_path / "it's a study.json", "1")
    override = OverridesParser.create().parse_override(one.override)
    assert override.key_or_group == "hydra.sweeper.job"
    assert override.value() == one._asdict()
    assert composed_sweeper(one.override).job == one._asdict()


def composed_sweeper(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True).hydra.sweeper


def test_a_worker_refuses_another_disk_and_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "study.json"
    same = job(record, launchers.program_version())
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    with pytest.raises(UserError, match=r"^node7 does not see .*study\.json, which head wrote; give a runs_dir"):
        same.check_machine()
    record.write_text("{}")
    same.check_machine()
    with pytest.raises(UserError, match=r"^node7 has another version of the program in .* than head; install"):
        same._replace(version="0").check_machine()
    same._replace(version="0", host="node7").check_machine()  # edited since, but these are the launcher's own files


def test_the_version_covers_every_folder_that_a_worker_runs() -> None:
    modules = test_imports.modules()
    seen: set[str] = set()
    todo = {"train", *(name for name in modules if name.startswith(("hydra_plugins.", "models.")))}
    while todo:
        seen |= todo
        todo = {found for name in todo for _, found in test_imports.imports(modules[name], set(modules))} - seen
    assert {name.partition(".")[0] for name in seen} == {"train", *launchers.CODE_FOLDERS}


@pytest.mark.parametrize(("launcher", "extra"), [("joblib", "joblib"), ("submitit_slurm", "slurm"), ("ray", "ray")])
def test_a_missing_launcher_is_one_sentence(launcher: str, extra: str) -> None:
    from hydra.errors import MissingConfigException

    error = MissingConfigException(f"In 'hydra/config': Could not find 'hydra/launcher/{launcher}'\n\nAvailable: basic")
    assert message(error) == f'hydra/launcher={launcher} is not installed; pip install -e ".[{extra}]" brings it.'


def test_an_unknown_launcher_is_one_line(refused: Callable[..., str]) -> None:
    assert "none_such" in refused("-m", "cell=C1", "hydra/launcher=none_such")
