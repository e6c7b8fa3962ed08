"""The hashes by which files are known."""

import functools
import hashlib
from pathlib import Path

CHUNK = 1 << 20  # bytes


def hash_of(path: Path, like: str) -> str:
    """The hash of a file, by the algorithm and in the notation of `like`: "md5:..." or "sha256:..."."""
    algorithm = like.split(":")[0]
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return f"{algorithm}:{digest.hexdigest()}"


def content_hash(path: Path) -> str:
    """The hash of a file's content, "sha256:...", computed once in a process while nobody touches the file."""
    there = path.stat()  # its third time is set by the system alone
    return _hash_of_version(path.absolute(), there.st_size, there.st_mtime_ns, there.st_ctime_ns)


@functools.cache  # a study has thousands of runs and a few files
def _hash_of_version(path: Path, _size: int, _modified: int, _changed: int) -> str:
    return hash_of(path, "sha256:")
