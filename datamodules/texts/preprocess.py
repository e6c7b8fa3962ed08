"""Pre-processing: from texts to words by the steps of section 3.4 of the paper, the same for every data set.

The paper names the steps, but neither their order nor their details. With the following ones, the longest documents
of HATE, SEMEVAL and MLMA's file with stop-words have the paper's numbers of words (Table 2: 342, 22, 23):

1. lower case;
2. contractions expanded: don't -> do not;
3. all characters but English letters and digits deleted, so that a URL becomes one rare word, which is dropped
   later, and not several common ones;
4. stop-words removed;
5. optionally, words replaced by their stems.

Rare words are dropped later (`vocabulary.py`), because the training part alone decides which words are rare.
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
from datamodules.stop_words import STOP_WORDS

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
    "'s": " is",  # also a possessive 's, which looks the same; "is" is a stop-word and goes in either case
    "'ve": " have",
}
APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'"))

_CONTRACTION = re.compile(
    rf"(?<![a-z'])(?:{'|'.join(IRREGULAR)})(?![a-z])|(?<=[a-z])(?:{'|'.join(ENDINGS)})(?![a-z])",
    re.IGNORECASE,
)
_NOT_ALPHANUMERIC = re.compile(r"[^a-zA-Z0-9\s]+")


@dataclass(frozen=True)
class PreprocessSettings:
    """Which steps are taken: `preprocess=` in a configuration.

    Attributes:
        lowercase: step 1.
        contractions: step 2.
        stop_words: step 4.
        min_count: words that occur fewer times in the training part are dropped; 1 keeps all.
        stem: step 5, by Porter's stemmer.

    Raises:
        DataError: a step is neither true nor false, or `min_count` is not a whole number of at least 1.
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


class TokenizedTexts(NamedTuple):
    """The words of all texts of a corpus, as numbers.

    Attributes:
        ids: numbers of all words; those of document d are `ids[offsets[d]:offsets[d + 1]]`.
        offsets: `[N + 1]`, where each document begins, and the end of the last one.
        words: the distinct words in the order of first occurrence; word number i is `words[i]`.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    words: list[str]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of words of each document, `[N]`."""
        return np.diff(self.offsets)


def preprocess(texts: list[str], settings: PreprocessSettings, cache_dir: Path) -> TokenizedTexts:
    """Tokenize texts, with a cache file per set of texts, settings and version of this module.

    Raises:
        DataError: `cache_dir` cannot be written.
    """
    path = cache_dir / f"words-{_cache_key(texts, settings)}.npz"
    if path.exists():
        return _read_cache(path)
    tokens = tokenize(texts, settings)
    try:
        _write_cache(path, tokens)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another cache_dir.") from error
    return tokens


def tokenize(texts: Iterable[str], settings: PreprocessSettings) -> TokenizedTexts:
    """Tokenize texts, without a cache."""
    number_of: dict[str, int] = {}
    ids, offsets = array("i"), array("q", [0])
    split = make_word_splitter(settings)
    for text in texts:
        ids.extend([number_of.setdefault(word, len(number_of)) for word in split(text)])
        offsets.append(len(ids))
    return TokenizedTexts(np.array(ids, np.int32), np.array(offsets, np.int64), list(number_of))


def make_word_splitter(settings: PreprocessSettings) -> Callable[[str], list[str]]:
    """The steps above as one function, which returns the words of a text."""
    stop_words = frozenset(STOP_WORDS.read_text(encoding="ascii").split() if settings.stop_words else [])
    stem = _stemmer() if settings.stem else str

    def split(text: str) -> list[str]:
        if settings.lowercase:
            text = text.lower()
        if settings.contractions:
            text = expand_contractions(text)
        text = _NOT_ALPHANUMERIC.sub("", text)
        return [stem(word) for word in text.split() if word.lower() not in stop_words]

    return split


def lookup_tables() -> dict[str, Any]:
    """The tables and regular expressions of the steps as plain data, for programs without this project.

    Returns:
        apostrophes: characters that are replaced by '.
        contraction: regular expression, ignoring case, of the contractions that are expanded.
        in_full: the expansion of each of them.
        deleted: regular expression of the characters that step 3 deletes.
        stop_words: the words that step 4 removes.
    """
    return {
        "apostrophes": "".join(map(chr, APOSTROPHES)),
        "contraction": _CONTRACTION.pattern,
        "in_full": {**ENDINGS, **IRREGULAR},
        "deleted": _NOT_ALPHANUMERIC.pattern,
        "stop_words": STOP_WORDS.read_text(encoding="ascii").split(),
    }


def expand_contractions(text: str) -> str:
    """Expand contractions, also those with a typographic apostrophe: "I’ve" -> "I have"."""
    return _CONTRACTION.sub(_in_full, text.translate(APOSTROPHES))


def _in_full(match: re.Match[str]) -> str:
    contraction = match.group().lower()
    return IRREGULAR.get(contraction) or ENDINGS[contraction]


def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    return functools.lru_cache(maxsize=None)(PorterStemmer().stem)


def _cache_key(texts: list[str], settings: PreprocessSettings) -> str:
    """A hash of the texts, the settings used here, this file and the list of stop-words."""
    digest = hashlib.sha256()
    for part in (Path(__file__).read_bytes(), STOP_WORDS.read_bytes(), *(text.encode() for text in texts)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    digest.update(repr(replace(settings, min_count=1)).encode())  # min_count is applied later
    return digest.hexdigest()[:32]


def _read_cache(path: Path) -> TokenizedTexts:
    with np.load(path, allow_pickle=False) as arrays:
        words = arrays["words"].tobytes().decode("ascii").split("\n")
        return TokenizedTexts(arrays["ids"], arrays["offsets"], words if words != [""] else [])


def _write_cache(path: Path, tokens: TokenizedTexts) -> None:
    words = np.frombuffer("\n".join(tokens.words).encode("ascii"), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=tokens.ids, offsets=tokens.offsets, words=words)
