"""From texts to words, by the steps of section 3.4 of the paper, the same for every data set.

The paper names the steps and neither their order nor their details. As follows, the longest documents of HATE
and SEMEVAL have the paper's numbers of words (Table 2: 342, 22), and so has MLMA's file with stop-words (23):

1. lower case;
2. contractions expanded: don't -> do not;
3. characters other than the letters and digits of English deleted, so that an address becomes one odd word,
   which its rarity removes, and not several common ones;
4. stop-words removed;
5. optionally, stems instead of words.

Rare words are dropped later (`vocabulary`), as it is the training part alone that says which ones are rare.
"""

import functools
import hashlib
import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import replacing

STOP_WORDS = Path(__file__).with_name("stop_words.txt")
"""NLTK's English list as Figure 5 of the Bitcoin paper prints it: 127 words."""

IRREGULAR = {
    "ain't": "is not",
    "can't": "can not",
    "c'mon": "come on",
    "let's": "let us",
    "shan't": "shall not",
    "'tis": "it is",
    "'twas": "it was",
    "won't": "will not",
    "y'all": "you all",
}
ENDINGS = {
    "n't": " not",
    "'d": " would",
    "'ll": " will",
    "'m": " am",
    "'re": " are",
    "'s": " is",  # also of a possessive, which looks the same; as a stop-word it goes in either case
    "'ve": " have",
}
APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'"))

_CONTRACTION = re.compile(
    rf"(?<![a-z'])(?:{'|'.join(IRREGULAR)})(?![a-z])|(?<=[a-z])(?:{'|'.join(ENDINGS)})(?![a-z])",
    re.IGNORECASE,
)
_NOT_ALPHANUMERIC = re.compile(r"[^a-zA-Z0-9\s]+")


@dataclass(frozen=True)
class Settings:
    """The steps that are taken.

    Attributes:
        lowercase: step 1.
        contractions: step 2.
        stop_words: step 4.
        min_count: words rarer than this in the training part are dropped; 1 keeps all.
        stem: step 5, by Porter's stemmer.

    Raises:
        DataError: a step is not true or false, or `min_count` is not a whole number from 1.
    """

    lowercase: bool = True
    contractions: bool = True
    stop_words: bool = True
    min_count: int = 3
    stem: bool = False

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if key == "min_count":
                if type(value) is not int or value < 1:
                    raise DataError(f"preprocess.{key}={value}: give a whole number, 1 or more.")
            elif type(value) is not bool:
                raise DataError(f"preprocess.{key}={value}: give true or false.")


class Tokens(NamedTuple):
    """All words of a corpus, as numbers.

    Attributes:
        ids: `words[ids[offsets[d]:offsets[d + 1]]]` are the words of document d.
        offsets: one more than there are documents.
        words: the distinct words, in the order in which they first occur.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    words: list[str]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Words of each document."""
        return np.diff(self.offsets)


def preprocess(texts: list[str], settings: Settings, cache_dir: Path) -> Tokens:
    """The words of each text; computed once for the same texts, settings and version of this file.

    Raises:
        DataError: `cache_dir` cannot be written.
    """
    path = cache_dir / f"words-{_key(texts, settings)}.npz"
    if path.exists():
        return _read(path)
    tokens = tokenize(texts, settings)
    try:
        _write(path, tokens)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another cache_dir.") from error
    return tokens


def tokenize(texts: Iterable[str], settings: Settings) -> Tokens:
    """The words of each text, without a cache."""
    number: dict[str, int] = {}
    ids, offsets = array("i"), array("q", [0])
    words = steps(settings)
    for text in texts:
        ids.extend([number.setdefault(word, len(number)) for word in words(text)])
        offsets.append(len(ids))
    return Tokens(np.array(ids, np.int32), np.array(offsets, np.int64), list(number))


def steps(settings: Settings) -> Callable[[str], list[str]]:
    """The steps above as one function from a text to its words."""
    stop_words = frozenset(STOP_WORDS.read_text(encoding="ascii").split() if settings.stop_words else [])
    stem = _stemmer() if settings.stem else str

    def words(text: str) -> list[str]:
        if settings.lowercase:
            text = text.lower()
        if settings.contractions:
            text = expand(text)
        text = _NOT_ALPHANUMERIC.sub("", text)
        return [stem(word) for word in text.split() if word.lower() not in stop_words]

    return words


def tables() -> dict[str, Any]:
    """What the steps look things up in, as plain data, for programs without this project.

    apostrophes: characters that become '; contraction: an expression, in any case, for what `in_full` spells out;
    deleted: an expression for what step 3 deletes.
    """
    return {
        "apostrophes": "".join(map(chr, APOSTROPHES)),
        "contraction": _CONTRACTION.pattern,
        "in_full": {**ENDINGS, **IRREGULAR},
        "deleted": _NOT_ALPHANUMERIC.pattern,
        "stop_words": STOP_WORDS.read_text(encoding="ascii").split(),
    }


def expand(text: str) -> str:
    """Contractions in full, and typographic apostrophes as plain ones: "I’ve" -> "I have"."""
    return _CONTRACTION.sub(_in_full, text.translate(APOSTROPHES))


def _in_full(match: re.Match[str]) -> str:
    contraction = match.group().lower()
    return IRREGULAR.get(contraction) or ENDINGS[contraction]


def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    return functools.lru_cache(maxsize=None)(PorterStemmer().stem)


def _key(texts: list[str], settings: Settings) -> str:
    """Differs with the texts, the settings that matter here, this file and the list of stop-words."""
    digest = hashlib.sha256()
    for part in (Path(__file__).read_bytes(), STOP_WORDS.read_bytes(), *(text.encode() for text in texts)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    digest.update(repr(replace(settings, min_count=1)).encode())  # which rare words go is decided later
    return digest.hexdigest()[:32]


def _read(path: Path) -> Tokens:
    with np.load(path, allow_pickle=False) as arrays:
        words = arrays["words"].tobytes().decode("ascii").split("\n")
        return Tokens(arrays["ids"], arrays["offsets"], words if words != [""] else [])


def _write(path: Path, tokens: Tokens) -> None:
    words = np.frombuffer("\n".join(tokens.words).encode("ascii"), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=tokens.ids, offsets=tokens.offsets, words=words)
