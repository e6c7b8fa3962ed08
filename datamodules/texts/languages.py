"""Languages other than English, as the pre-processing knows them: stop-words, stemmers, letters, elisions."""

import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby, islice

from datamodules.errors import DataError
from datamodules.stop_words import STOP_WORDS

ENGLISH, NONE = "english", "none"
"""Values of `preprocess.language`: English as in the paper; or no language, words as they stand between spaces."""

ELIDING = ("catalan", "french", "italian")
"""Languages in which contractions end at an apostrophe, as in "l'homme": there the parts are words."""

SAMPLE = 2000
"""Documents that `remarks` looks at."""

UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of Thai, Lao, Burmese, Khmer, Japanese and Chinese, which are written without spaces between words."""

ENGLISH_DELETED = r"[^a-zA-Z0-9\s]+"


def stop_words(language: str) -> list[str]:
    """The stop-words of a language: of English the list that the papers use, of others those of the package stop-words.

    Raises:
        DataError: the package is not installed, or has no such language.
    """
    if language == ENGLISH:
        return STOP_WORDS.read_text(encoding="ascii").split()
    if language == NONE:
        return []
    try:
        from stop_words import AVAILABLE_LANGUAGES, get_stop_words
    except ModuleNotFoundError as error:
        raise DataError(
            f'preprocess.language={language}: its stop-words need a package more: pip install -e ".[languages]"; or '
            "give preprocess.stop_words=false."
        ) from error
    if language not in AVAILABLE_LANGUAGES:
        raise DataError(
            f"preprocess.language={language}: there are no stop-words of it, choose one of "
            f"{' '.join(sorted(AVAILABLE_LANGUAGES))}, or {NONE}."
        )
    return sorted(get_stop_words(language))


def stemmer(language: str) -> Callable[[str], str]:
    """The stemmer of a language: Porter's for English, for others that of Snowball.

    Raises:
        DataError: there is none.
    """
    from nltk.stem.porter import PorterStemmer
    from nltk.stem.snowball import SnowballStemmer

    if language == ENGLISH:
        return functools.lru_cache(maxsize=None)(PorterStemmer().stem)
    if language not in SnowballStemmer.languages:
        known = " ".join(name for name in SnowballStemmer.languages if name != "porter")
        raise DataError(f"preprocess.language={language}: it has no stemmer, only {known} have; leave out stem=true.")
    return functools.lru_cache(maxsize=None)(SnowballStemmer(language).stem)


@functools.cache
def deleted(language: str) -> str:
    """The regular expression of the characters that are no part of a word: of English all but a-z, A-Z and 0-9.

    Of other languages all but letters, digits and the marks that stand on letters, such as the vowels of Hindi.
    """
    if language == ENGLISH:
        return ENGLISH_DELETED
    marks = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M"]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0])]
    kept = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)
    return rf"[^\w\s{kept}]+|_+"


def remarks(texts: Sequence[str], language: str) -> list[str]:
    """Lines on texts that do not look like `preprocess.language`: other letters, or no spaces between words."""
    sample = " ".join(islice(texts, SAMPLE))
    letters = sum(map(str.isalpha, sample))
    other = sum(character.isalpha() and not character.isascii() for character in sample)
    found = []
    if language == ENGLISH and other > 0.05 * letters:
        found.append(
            f"{other / letters:.0%} of the letters are no English ones and are deleted: name the language, as "
            "preprocess.language=german, or preprocess.language=none."
        )
    words = len(sample.split())
    if len(UNSPACED.findall(sample)) > 0.3 * letters and letters > 5 * words:
        found.append(
            f"These texts have no spaces between words ({letters / words:.0f} letters from space to space), and what "
            "stands between spaces counts as one word: put spaces between the words first, for example with jieba, "
            "fugashi or pythainlp."
        )
    return found
