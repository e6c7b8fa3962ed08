"""Texts that the library `datasets` knows: `data=hf`, from a folder or from the Hugging Face hub."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from datamodules.csv_files import places
from datamodules.errors import DataError, excerpt
from datamodules.files import here_or_below, known_as
from datamodules.row_files import Column, FileRow
from datamodules.texts.corpora import Corpus
from datamodules.texts.own_corpus import PARTS, Collected, Columns

RETRIES = "huggingface_hub.utils._http"
"""The logger that tells of each retry where the hub cannot be reached."""

SAVED = ("dataset_dict.json", "state.json")
"""A folder with one of these files was written by `save_to_disk`."""


def from_datasets(data: DictConfig, data_dir: Path) -> Corpus:
    """The corpus of `data=hf`: its splits are the parts, and a single split is cut into folds.

    Args:
        data: as conf/data/hf.yaml.
        data_dir: where folders are that are not in the current one.

    Raises:
        DataError: the library is not installed, there is no such data set, or it lacks a column.
    """
    columns = Columns(data)
    splits = load_splits(data.path, data.subset, data_dir)
    parts = {name: PARTS.get(str(name).lower()) for name in splits}
    if len(splits) == 1:
        parts = dict.fromkeys(splits)
    collected = Collected(columns)
    for name, split in splits.items():
        if parts[name] is not None or len(splits) == 1:
            shown, known = (f"{path} ({name})" for path in (data.path, known_as(data.path, data_dir)))
            collected.add(shown, split_rows(shown, split, columns.all), parts[name], known)
        else:
            collected.notes.append(f"{data.path} ({name}): left out, as it is none of train, validation and test.")
    return collected.corpus()


def load_splits(path: str, subset: str | None, data_dir: Path) -> Mapping[str, Any]:
    """The splits of a data set, of which `datasets` keeps the rows on disk.

    Raises:
        DataError: the library is not installed, or there is no such data set.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError('data=hf needs a package more: pip install -e ".[hf]".') from error
    folder = here_or_below(path, data_dir)
    datasets.disable_progress_bars()
    logging.getLogger(RETRIES).setLevel(logging.ERROR)  # two lines for each of ten, and then the error below
    try:
        if folder.is_dir() and any((folder / name).exists() for name in SAVED):
            found = datasets.load_from_disk(str(folder))
        else:
            found = datasets.load_dataset(str(folder) if folder.is_dir() else path, subset)
    except Exception as error:  # each format and each client of the hub raises its own
        advice = "name a folder with a data set, or one of the Hugging Face hub"
        raise _failed(f"data.path={path}", "load it", error, advice) from error
    if isinstance(found, dict) and not found:
        raise DataError(f"data.path={path} has no splits; save or get it anew.")
    return found if isinstance(found, dict) else {"train": found}


def split_rows(file: str, split: Any, columns: Sequence[Column]) -> Iterator[FileRow]:
    """The rows of one split; the number of a class is replaced by its name.

    Args:
        file: the data set and the split, for errors.
        split: a `datasets.Dataset`.
        columns: the wanted ones.

    Raises:
        DataError: a column is missing, or the files are damaged.
    """
    names = [str(column) for column in columns]
    places(file, split.column_names, names)
    try:
        wanted = split.select_columns(list(dict.fromkeys(names))).with_format(None)  # no arrays or tensors
        # Rows come unchecked from a file mapped into memory: damaged offsets would end the process.
        wanted.data.validate(full=True)
        decoders = [_decoder(split.features[name]) for name in names]
        for number, row in enumerate(wanted, 1):
            yield FileRow(file, number, [decode(row[name]) for name, decode in zip(names, decoders, strict=True)])
    except Exception as error:  # Arrow and each kind of column raise their own
        raise _failed(file, "read its rows", error, "save or get it anew, or name other columns") from error


def _failed(subject: str, what: str, error: Exception, advice: str) -> DataError:
    reason = f"{type(error).__name__}: {excerpt(str(error))}"
    return DataError(f"{subject}: the library datasets cannot {what} ({reason}); {advice}.")


def _decoder(feature: Any) -> Any:
    """A function from the values of a column to names of classes, or to the values themselves."""
    import datasets

    if isinstance(feature, datasets.ClassLabel):
        return lambda value: None if value is None or value < 0 else feature.int2str(value)  # -1: a test without labels
    inner = getattr(feature, "feature", None)
    if isinstance(inner, datasets.ClassLabel):
        return lambda value: None if value is None else [inner.int2str(number) for number in value]
    return lambda value: value
