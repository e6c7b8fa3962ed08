"""Hydra's launchers for many processes and machines: what they start, what their workers are told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Command, train_in
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from cells.errors import UserError
from conf.command_line import message
from conf.configuration import composed
from training.studies import launchers

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
    """Slurm's commands, which run an array's tasks here and now."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT), ("scancel", "#!/bin/bash\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_slurm_gets_an_array_of_jobs_with_the_threads_of_a_run(tmp_path: Path, slurm: None) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    queue = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=short", "hydra.launcher.cpus_per_task=2")
    done = train_in(tmp_path, "-m", "cell=baseline,C1", *TINY, *queue)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 runs were finished now, 0 before.\n")
    script = (tmp_path / "script").read_text()
    assert "#SBATCH --array=0-1%2" in script
    assert "#SBATCH --cpus-per-task=2" in script
    assert "#SBATCH --partition=short" in script
    assert f"{sys.executable} -u -m submitit.core._submit {tmp_path}/runs/.submitit/%j" in script
    assert len(list((tmp_path / "runs").rglob("finished"))) == 2


def test_submitit_on_this_machine_makes_an_experiment_and_status_sees_it(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    command = ["experiment=table04_robo", "seed=0", "fold=0", "cell=baseline,C1", *TINY[1:-1], "epochs=8"]
    study = subprocess.Popen(
        [sys.executable, str(PROJECT / "train.py"), *command, "hydra/launcher=submitit_local", "runs_dir=my runs"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    seen = set()
    while study.poll() is None:
        if list(tmp_path.glob("my runs/.studies/*.json")):
            seen.add(status(tmp_path / "my runs").splitlines()[-1].strip().split(",", 1)[0])
    output, errors = study.communicate()
    assert study.returncode == 0, output + errors
    assert output == "2 runs.\n2 runs were finished now, 0 before.\n"
    assert "2 runs: 0 done" in seen
    assert status(tmp_path / "my runs").endswith("\n  2 runs: 2 done, 0 running, 0 failed, 0 waiting\n")


def status(runs: Path) -> str:
    command = [sys.executable, "-m", "analysis", "status", str(runs)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("launcher", "given", "expected"),
    [
        ("basic_launcher.BasicLauncher", {}, launchers.Workers(None, None, apart=False, heard=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": -1}, launchers.Workers(1, None, apart=True, heard=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": 2}, launchers.Workers(4, None, apart=True, heard=True)),
        ("joblib_launcher.JoblibLauncher", {"n_jobs": 99}, launchers.Workers(1, None, apart=True, heard=True)),
        ("submitit_launcher.LocalLauncher", {"cpus_per_task": 3}, launchers.Workers(3, 2, apart=True, heard=False)),
        (
            "submitit_launcher.SlurmLauncher",
            {"cpus_per_task": None},
            launchers.Workers(1, 1000, apart=True, heard=False),
        ),
    ],
)
def test_workers_share_the_cores(
    launcher: str, given: dict[str, int], expected: launchers.Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert launchers.workers(OmegaConf.create({"_target_": f"hydra_plugins.x.{launcher}", **given})) == expected


def test_workers_are_told_absolute_places_and_the_threads_unless_given() -> None:
    config = composed("cache_dir=/c", "data_dir=data")
    told = launchers.surroundings(config, 3)
    assert told == (
        f"data_dir='{Path('data').absolute()}'",
        "cache_dir='/c'",
        f"runs_dir='{Path('runs').absolute()}'",
        "threads=3",
    )
    assert "threads=3" not in launchers.surroundings(composed("threads=2"), 3)


@pytest.mark.parametrize("text", ["plain", "it's", "a b", "a,b={c}", "back\\slash", "quote\\'d", 'double"'])
def test_any_path_survives_as_an_override(text: str) -> None:
    override = OverridesParser.create().parse_override(f"runs_dir={launchers.quoted(text)}")
    assert override.value() == text


def test_a_worker_refuses_what_is_not_the_launchers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "study.json"
    place = {"study": str(study), "host": "head", "version": launchers.version()}
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    with pytest.raises(UserError, match=r"^node7 does not see .*study\.json, which head wrote; give a runs_dir"):
        launchers.check_place(place)
    study.write_text(json.dumps({}))
    launchers.check_place(place)
    with pytest.raises(UserError, match=r"^node7 has another version of the program in .* than head; install"):
        launchers.check_place({**place, "version": "0"})
    launchers.check_place({**place, "version": "0", "host": "node7"})  # edited since: the same files all the same


@pytest.mark.parametrize(("launcher", "extra"), [("joblib", "joblib"), ("submitit_slurm", "slurm"), ("ray", "ray")])
def test_a_missing_launcher_is_one_sentence(launcher: str, extra: str) -> None:
    from hydra.errors import MissingConfigException

    error = MissingConfigException(f"In 'hydra/config': Could not find 'hydra/launcher/{launcher}'\n\nAvailable: basic")
    assert message(error) == f'hydra/launcher={launcher} is not installed; pip install -e ".[{extra}]" brings it.'


def test_an_unknown_launcher_is_one_line(train: Command) -> None:
    done = train("-m", "cell=C1", "hydra/launcher=none_such")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "none_such" in done.stderr
