"""What a data set holds, beside the paper's Table 2: `python -m datamodules NAME data_dir=...`."""

import sys
from pathlib import Path

from omegaconf import DictConfig

from training.configuration import check, register_cells
from training.errors import MISTAKES, one_line_errors

from .errors import DataError

CONF = Path(__file__).resolve().parent.parent / "conf"


def main() -> None:
    """Run the command line; a user's mistake is one line."""
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(_usage())
        return
    try:
        with one_line_errors():
            print(describe(_compose(*arguments)))
    except MISTAKES as error:
        sys.exit(f"Error: {error}")


def describe(config: DictConfig) -> str:
    """Table 2's numbers, the paper's and ours, what the split gives, and the documents of each class.

    Raises:
        DataError: the data set's file is missing or broken.
    """
    from . import table2
    from .corpora import one_hot
    from .text import TextDataModule

    data = TextDataModule.from_config(config)
    ours = {"raw": table2.raw(data.corpus), "processed": table2.processed(data.corpus, data.words)}
    paper = table2.published(config.data.name)

    lines = [_line(config.data.name, "", *table2.Size._fields)]
    for stage, size in ours.items():
        if stage in paper:
            lines.append(_line(stage, "paper", *paper[stage]))
        lines.append(_line(stage, "here", *size))
    lines += ["", *data.report, "", "Documents of each class:"]
    counts = one_hot(data.corpus.labels, len(data.classes)).sum(0)
    lines += [f"  {count:7,.0f}  {name}" for name, count in zip(data.classes, counts, strict=True)]
    return "\n".join(lines)


def _line(stage: str, whose: str, *numbers: object) -> str:
    return f"{stage:10}{whose:6}" + "".join(f"{number:>11}" for number in numbers)


def _compose(name: str, *overrides: str) -> DictConfig:
    from hydra import compose, initialize_config_dir

    if name not in _names():
        raise DataError(f"there is no data set {name!r}: choose {', '.join(_names())}.")
    register_cells()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"data={name}", *overrides])
    check(config)
    return config


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
