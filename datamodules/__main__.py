"""Describe a data set beside the paper's Table 2: `python -m datamodules NAME data_dir=...`."""

import sys

from conf.checks import check
from conf.compose import CONF, composed
from conf.mistakes import one_line_errors
from datamodules.errors import DataError


def main() -> None:
    """Run the command line; a user's mistake is reported in one line."""
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(_usage())
        return
    with one_line_errors():
        print(_described(*arguments))


def _described(name: str, *overrides: str) -> str:
    if name not in _names():
        raise DataError(f"there is no data set {name!r}: choose {', '.join(_names())}.")
    config = composed(f"data={name}", *overrides)
    check(config)
    from datamodules.texts.describe import describe  # heavy: imported only once the command line is found valid

    return describe(config)


def _names() -> list[str]:
    return sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


def _usage() -> str:
    return (
        "usage: python -m datamodules NAME [KEY=VALUE ...]\n\n"
        "The size of a data set, raw and pre-processed, beside the paper's Table 2; and its classes.\n\n"
        f"NAME: {' '.join(_names())}\n"
        "KEY=VALUE: as for train.py, for example data_dir=../shared/data preprocess.stem=true"
    )


if __name__ == "__main__":
    main()
