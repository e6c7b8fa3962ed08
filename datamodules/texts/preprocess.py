"""Pre-processing: from texts to words by the steps of section 3.4 of the paper, the same for every data set.

The paper does not give their details. With the following steps in this order (`preprocess.order=lowercase_first`) the
longest documents of HATE, SEMEVAL and MLMA's file with stop-words have the paper's numbers of words (Table 2: 342, 22,
23):

1. lower case;
2. contractions expanded: don't -> do not;
3. all characters but English letters and digits deleted, so that a URL becomes one rare word, which is dropped
   later, and not several common ones;
4. stop-words removed;
5. optionally, words replaced by their stems.

The text of the paper has another order, 4 3 1 2, which is `preprocess.order=paper`. With it these documents have 345,
23 and 23 words: the paper's numbers do not come from the order that it describes. Two things differ from its text.
Stop-words, which the list has in lower case, are recognised in capitals too (without that: 375, 26 and 23 words). And
step 2 is left out: after step 3 no word has an apostrophe, and "we're" is "were".

Rare words are dropped later (`vocabulary.py`), because the training part alone decides which words are rare. Documents
are dropped before that, and on request only (`dropping.py`).
"""

import functools
import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.stop_words import STOP_WORDS

LOWERCASE_FIRST, PAPER_ORDER = "lowercase_first", "paper"
"""The values of `preprocess.order`."""

KEEP, DROP = "keep", "drop"
"""The values of `preprocess.duplicates`."""

_CHOICES = {"order": (LOWERCASE_FIRST, PAPER_ORDER), "duplicates": (KEEP, DROP)}
_AT_LEAST = {"min_count": 1, "tfidf_terms": 1, "min_words": 0}

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
        order: of the steps, LOWERCASE_FIRST or PAPER_ORDER.
        lowercase: step 1.
        contractions: step 2.
        stop_words: step 4.
        min_count: words that occur fewer times in the training part are dropped; 1 keeps all.
        stem: step 5, by Porter's stemmer.
        tfidf_terms: how many words are kept at most, see `vocabulary.learn_vocabulary`; None: all.
        min_words: documents with fewer words are dropped, see `dropping.drop_documents`.
        duplicates: "drop": so are documents with the words of an earlier one; "keep": they are not.

    Raises:
        DataError: a step is neither true nor false, or another value is impossible.
    """

    order: str = LOWERCASE_FIRST
    lowercase: bool = True
    contractions: bool = True
    stop_words: bool = True
    min_count: int = 3
    stem: bool = False
    tfidf_terms: int | None = None
    min_words: int = 0
    duplicates: str = KEEP

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if key in _CHOICES:
                if value not in _CHOICES[key]:
                    raise DataError(f"preprocess.{key}={value}: choose {' or '.join(_CHOICES[key])}.")
            elif key in _AT_LEAST:
                optional = value is None and key == "tfidf_terms"
                if not optional and (type(value) is not int or value < _AT_LEAST[key]):
                    raise DataError(f"preprocess.{key}={value}: give a whole number, {_AT_LEAST[key]} or more.")
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
    if (kept := _read_cache(path, len(texts))) is not None:
        return kept
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

    def kept(text: str) -> Iterator[str]:
        return (word for word in text.split() if word.lower() not in stop_words)

    def lowercase_first(text: str) -> list[str]:
        if settings.lowercase:
            text = text.lower()
        if settings.contractions:
            text = expand_contractions(text)
        return [stem(word) for word in kept(_NOT_ALPHANUMERIC.sub("", text))]

    def paper(text: str) -> list[str]:
        text = _NOT_ALPHANUMERIC.sub("", " ".join(kept(text)))
        if settings.lowercase:
            text = text.lower()
        # Here the paper expands contractions. It cannot work: the apostrophes are gone, "were" is "we're" or "were".
        return [stem(word) for word in text.split()]

    return paper if settings.order == PAPER_ORDER else lowercase_first


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
    later = {"min_count": 1, "tfidf_terms": None, "min_words": 0, "duplicates": KEEP}
    digest.update(repr(replace(settings, **later)).encode())  # type: ignore[arg-type]  # each has its own type
    return digest.hexdigest()[:32]


def _read_cache(path: Path, documents: int) -> TokenizedTexts | None:
    """The words in a file of the cache; None if there is no such file or it is damaged."""
    try:
        # NumPy leaves a damaged archive open, unless the file is ours.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            words = arrays["words"].tobytes().decode("ascii").split("\n")
            tokens = TokenizedTexts(arrays["ids"], arrays["offsets"], words if words != [""] else [])
    except Exception:  # missing, cut, or other bits, which the archive's checksums tell: NumPy lets many errors through
        return None
    whole = tokens.offsets.shape == (documents + 1,) and tokens.ids.shape == (tokens.offsets[-1],)
    return tokens if whole else None


def _write_cache(path: Path, tokens: TokenizedTexts) -> None:
    words = np.frombuffer("\n".join(tokens.words).encode("ascii"), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=tokens.ids, offsets=tokens.offsets, words=words)
