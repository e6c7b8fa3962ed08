"""Faults in the YAML files that Hydra reads, such as an experiment of the user's own, and in their folder."""

import os
import traceback
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra._internal.utils import get_args_parser

from conf.permissions import refuse_denied

FAULTS = (yaml.YAMLError, UnicodeDecodeError)


def faulty_file(error: Exception) -> str | None:
    """The configuration file that could not be read because of one of FAULTS; None for any other error."""
    if not isinstance(error, FAULTS):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    reading = [frame for frame in frames if frame.f_code.co_filename == file_config_source.__file__]
    return str(reading[-1].f_locals.get("full_path")) if reading else None


def how_faulty(error: Exception, path: str) -> str:
    """The message about a faulty file."""
    if isinstance(error, UnicodeDecodeError):
        return f"{path} is not UTF-8: save it as UTF-8."
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark is not None else ""
    fault = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return f"{path}{line}: not valid YAML ({fault}); correct it."


def refuse_unreadable_folder(arguments: Sequence[str]) -> None:
    """Raise PermissionError if the folder of --config-dir may not be read: Hydra takes it for an empty one."""
    if folder := get_args_parser().parse_known_args(arguments)[0].config_dir:
        refuse_denied(Path(folder), os.R_OK)
