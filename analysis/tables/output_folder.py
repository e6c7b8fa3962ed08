"""The folder that a command is told to write to with -o."""

from collections.abc import Mapping
from pathlib import Path

from cells.errors import UserError
from datamodules.files import replacing


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by their names; each file appears whole.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        for name, text in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}): name another folder with -o.") from error
