"""One function per data set: it reads the source's own file and returns texts and labels.

A new data set needs a function here, conf/data/NAME.yaml, and a fixture of a few rows in tests/fixtures/NAME/.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.csv_files import Row, csv_rows, tsv_rows
from datamodules.errors import DataError, excerpt


class Origin(NamedTuple):
    """Where a document comes from: the file as the user named it, and the line, or in Parquet the row, from 1."""

    file: str
    line: int


@dataclass(frozen=True)
class Corpus:
    """Documents and their labels.

    Attributes:
        texts: as the source has them.
        labels: the class numbers of each text, in rising order: exactly one, or any number if multi-label.
        classes: names of the classes.
        multilabel: whether a text may have several classes or none.
        groups: the number of each text's group, of which all are in the same part; None: each text is one of its own.
        parts: the part of each text where that is given: "train", "val" or "test"; None: the folds decide on all.
        notes: lines for the user about what was read.
        origins: of each text, of a user's own; None: the texts are those of one file that the project knows.
    """

    texts: list[str]
    labels: list[tuple[int, ...]]
    classes: tuple[str, ...]
    multilabel: bool = False
    groups: list[int] | None = None
    parts: list[str] | None = None
    notes: tuple[str, ...] = ()
    origins: list[Origin] | None = None

    @property
    def has_one_partition(self) -> bool:
        """Whether all three parts are given, so that folds have nothing to cut."""
        return {"val", "test"} <= {*(self.parts or ())}

    def only(self, rows: Sequence[int]) -> "Corpus":
        """The corpus of the texts with these numbers."""
        chosen: dict[str, Any] = {
            name: None if (column := getattr(self, name)) is None else [column[row] for row in rows]
            for name in ("texts", "labels", "groups", "parts", "origins")
        }
        return replace(self, **chosen)


def one_hot(labels: Sequence[tuple[int, ...]], classes: int) -> NDArray[np.float32]:
    """Targets `[N, C]`: 1 where document n has class c, 0 elsewhere."""
    targets = np.zeros((len(labels), classes), np.float32)
    documents = np.repeat(np.arange(len(labels)), [len(label) for label in labels])
    targets[documents, [number for label in labels for number in label]] = 1
    return targets


MLMA_WORDS = ("abusive", "disrespectful", "fearful", "hateful", "normal", "offensive")


def mlma(path: Path, member: str = "en_dataset.csv") -> Corpus:
    """MLMA (Ousidhoum et al. 2019): English tweets. Each combination of words in `sentiment` is one class.

    Args:
        path: hate_speech_mlma.zip, or the file inside it.
        member: en_dataset.csv, from which the source has removed stop-words, or en_dataset_with_stop_words.csv.
    """
    rows = list(csv_rows(path, ("tweet", "sentiment"), member))
    for row in rows:
        for word in row.fields["sentiment"].split("_"):
            if word not in MLMA_WORDS:
                raise row.error(f"unknown sentiment {excerpt(word)!r}, expected {', '.join(MLMA_WORDS)} joined by '_'")
    return _one_class_each(rows, "tweet", "sentiment", sorted({row.fields["sentiment"] for row in rows}))


SEMEVAL_CLASSES = (
    "anger", "anticipation", "disgust", "fear", "joy", "love", "optimism", "pessimism", "sadness", "surprise",
    "trust",
)  # fmt: skip


def semeval(path: Path) -> Corpus:
    """SemEval-2018 Task 1 E-c (Mohammad et al. 2018), English training file: tweets with any number of 11 emotions.

    Tweets without an emotion are kept; all their targets are zero.

    Args:
        path: SemEval2018-Task1-all-data.zip, or English/E-c/2018-E-c-En-train.txt inside it.
    """
    texts: list[str] = []
    labels: list[tuple[int, ...]] = []
    for row in tsv_rows(path, ("Tweet", *SEMEVAL_CLASSES), "English/E-c/2018-E-c-En-train.txt"):
        texts.append(row.text("Tweet").replace("\\n", "\n"))  # the source writes a line end as the two characters \n
        flags = [row.choice(name, ("0", "1")) for name in SEMEVAL_CLASSES]
        labels.append(tuple(number for number, flag in enumerate(flags) if flag))
    return Corpus(texts, labels, SEMEVAL_CLASSES, multilabel=True)


def hasoc(path: Path, member: str = "english_dataset.tsv") -> Corpus:
    """HASOC 2019 (Mandl et al.), English posts: hate, offence, profanity or none, from the column `task_2`.

    Args:
        path: english_dataset.zip, or the file inside it.
        member: english_dataset.tsv, the training part, or hasoc2019_en_test-2919.tsv, the test part.
    """
    rows = tsv_rows(path, ("text", "task_2"), member)
    return _one_class_each(rows, "text", "task_2", ("HATE", "NONE", "OFFN", "PRFN"))


CROWD_CLASSES = (
    "empty", "enthusiasm", "fun", "happiness", "hate", "love", "neutral", "relief", "sadness", "surprise",
    "worry",
)  # fmt: skip
CROWD_RAREST = ("anger", "boredom")
"""110 and 179 of 40,000 tweets. The file has 13 classes; the paper has 11 and does not name them."""


def crowd(path: Path, classes: int = len(CROWD_CLASSES)) -> Corpus:
    """CrowdFlower's "emotion in text": tweets with one emotion.

    Args:
        path: text_emotion.csv.
        classes: 11: tweets of the two rarest of the 13 classes are dropped; 13: the whole file.

    Raises:
        DataError: another number of classes, or the file is broken.
    """
    names = {len(every): every for every in (CROWD_CLASSES, CROWD_CLASSES + CROWD_RAREST)}
    if classes not in names:
        raise DataError(f"data.corpus.classes={classes}: choose {' or '.join(map(str, names))}.")
    kept = []
    for row in csv_rows(path, ("sentiment", "content")):
        row.choice("sentiment", CROWD_CLASSES + CROWD_RAREST)
        if row.fields["sentiment"] in names[classes]:
            kept.append(row)
    return _one_class_each(kept, "content", "sentiment", names[classes])


def hate(path: Path) -> Corpus:
    """HateSpeech (Haralabopoulos): YouTube comments, many of several lines, with three degrees of hate.

    Args:
        path: dataset.csv.
    """
    rows = csv_rows(path, ("Comment", "Class"))
    return _one_class_each(rows, "Comment", "Class", ("no_hate_speech", "hate_speech", "severe_hate_speech"))


AG_CLASSES = ("World", "Sports", "Business", "Sci/Tech")


def ag(path: Path) -> Corpus:
    """AG News (Zhang, Zhao and LeCun 2015): title and description of news articles in four classes.

    Args:
        path: train.csv, which has no header: class number from 1, title, description.
    """
    texts: list[str] = []
    labels: list[tuple[int, ...]] = []
    for row in csv_rows(path, ("class", "title", "description"), header=False):
        texts.append(row.text("title", "description").replace("\\", "\n"))  # the source writes a line end as \
        labels.append((row.choice("class", ("1", "2", "3", "4")),))
    return Corpus(texts, labels, AG_CLASSES)


def robo() -> Corpus:
    """ROBO's bundled stand-in: 525 commands to a robot in 5 classes. The paper's own corpus is not public."""
    rows = list(csv_rows(Path(__file__).parent / "robo" / "commands.csv", ("text", "label")))
    return _one_class_each(rows, "text", "label", sorted({row.fields["label"] for row in rows}))


def _one_class_each(rows: Iterable[Row], text: str, label: str, classes: Sequence[str]) -> Corpus:
    texts: list[str] = []
    labels: list[tuple[int, ...]] = []
    for row in rows:
        texts.append(row.text(text))
        labels.append((row.choice(label, classes),))
    return Corpus(texts, labels, tuple(classes))
