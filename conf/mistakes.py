"""One handler for the mistakes of users: each becomes one line on the terminal, any other error keeps its traceback."""

import difflib
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cells.errors import UserError
from conf.compose import composed

FULL_ERROR = "HYDRA_FULL_ERROR"
COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)
MISTAKES = (UserError, *COMPOSITION_ERRORS)

EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}
"""The extra of pyproject.toml that each launcher needs."""

TRACEBACKS_WANTED = os.environ.get(FULL_ERROR) == "1"
"""Whether the user wants tracebacks; read at import, because `one_line_errors` sets the variable for Hydra."""


@contextmanager
def one_line_errors(interrupted: str = "Interrupted.") -> Iterator[None]:
    """End a command with exit code 1 and one line after a mistake, and with 130 and one line after Ctrl-C.

    HYDRA_FULL_ERROR=1 shows tracebacks instead.

    Args:
        interrupted: the line after Ctrl-C.
    """
    if TRACEBACKS_WANTED:
        yield
        return
    os.environ[FULL_ERROR] = "1"  # Hydra hands its exceptions on instead of printing several lines
    try:
        with exit_on_mistake():
            yield
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        sys.exit(130)
    finally:
        del os.environ[FULL_ERROR]


@contextmanager
def exit_on_mistake() -> Iterator[None]:
    """End the program with exit code 1 and one line after a mistake, unless the user wants tracebacks."""
    try:
        yield
    except Exception as error:
        if TRACEBACKS_WANTED or not is_mistake(error):
            raise
        sys.exit(f"Error: {message(error)}")


def is_mistake(error: Exception) -> bool:
    """Whether the user can put the error right; Hydra answers data=3 with a ValueError."""
    return isinstance(error, MISTAKES) or (isinstance(error, ValueError) and _raised_by_hydra(error))


def _raised_by_hydra(error: Exception) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(hydra.__file__).parent)


def message(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, COMPOSITION_ERRORS):
        text = _explanation(error)
    elif is_mistake(error):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def report(error: Exception) -> str:
    """An error in one line, an empty line, and its traceback; for use inside `except`."""
    return f"{message(error)}\n\n{traceback.format_exc()}"


def not_installed(launcher: str) -> str:
    """The message that names the extra that a launcher of EXTRAS needs."""
    return f'hydra/launcher={launcher} is not installed; pip install -e ".[{EXTRAS[launcher]}]" brings it.'


def _explanation(error: Exception) -> str:
    """Hydra's message, or the nearest key where one was mistyped."""
    launcher = re.search(r"Could not find 'hydra/launcher/(\w+)'", str(error))
    if launcher is not None and launcher.group(1) in EXTRAS:
        return not_installed(launcher.group(1))
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    if unknown is None:
        message = str(error).split("Config search path")[0].strip()
        return f"{message}; python train.py --help lists the keys."
    key = unknown.group(1)
    near = difflib.get_close_matches(key, _known_keys(), n=1)
    meant = f", did you mean {near[0]!r}?" if near else "."
    return f"there is no key {key!r}{meant} python train.py --help lists them."


def _known_keys() -> list[str]:
    GlobalHydra.instance().clear()
    config = composed()
    keys = [str(key) for key in config]
    return keys + [f"{group}.{key}" for group in keys if OmegaConf.is_dict(config[group]) for key in config[group]]
