"""Finding, downloading and reading the file of a data set that conf/data/NAME.yaml describes."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path

from hydra.utils import get_method, instantiate
from omegaconf import DictConfig

from datamodules.download import fetch
from datamodules.errors import DataError
from datamodules.hashes import hash_of
from datamodules.texts.corpora import Corpus

log = logging.getLogger("lstm-cs")


def load_corpus(data: DictConfig, data_dir: Path) -> Corpus:
    """Read the corpus of a data set: a user's own, or one that the project knows.

    A user's own is read by the function `data.reader`. One that the project knows is in `data_dir`, or in the project
    itself if `data.file` is null.

    Raises:
        DataError: the file is missing and cannot be downloaded, or its content is broken.
    """
    if "reader" in data:
        own: Corpus = get_method(data.reader)(data, data_dir)
        return own
    read = instantiate(data.corpus, _partial_=True)  # called below, because Hydra would wrap a DataError
    return read() if data.file is None else read(find_file(data, data_dir, read))


def find_file(data: DictConfig, data_dir: Path, check: Callable[[Path], object] | None = None) -> Path:
    """The path of a data set's file; a missing file is downloaded from its official address.

    An existing file is used as it is, without a network. If it is not the pinned version, a warning says so and
    nothing else happens: a file placed there by hand may be intended.

    Args:
        data: `file`, a path in `data_dir`, and its official `url` and `hash`. Optional: `unzipped`, a path that is
            used if `file` does not exist; `page`, a page from which people can get the file; `instead`, another file
            of the same layout in `data_dir`, which is neither downloaded nor checked.
        data_dir: the folder of all data.
        check: raises a DataError if a file is not of the data set; a download is checked so that has no pinned hash.

    Raises:
        DataError: the file is missing and there is no network or no address; says which file to put where.
    """
    if data.get("instead"):
        return _existing(data_dir / data.instead)
    path = data_dir / data.file
    if path.is_file():
        _warn_unless_pinned(path, data.hash, path.stat().st_mtime_ns)
        return path
    if data.get("unzipped") and (data_dir / data.unzipped).exists():
        return data_dir / data.unzipped
    if data.url is not None:
        fetch(data.url, path, data.hash, "use data=robo", check)
        return path
    page = f"get it from {data.page} and " if data.get("page") else ""
    raise DataError(
        f"{path.name} is missing and has no address to download it from: "
        f"{page}put it into {path.parent.resolve()}, or use data=robo."
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path} is missing: put it there, or leave out data.instead.")
    return path


@functools.cache  # once for each version of a file: a stack reads it for each of its partitions
def _warn_unless_pinned(path: Path, pinned: str | None, _changed: int) -> None:
    if pinned is not None and (found := hash_of(path, pinned)) != pinned:
        log.warning("%s is not the pinned version (%s, not %s); used as it is.", path, found, pinned)
