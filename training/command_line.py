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

from cells.formula import FormulaError
from datamodules.errors import DataError

from .configuration import composed
from .errors import UserError

FULL_ERROR = "HYDRA_FULL_ERROR"
COMPOSITION = (HydraException, OmegaConfBaseException)
MISTAKES = (UserError, DataError, FormulaError, *COMPOSITION)


@contextmanager
def one_line_errors(interrupted: str = "Interrupted.") -> Iterator[None]:
    """Turn what a command line got wrong, and Ctrl-C, into one line and an exit code.

    HYDRA_FULL_ERROR=1 shows tracebacks instead.

    Args:
        interrupted: what to say after Ctrl-C.
    """
    if _tracebacks_wanted():
        yield
        return
    os.environ[FULL_ERROR] = "1"  # Hydra hands its exceptions on instead of printing several lines
    try:
        yield
    except MISTAKES as error:
        sys.exit(_line(error))
    except ValueError as error:  # Hydra's answer to data=3
        if not _raised_by_hydra(error):
            raise
        sys.exit(_line(error))
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        sys.exit(130)
    finally:
        del os.environ[FULL_ERROR]


class Sweep:
    """The runs of one command: a mistake in one does not stop the others, but is not forgotten."""

    def __init__(self) -> None:
        self.failed = 0
        self.tracebacks = _tracebacks_wanted()  # before one_line_errors sets the variable for Hydra

    @contextmanager
    def run(self) -> Iterator[None]:
        """One run; what the user can put right is one line."""
        try:
            yield
        except MISTAKES as error:
            if self.tracebacks:
                raise
            if HydraConfig.get().mode == RunMode.RUN:
                sys.exit(_line(error))  # raised further, Hydra would print a line of its own first
            print(_line(error), file=sys.stderr)
            self.failed += 1

    def end(self) -> None:
        """Exit with an error if a run failed."""
        if self.failed:
            sys.exit(f"Error: {self.failed} of the runs failed, see above; the same command tries them again.")


def _tracebacks_wanted() -> bool:
    return os.environ.get(FULL_ERROR) == "1"


def _raised_by_hydra(error: Exception) -> bool:
    return "hydra" in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parts


def _line(error: Exception) -> str:
    message = _explain(error) if isinstance(error, COMPOSITION) else str(error)
    return "Error: " + " ".join(message.split())


def _explain(error: Exception) -> str:
    """Hydra's message, or the nearest key where one was mistyped."""
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
