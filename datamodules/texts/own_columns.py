"""A text that lists the columns of a user's own texts, to choose `data.text` and `data.label` from."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from omegaconf import DictConfig

from datamodules.errors import DataError, excerpt
from datamodules.files import here_or_below, looked_for
from datamodules.row_files import FileRow, as_text, column_names, read_rows
from datamodules.texts.own_classes import counted

NAME_THEM = "Name them with data.text= and data.label=."
WITHOUT_HEADER = "In a CSV or TSV file whose first line is no header, number them: data.text=2 data.label=1."

FIRST = 1000
"""Rows that are looked at."""


def own_columns(data: DictConfig, data_dir: Path) -> str:
    """The columns of a file (`data.file`) or data set (`data.path`) with their first values.

    Raises:
        DataError: it is missing or broken.
    """
    if "path" in data:
        from datamodules.texts.hub_datasets import load_splits, split_rows

        name, split = next(iter(load_splits(data.path, data.subset, data_dir).items()))
        source = f"{data.path} ({name})"
        return _listed(source, split.column_names, split_rows(source, split, split.column_names), NAME_THEM)
    path = here_or_below(data.file, data_dir)
    if not path.is_file():
        raise DataError(f"data.file={data.file}: there is no such file, {looked_for(data.file, data_dir)}.")
    names = column_names(path, data.encoding)
    if not names:
        raise DataError(f"{path} is empty: it has no header.")
    numbered = len(set(names)) < len(names)
    rows = read_rows(path, range(1, len(names) + 1) if numbered else names, data.encoding)
    return _listed(path.name, names, rows, f"{NAME_THEM} {WITHOUT_HEADER}")


def _listed(source: str, names: Sequence[str], rows: Iterable[FileRow], advice: str) -> str:
    columns = list(zip(*(map(as_text, row.values) for row in islice(rows, FIRST)), strict=True))
    lines = [f"{source}: its columns, and the values of the first rows"]
    width = max(map(len, names), default=0)
    for name, values in zip(names, columns, strict=False):
        different = len(set(values))
        words = sum(len(value.split()) for value in values) / len(values)
        shown = counted([(value,) for value in values], sorted(set(values))) if 2 <= different <= 12 else values[0]
        lines.append(f"  {name:{width}}  {different:5,} different of {words:3.0f} words: {excerpt(shown)}")
    return "\n".join([*lines, advice])
