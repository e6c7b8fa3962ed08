"""A text that describes a data set: its size beside the paper's Table 2, its split and its classes."""

from pathlib import Path

from omegaconf import DictConfig

from datamodules.texts.corpora import one_hot
from datamodules.texts.corpus_size import CorpusSize, processed_size, published_sizes, raw_size
from datamodules.texts.preprocess import PreprocessSettings, preprocess
from datamodules.texts.text_datamodule import TextDataModule


def describe(config: DictConfig) -> str:
    """Describe the data set of a configuration: size in the paper and here, report of the split, documents per class.

    Raises:
        DataError: the data set's file is missing or broken.
    """
    data = TextDataModule.from_config(config)
    words = preprocess(data.texts, PreprocessSettings(**config.preprocess), Path(config.cache_dir))
    counted = {"raw": raw_size(data.corpus), "processed": processed_size(data.corpus, words)}
    paper = published_sizes(config.data.name)

    lines = [_line(config.data.name, "", *CorpusSize._fields)]
    for stage, size in counted.items():
        if stage in paper:
            lines.append(_line(stage, "paper", *paper[stage]))
        lines.append(_line(stage, "here", *size))
    lines += ["", *data.report, "", "Documents of each class:"]
    counts = one_hot(data.corpus.labels, len(data.classes)).sum(0)
    lines += [f"  {count:7,.0f}  {name}" for name, count in zip(data.classes, counts, strict=True)]
    return "\n".join(lines)


def _line(stage: str, source: str, *numbers: object) -> str:
    return f"{stage:10}{source:6}" + "".join(f"{number:>11}" for number in numbers)
