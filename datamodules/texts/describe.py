"""A data set in numbers, beside the paper's Table 2."""

from pathlib import Path

from omegaconf import DictConfig

from datamodules.texts import table2
from datamodules.texts.corpora import one_hot
from datamodules.texts.preprocess import Settings, preprocess
from datamodules.texts.text_datamodule import TextDataModule


def describe(config: DictConfig) -> str:
    """Table 2's numbers, the paper's and ours, what the split gives, and the documents of each class.

    Raises:
        DataError: the data set's file is missing or broken.
    """
    data = TextDataModule.from_config(config)
    words = preprocess(data.texts, Settings(**config.preprocess), Path(config.cache_dir))
    ours = {"raw": table2.raw(data.corpus), "processed": table2.processed(data.corpus, words)}
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
