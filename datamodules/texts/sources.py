"""From a data set's configuration, conf/data/NAME.yaml, to its corpus."""

import logging
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from datamodules.download import fetch, hash_of
from datamodules.errors import DataError
from datamodules.texts.corpora import Corpus

log = logging.getLogger("lstm-cs")


def load(data: DictConfig, data_dir: Path) -> Corpus:
    """The corpus of a data set, from its file below `data_dir`, or from the project itself if it names none.

    Raises:
        DataError: the file is missing and cannot be fetched, or its content is broken.
    """
    read = instantiate(data.corpus, _partial_=True)  # so that Hydra does not wrap a DataError
    return read() if data.file is None else read(find(data, data_dir))


def find(data: DictConfig, data_dir: Path) -> Path:
    """Where the data set's file lies; a file that is missing is downloaded from its official address.

    A file that is there is used as it is, without a network. If it is not the pinned version a warning says
    so, no more: whoever puts a file there by hand may mean it.

    Args:
        data: `file`, below `data_dir`, and its official `url` and `hash`; optionally `unzipped`, which does as
            well as `file`; `page`, where people can get the file; `instead`, another file of the same layout below
            `data_dir`, which is then neither fetched nor checked.
        data_dir: the folder of all data.

    Raises:
        DataError: missing, and no network or no address; says what to put where.
    """
    if data.get("instead"):
        return _existing(data_dir / data.instead)
    path = data_dir / data.file
    if path.is_file():
        _warn_unless_pinned(path, data.hash)
        return path
    if data.get("unzipped") and (data_dir / data.unzipped).exists():
        return data_dir / data.unzipped
    if data.url is not None:
        fetch(data.url, path, data.hash, alternative="use data=robo")
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


def _warn_unless_pinned(path: Path, pinned: str | None) -> None:
    if pinned is not None and (found := hash_of(path, pinned)) != pinned:
        log.warning("%s is not the pinned version (%s, not %s); used as it is.", path, found, pinned)
