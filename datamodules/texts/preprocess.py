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

That is for English, the language of the papers' data sets. `languages.py` has what differs in others.

The text of the paper has another order, 4 3 1 2, which is `preprocess.order=paper`. With it these documents have 345,
23 and 23 words: the paper's numbers do not come from the order that it describes. Two things differ from its text.
Stop-words, which the list has in lower case, are recognised in capitals too (without that: 375, 26 and 23 words). And
step 2 is left out: after step 3 no word has an apostrophe, and "we're" is "were".

Rare words are dropped later (`vocabulary.py`), because the training part alone decides which words are rare. Documents
are dropped before that, and on request only (`dropping.py`).
"""

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.caches import read_kept
from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.texts import languages
from datamodules.texts.languages import ELIDING, ENGLISH, deleted, stemmer, stop_words

LOWERCASE_FIRST, PAPER_ORDER = "lowercase_first", "paper"
"""The values of `preprocess.order`."""

KEEP, DROP = "keep", "drop"
"""The values of `preprocess.duplicates`."""

_CHOICES = {"order": (LOWERCASE_FIRST, PAPER_ORDER), "duplicates": (KEEP, DROP)}
_AT_LEAST = {"min_count": 1, "tfidf_terms": 1, "min_words": 0, "max_words": 1}
_OPTIONAL = ("tfidf_terms", "max_words")

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

NEVER = r"(?!)"
"""A regular expression that matches nothing."""

_CONTRACTION = re.compile(
    rf"(?<![a-z'])(?:{'|'.join(IRREGULAR)})(?![a-z])|(?<=[a-z])(?:{'|'.join(ENDINGS)})(?![a-z])",
    re.IGNORECASE,
)


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
        max_words: words behind so many are dropped; None: all are kept.
        language: in whose way steps 2 to 5 are done, see `languages`.

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
    max_words: int | None = None
    language: str = ENGLISH

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if key in _CHOICES:
                if value not in _CHOICES[key]:
                    raise DataError(f"preprocess.{key}={value}: choose {' or '.join(_CHOICES[key])}.")
            elif key in _AT_LEAST:
                optional = value is None and key in _OPTIONAL
                if not optional and (type(value) is not int or value < _AT_LEAST[key]):
                    raise DataError(f"preprocess.{key}={value}: give a whole number, {_AT_LEAST[key]} or more.")
            elif key == "language":
                if not isinstance(value, str) or not value.isalpha() or not value.islower():
                    raise DataError(f"preprocess.language={value}: give its English name, such as german, or none.")
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
    if (there := _read_cache(path, len(texts))) is not None:
        return there
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
        ids.extend([number_of.setdefault(word, len(number_of)) for word in split(text)[: settings.max_words]])
        offsets.append(len(ids))
    return TokenizedTexts(np.array(ids, np.int32), np.array(offsets, np.int64), list(number_of))


def make_word_splitter(settings: PreprocessSettings) -> Callable[[str], list[str]]:
    """The steps above as one function, which returns the words of a text."""
    removed = frozenset(stop_words(settings.language) if settings.stop_words else [])
    stem = stemmer(settings.language) if settings.stem else str
    not_in_words = re.compile(deleted(settings.language))
    expand = contractions(settings.language) if settings.contractions else str

    def kept(text: str) -> Iterator[str]:
        return (word for word in text.split() if word.lower() not in removed)

    def lowercase_first(text: str) -> list[str]:
        if settings.lowercase:
            text = text.lower()
        return [stem(word) for word in kept(not_in_words.sub("", expand(text)))]

    def paper(text: str) -> list[str]:
        text = not_in_words.sub("", " ".join(kept(text)))
        if settings.lowercase:
            text = text.lower()
        # Here the paper expands contractions. It cannot work: the apostrophes are gone, "were" is "we're" or "were".
        return [stem(word) for word in text.split()]

    return paper if settings.order == PAPER_ORDER else lowercase_first


def lookup_tables(settings: PreprocessSettings) -> dict[str, Any]:
    """The tables and regular expressions of the steps as plain data, for programs without this project.

    Args:
        settings: of a run; their language decides.

    Returns:
        apostrophes: characters that are replaced by '.
        contraction: regular expression, ignoring case, of the contractions that are expanded.
        in_full: the expansion of each of them.
        deleted: regular expression of the characters that step 3 deletes.
        stop_words: the words that step 4 removes.
    """
    language = settings.language
    expansions = {
        ENGLISH: (_CONTRACTION.pattern, {**ENDINGS, **IRREGULAR}),
        **dict.fromkeys(ELIDING, ("'", {"'": " "})),
    }
    contraction, in_full = expansions.get(language, (NEVER, {}))
    return {
        "apostrophes": "".join(map(chr, APOSTROPHES)),
        "contraction": contraction,
        "in_full": in_full,
        "deleted": deleted(language),
        "stop_words": stop_words(language) if settings.stop_words or language == ENGLISH else [],
    }


def contractions(language: str) -> Callable[[str], str]:
    """Step 2 in a language: of ELIDING ones, an apostrophe parts two words; of others but English nothing happens."""
    if language == ENGLISH:
        return expand_contractions
    return (lambda text: text.translate(APOSTROPHES).replace("'", " ")) if language in ELIDING else str


def expand_contractions(text: str) -> str:
    """Expand contractions, also those with a typographic apostrophe: "I’ve" -> "I have"."""
    return _CONTRACTION.sub(_in_full, text.translate(APOSTROPHES))


def _in_full(match: re.Match[str]) -> str:
    contraction = match.group().lower()
    return IRREGULAR.get(contraction) or ENDINGS[contraction]


def _cache_key(texts: list[str], settings: PreprocessSettings) -> str:
    """A hash of the texts, the settings used here, the code of the steps and the list of stop-words."""
    digest = hashlib.sha256()
    code = [Path(file).read_bytes() for file in (__file__, languages.__file__)]
    listed = "\n".join(stop_words(settings.language) if settings.stop_words else []).encode()
    for part in (*code, listed, *(text.encode() for text in texts)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    later = {"min_count": 1, "tfidf_terms": None, "min_words": 0, "duplicates": KEEP}
    digest.update(repr(replace(settings, **later)).encode())  # type: ignore[arg-type]  # each has its own type
    return digest.hexdigest()[:32]


def _read_cache(path: Path, documents: int) -> TokenizedTexts | None:
    """The words in a file of the cache; None if there is no such file or it is damaged."""

    def read(file: BinaryIO) -> TokenizedTexts:
        with np.load(file, allow_pickle=False) as arrays:  # compares checksums
            words = arrays["words"].tobytes().decode().split("\n")
            tokens = TokenizedTexts(arrays["ids"], arrays["offsets"], words if words != [""] else [])
        if tokens.offsets.shape != (documents + 1,) or tokens.ids.shape != (tokens.offsets[-1],):
            raise ValueError(path)
        return tokens

    return read_kept(path, read)


def _write_cache(path: Path, tokens: TokenizedTexts) -> None:
    words = np.frombuffer("\n".join(tokens.words).encode(), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=tokens.ids, offsets=tokens.offsets, words=words)
