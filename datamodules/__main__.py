"""Describe a data set beside the paper's Table 2: `python -m datamodules NAME data_dir=...`."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig

from conf.checks import check
from conf.compose import CONF, composed
from conf.kinds import missing_keys
from conf.mistakes import one_line_errors
from conf.pipes import until_nobody_reads
from datamodules.errors import DataError


def main() -> None:
    """Run the command line; a user's mistake is reported in one line."""
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(_usage())
        return
    with one_line_errors(), until_nobody_reads():
        print(_described(*arguments))


SERIES = "series"
"""The name that describes a series of the user's own."""


def _described(name: str, *overrides: str) -> str:
    if name == SERIES:
        config = composed("features=csv", *overrides)
        if missing_keys(config.series) != ["target"]:  # with the file alone, its columns are listed
            check(config)
        from datamodules.series import describe as own

        return own.describe(config)
    if name not in _names():
        raise DataError(f"there is no data set {name!r}: choose {', '.join([*_names(), SERIES])}.")
    config = composed(f"data={name}", *overrides)
    if {"text", "label"} & {*(missing := missing_keys(config.data))} and not {"file", "path"} & {*missing}:
        from datamodules.texts.own_columns import own_columns

        return own_columns(config.data, Path(config.data_dir))
    check(config)
    from datamodules.texts.describe import describe  # heavy: imported only once the command line is found valid

    return describe(config, dict(_readings(name, config.data.get("readings", ()), overrides)))


def _readings(name: str, readings: Iterable[str], overrides: Sequence[str]) -> Iterator[tuple[str, DictConfig]]:
    """The configuration of each reading of Table 2, such as "data=hasoc_test preprocess.min_words=4"."""
    for reading in readings:
        chosen = reading.split()
        if not reading.startswith("data="):
            chosen.insert(0, f"data={name}")
        yield reading, composed(*overrides, *chosen)


def _names() -> list[str]:
    return sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


def _usage() -> str:
    return (
        "usage: python -m datamodules NAME [KEY=VALUE ...]\n\n"
        "The size of a data set, raw and pre-processed, beside the paper's Table 2, also with other settings that may\n"
        "have given the paper's numbers; and its classes.\n\n"
        f"NAME: {' '.join(_names())}\n"
        "csv data.file=FILE lists the columns of your own file, and describes it with data.text= and data.label=.\n"
        f"{SERIES} series.file=FILE lists the columns of a series of your own, and describes it with series.date= and\n"
        "series.target=.\n"
        "KEY=VALUE: as for train.py, for example data_dir=../shared/data preprocess.stem=true"
    )


if __name__ == "__main__":
    main()
