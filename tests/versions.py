"""The oldest and newest versions of the dependencies that pyproject.toml allows, on each Python; needs the package uv.

python tests/versions.py table                    # what would be installed, as the table of docs/install.md
python tests/versions.py oldest                   # install them into .venv-oldest, run the tests of make quick there
python tests/versions.py newest --torch 2.13.0    # the same at the other end, with this torch
python tests/versions.py licences                 # of this environment; fails if one is neither permissive nor MPL
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.metadata import Distribution, distributions
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
SHOWN = ("torch", "lightning", "pandas", "numpy", "hydra-core", "scikit-learn", "scipy", "llvmlite", "torchmetrics")
COMPILED = (*SHOWN[:4], "scikit-learn", "scipy", "llvmlite", "statsmodels", "arch", "matplotlib", "psutil", "pyyaml")
"""The packages of which a Python needs a wheel: to build them takes compilers, and old ones fail with new Pythons."""

PROJECTS = ("cells/pyproject.toml", "pyproject.toml")

RUNNERS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis")
"""Packages that the tests of `make quick` need; their own versions are not in question."""


MPL = re.compile(r"MPL|Mozilla Public")
COMPATIBLE = re.compile(rf"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|NCSA)\b|{MPL.pattern}")
"""Licences under which a dependency of an MIT project may be used and shipped."""

BINDING = re.compile(r"GPL|General Public|Proprietary", re.I)
"""Words of licences that need a look, also beside one of COMPATIBLE."""

MIT_WORDS = "Permission is hereby granted, free of charge, to any person obtaining a copy"


def resolved(end: str, python: str, torch: str | None = None) -> dict[str, str]:
    """The version of each package, by name, that pip would find wheels of on Linux.

    Args:
        end: "oldest" or "newest"; the packages that pyproject.toml does not name are the newest in both cases.
        python: such as "3.11".
        torch: its version; None: the oldest or newest.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.write(f"torch=={torch}\n" if torch else "")
        pins.flush()
        built = [option for name in COMPILED for option in ("--only-binary", name)]
        how = ("--resolution", RESOLUTIONS[end], "--python-version", python, *built)
        shown = ("--quiet", "--no-header", "--no-annotate", "--python-platform", "x86_64-manylinux_2_28")
        command = [sys.executable, "-m", "uv", "pip", "compile", *how, *shown, "-c", pins.name, *PROJECTS]
        done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    return dict(line.split("==") for line in done.stdout.splitlines() if "==" in line and "@" not in line)


def print_table() -> None:
    """Print a row for each Python and end."""
    print("| Python | | " + " | ".join(SHOWN) + " |\n|---|---|" + "---|" * len(SHOWN))
    for python in PYTHONS:
        for end in RESOLUTIONS:
            found = resolved(end, python)
            print(f"| {python} | {end} | " + " | ".join(found[name] for name in SHOWN) + " |", flush=True)


def run_tests(end: str, torch: str | None) -> int:
    """Install one end into an environment of its own, run the tests of `make quick` there, and return the exit code.

    What the dependencies say about each other's age is no error here.
    """
    environment = PROJECT / f".venv-{end}"
    python = environment / "bin" / "python"
    versions = resolved(end, f"{sys.version_info.major}.{sys.version_info.minor}", torch)
    pins = environment / "pins.txt"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pins.write_text("".join(f"{name}=={version}\n" for name, version in versions.items() if name != "torch"))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    index = os.environ.get("TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
    cpu = ["--no-deps", "--retries", "0", "--extra-index-url", index]
    subprocess.run([*pip, *cpu, f"torch=={versions['torch']}"], check=True)  # the build for CPUs, which needs no CUDA
    shown = [str(python), "-c", "from importlib.metadata import version; print(version('torch'))"]
    build = subprocess.run(shown, stdout=subprocess.PIPE, text=True, check=True).stdout
    unwanted = ("triton=", "nvidia-", "cuda-") if "+cpu" in build else ("triton=",)  # the others start with CUDA alone
    wanted = [line for line in pins.read_text().split() if not line.startswith(unwanted)]
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--no-deps", *wanted], check=True)
    subprocess.run([*install, *RUNNERS], check=True)
    tests = [str(python), "-m", "pytest", "-n", "auto", "-W", "default", "-m", "not processes and not slow"]
    return subprocess.run(tests, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=False).returncode


def fits(licence: str) -> bool:
    """Whether a dependency with these words about its licence may be used and shipped."""
    return COMPATIBLE.search(licence) is not None and BINDING.search(licence) is None


def stated_licence(package: Distribution) -> str:
    """The words of a package about its licence; empty if there are none."""
    about = package.metadata
    classified = [line.rpartition("::")[2].strip() for line in about.get_all("Classifier") or [] if "License" in line]
    stated = about.get("License-Expression") or ", ".join(classified) or (about.get("License") or "").split("\n")[0]
    return stated or ("MIT" if MIT_WORDS in (package.read_text("licenses/LICENSE") or "") else "")


def print_licences() -> int:
    """Print the packages of this environment by licence, then those that need a look; return 1 if there are any."""
    packages = defaultdict(set)
    for package in distributions():
        packages[stated_licence(package)].add(package.metadata["Name"])
    for licence, names in sorted(packages.items()):
        print(f"{licence or 'does not say'}: {', '.join(sorted(names, key=str.lower))}")
    others = [name for licence, names in packages.items() if not fits(licence) for name in names]
    total = sum(map(len, packages.values()))
    copyleft = sorted({name for licence, names in packages.items() if MPL.search(licence) for name in names})
    print(f"{total} packages; under the MPL: {', '.join(copyleft)}; to be looked at: {', '.join(others) or 'none'}")
    return 1 if others else 0


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("table", *RESOLUTIONS, "licences"))
    parser.add_argument("--torch", help="its version, where not all can be had")
    given = parser.parse_args()
    if given.what in RESOLUTIONS:
        return run_tests(given.what, given.torch)
    if given.what == "licences":
        return print_licences()
    print_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
