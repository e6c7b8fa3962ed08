"""Writing files so that they appear whole or not at all."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends, remove it after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def here_or_below(name: str, data_dir: Path) -> Path:
    """The path of a user's file or folder: as it is given if it is there, else below `data_dir`."""
    path = Path(name)
    return path if path.exists() else data_dir / path


def looked_for(name: str, data_dir: Path) -> str:
    """Where `here_or_below` has looked, for an error: "looked for /home/me/a.csv and /home/me/data/a.csv"."""
    return f"looked for {' and '.join(dict.fromkeys(os.path.abspath(folder / name) for folder in (Path(), data_dir)))}"
