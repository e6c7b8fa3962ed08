"""A text that describes a data set: its size beside the paper's Table 2, its split and its classes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from omegaconf import DictConfig

from datamodules.texts.corpora import Corpus, one_hot
from datamodules.texts.corpus_size import CorpusSize, processed_size, published_sizes, raw_size
from datamodules.texts.dropping import drop_documents
from datamodules.texts.first_document import first_document
from datamodules.texts.preprocess import PreprocessSettings, preprocess
from datamodules.texts.sources import load_corpus
from datamodules.texts.text_datamodule import TextDataModule


def describe(config: DictConfig, readings: Mapping[str, DictConfig]) -> str:
    """Describe the data set of a configuration: size in the paper and here, first document, split, size of each class.

    Args:
        config: of a run.
        readings: other configurations under which the paper's numbers may have come about, by their overrides.

    Raises:
        DataError: the data set's file is missing or broken.
    """
    data = TextDataModule.from_config(config)
    corpora: dict[str, Corpus] = {}
    lines = [_line(config.data.name, "", *CorpusSize._fields)]
    lines += _beside(published_sizes(config.data.get("paper_row", config.data.name)), _sizes(config, corpora))
    for overrides, reading in readings.items():
        lines += ["", f"With {overrides}:", *_beside({}, _sizes(reading, corpora))]
    if "reader" not in config.data:  # else the report has it
        lines += ["", *first_document(data.texts, PreprocessSettings(**config.preprocess))]
    lines += ["", *data.report, "", "Documents of each class:"]
    counts = one_hot(data.corpus.labels, len(data.classes)).sum(0)
    lines += [f"  {count:7,.0f}  {name}" for name, count in zip(data.classes, counts, strict=True)]
    return "\n".join(lines)


def _sizes(config: DictConfig, corpora: dict[str, Corpus]) -> dict[str, CorpusSize]:
    """The sizes before and after pre-processing; `corpora` keeps what has been read, by its configuration."""
    key = str(config.data)
    if key not in corpora:
        corpora[key] = load_corpus(config.data, Path(config.data_dir))
    corpus = corpora[key]
    settings, cache_dir = PreprocessSettings(**config.preprocess), Path(config.cache_dir)
    kept = drop_documents(corpus, preprocess(corpus.texts, settings, cache_dir), settings)
    words = preprocess(kept.texts, settings, cache_dir)
    return {"raw": raw_size(corpus), "processed": processed_size(kept, words, settings)}


def _beside(paper: Mapping[str, CorpusSize], here: Mapping[str, CorpusSize]) -> Iterator[str]:
    for stage, size in here.items():
        if stage in paper:
            yield _line(stage, "paper", *paper[stage])
        yield _line(stage, "here", *size)


def _line(stage: str, source: str, *numbers: object) -> str:
    return f"{stage:10}{source:6}" + "".join(f"{number:>11}" for number in numbers)
