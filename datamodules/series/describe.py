"""A user's own file in words and numbers: `python -m datamodules series series.file=... series.target=...`."""

from itertools import islice
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from datamodules.errors import excerpt
from datamodules.files import here_or_below
from datamodules.series.series_data import load_series
from datamodules.series.series_file import read_columns

FIRST = 3
"""Values of a column that are shown."""


def describe(config: DictConfig) -> str:
    """Facts about the series of a configuration before anything is trained; the file's columns, if it names no target.

    Raises:
        DataError: the file is missing or broken.
    """
    if OmegaConf.is_missing(config.series, "target"):
        return _columns(here_or_below(config.series.file, Path(config.data_dir)))
    found = load_series(config)
    assert found.panel.own is not None
    table = found.panel.features[found.panel.own.observed].describe().T[["mean", "std", "min", "50%", "max"]]
    lines = table.rename(columns={"50%": "median"}).to_string(float_format="{:,.6g}".format)
    ends = found.panel.close.tail(3)
    last = ", ".join(
        f"{found.panel.own.frequency.written(day)}: {value:,.6g}" for day, value in zip(ends.index, ends, strict=True)
    )
    return "\n".join([*found.report, "", lines, "", f"The last values of {found.panel.close.name} are {last}."])


def _columns(path: Path) -> str:
    table = read_columns(path)
    width = max(map(len, table.names))
    first = [fields for _, fields in islice(table.rows, FIRST)]
    shown = (", ".join(fields[place] for fields in first if place < len(fields)) for place in range(len(table.names)))
    lines = [f"  {name:{width}}  {excerpt(values)}" for name, values in zip(table.names, shown, strict=True)]
    head = f"{path.name}: its columns, and the values of the first rows"
    comments = [f"{note}." for note in table.notes]
    return "\n".join([head, *lines, *comments, "Name them with series.date= and series.target=."])
