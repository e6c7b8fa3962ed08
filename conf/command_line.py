"""Mistakes of users become one line on the terminal; everything else keeps its traceback."""

import difflib
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cells.errors import UserError
from conf.configuration import composed

FULL_ERROR = "HYDRA_FULL_ERROR"
COMPOSITION = (HydraException, OmegaConfBaseException)
MISTAKES = (UserError, *COMPOSITION)

EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}
"""What to install for which launcher: pip install -e ".[NAME]"."""

TRACEBACKS_WANTED = os.environ.get(FULL_ERROR) == "1"
"""By the user; later the variable is set for Hydra."""


@contextmanager
def one_line_errors(interrupted: str = "Interrupted.") -> Iterator[None]:
    """Turn what a command line got wrong, and Ctrl-C, into one line and an exit code.

    HYDRA_FULL_ERROR=1 shows tracebacks instead.

    Args:
        interrupted: what to say after Ctrl-C.
    """
    if TRACEBACKS_WANTED:
        yield
        return
    os.environ[FULL_ERROR] = "1"  # Hydra hands its exceptions on instead of printing several lines
    try:
        yield
    except MISTAKES as error:
        sys.exit(f"Error: {message(error)}")
    except ValueError as error:  # Hydra's answer to data=3
        if not _raised_by_hydra(error):
            raise
        sys.exit(f"Error: {message(error)}")
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        sys.exit(130)
    finally:
        del os.environ[FULL_ERROR]


def one_of_several() -> bool:
    """Whether this is a run of -m or of an experiment."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def _raised_by_hydra(error: Exception) -> bool:
    return "hydra" in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parts


def message(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, COMPOSITION):
        text = _explain(error)
    elif isinstance(error, MISTAKES):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def report(error: Exception) -> str:
    """An error in one line, then where it comes from; while it is being handled."""
    return f"{message(error)}\n\n{traceback.format_exc()}"


def _explain(error: Exception) -> str:
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


def not_installed(launcher: str) -> str:
    """What to say of one of EXTRAS that is missing."""
    return f'hydra/launcher={launcher} is not installed; pip install -e ".[{EXTRAS[launcher]}]" brings it.'


def _known_keys() -> list[str]:
    GlobalHydra.instance().clear()
    config = composed()
    keys = [str(key) for key in config]
    return keys + [f"{group}.{key}" for group in keys if OmegaConf.is_dict(config[group]) for key in config[group]]
