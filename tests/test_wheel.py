"""The wheel: what `pip install .` brings is whole."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import PROJECT

CODE_AND_DATA = (".py", ".yaml", ".txt", ".csv", ".html", ".css", ".js")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, as pip would unpack it."""
    pytest.importorskip("setuptools", minversion="77", reason="no setuptools from 77 on, which builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("this is no git checkout, which says what belongs to the project")
    for name in tracked.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((PROJECT / name).read_bytes())
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(folder)]
    done = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


@pytest.mark.processes
def test_the_wheel_holds_every_file_of_its_packages(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
    assert {"cells", "conf", "datamodules", "hydra_plugins", "training"} <= packages
    for package in packages:
        there, here = (
            {path.relative_to(root) for path in (root / package).rglob("*") if path.suffix in CODE_AND_DATA}
            for root in (installed, PROJECT)
        )
        assert there == here, package


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("train", "data=robo", "model.embedding=4", "model.hidden=4", "epochs=1", "cell=C1"), "test: accuracy"),
        (("train", "-m", "data=robo", "model.embedding=4", "model.hidden=4", "epochs=1", "seed=0,1"), "[2/2]"),
        (("datamodules", "robo"), "525"),
    ],
)
def test_the_commands_work_from_an_installed_wheel(
    installed: Path, tmp_path: Path, command: tuple[str, ...], says: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert python("-c", "import conf; print(conf.__file__)").startswith(str(installed)), "that is the checkout"
    assert says in python("-m", *command)
