"""Faults in the YAML files that Hydra reads, such as an experiment of the user's own."""

import traceback

import yaml
from hydra._internal.core_plugins import file_config_source

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
