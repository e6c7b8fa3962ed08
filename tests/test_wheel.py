"""The wheels: lstm-cs is the layer and nothing else, lstm-cs-study the programs, and both are whole."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, distribution
from pathlib import Path

import pytest
from conftest import PROJECT
from packaging.requirements import Requirement

CODE_AND_DATA = (".py", ".yaml", ".txt", ".csv", ".html", ".css", ".js")

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"

SCRIPT = Path(__file__).with_name("the_layer_alone.py")


def wheel_of(source: Path, folder: Path) -> Path:
    """The wheel that the pyproject.toml in `source` makes."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheels of lstm-cs and of lstm-cs-study, built from what git tracks."""
    pytest.importorskip("setuptools", minversion="77", reason="no setuptools from 77 on, which builds the wheels")
    folder = tmp_path_factory.mktemp("wheels")
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("this is no git checkout, which says what belongs to the project")
    for name in tracked.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((PROJECT / name).read_bytes())
    for name in ("layer", "study"):
        (folder / name).mkdir()
    return wheel_of(folder / "source" / "cells", folder / "layer"), wheel_of(folder / "source", folder / "study")


def unpacked(wheel: Path, folder: Path) -> set[str]:
    """Unpack a wheel as pip would, and return the names that it puts beside other packages, but for its metadata."""
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
        names = {name.partition("/")[0] for name in file.namelist()}
    return {name for name in names if not name.endswith(".dist-info")}


@pytest.fixture(scope="module")
def installed(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what lstm-cs[study] holds."""
    folder = tmp_path_factory.mktemp("site")
    for wheel in wheels:
        unpacked(wheel, folder)
    return folder


@pytest.mark.processes
def test_the_wheels_hold_every_file_of_their_packages(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    layer, study = (unpacked(wheel, tmp_path) for wheel in wheels)
    assert layer == {"cells"}
    assert study == {"predict.py", "train.py"} | {
        path.parent.name for path in PROJECT.glob("*/*.py") if path.parent.name not in ("cells", "tests", "build")
    }
    for package in layer | study:
        there, here = (
            {
                path.relative_to(root)
                for path in (root / package).rglob("*")
                if path.suffix in CODE_AND_DATA and not path.parent.name.endswith(".egg-info")  # make's -e ./cells
            }
            for root in (tmp_path, PROJECT)
        )
        assert there == here, package
    for wheel in wheels:
        assert any(name.endswith("/LICENSE") for name in zipfile.ZipFile(wheel).namelist()), wheel.name


def test_the_distributions_ask_for_each_other_in_one_version() -> None:
    layer, study = ((PROJECT / folder / "pyproject.toml").read_text(encoding="utf-8") for folder in ("cells", "."))
    (version,) = re.findall(r'^version = "(.+)"$', layer, re.M)
    assert re.findall(r'^version = "(.+)"$', study, re.M) == [version]
    assert f'"lstm-cs=={version}"' in study
    assert f'"lstm-cs-study=={version}"' in layer
    assert f"\nversion: {version}\n" in (PROJECT / "CITATION.cff").read_text(encoding="utf-8")


def required(package: Distribution, found: dict[str, Distribution]) -> None:
    """Add to `found` what pip would install for a package, from the packages that are installed here."""
    for line in package.requires or []:
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in found:
            found[requirement.name] = distribution(requirement.name)
            required(found[requirement.name], found)


@pytest.fixture(scope="module")
def layer_alone(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The Python of an environment with lstm-cs alone, and the names that its wheel has put into site-packages.

    The packages that it requires are links to those of this environment, so that nothing is downloaded.
    """
    pytest.importorskip("pip", reason="no pip, which installs the wheel")
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (metadata,) = (path for path in zipfile.Path(wheels[0]).iterdir() if path.name.endswith(".dist-info"))
    found: dict[str, Distribution] = {}
    try:
        required(PathDistribution(metadata), found)
    except PackageNotFoundError as error:
        pytest.skip(f"lstm-cs requires {error.name}, which is not installed here")
    for package in found.values():
        for name in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(package.locate_file(name))))
    before = {path.name for path in site.iterdir()}
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    for command in (["install", "--no-index", "--no-deps", str(wheels[0])], ["check"]):
        done = subprocess.run([*pip, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return python, {path.name for path in site.iterdir()} - before


@pytest.mark.processes
@pytest.mark.slow
def test_the_layer_trains_scripts_and_exports_where_nothing_else_is_installed(
    layer_alone: tuple[Path, set[str]], tmp_path: Path
) -> None:
    python, names = layer_alone
    (metadata,) = (name for name in names if name.endswith(".dist-info"))
    assert names == {"cells", metadata}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    shutil.copy(SCRIPT, tmp_path)  # Python looks for modules beside the script first
    done = subprocess.run(
        [python, SCRIPT.name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "trained scripted exported\n"


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
def test_the_commands_work_from_installed_wheels(
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
