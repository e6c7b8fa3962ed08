"""Files that the commands of this package write."""

from collections.abc import Mapping
from pathlib import Path

from analysis.results import ResultsError
from datamodules.files import replacing


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by their names; each file appears whole.

    Raises:
        ResultsError: the folder cannot be written.
    """
    try:
        for name, text in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{folder} cannot be written ({error.strerror}): name another folder with -o.") from error
