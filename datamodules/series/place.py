"""Where the file of a user's own series lies. Imports nothing heavy."""

from pathlib import Path


def find(file: str, data_dir: Path) -> Path:
    """The path of a file that is named from here, or below data_dir."""
    path = Path(file)
    return path if path.exists() else data_dir / path
