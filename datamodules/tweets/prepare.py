"""The preparation of a tweet before VADER scores it: none, or the Bitcoin paper's chain (Figure 4)."""

from collections.abc import Callable
from functools import cache

from datamodules.stop_words import STOP_WORDS
from datamodules.tweets.vader import in_ascii_quotes

RAW, PAPER = "raw", "paper"
PREPARATIONS = (RAW, PAPER)
"""The values of `sentiment.prepare`."""


def prepared(text: str, prepare: str) -> str:
    """The text that VADER reads.

    Args:
        text: of a tweet.
        prepare: "raw": the text itself, which VADER is made for; "paper": its tokens without stop-words, as Porter's
            stems, with a space between them.
    """
    return text if prepare == RAW else " ".join(map(porter(), without_stop_words(tokens(text))))


def tokens(text: str) -> list[str]:
    """The tokens of `nltk.word_tokenize`: "didn't" becomes "did" and "n't".

    word_tokenize cuts sentences first, with a Punkt model that has to be downloaded. Here Punkt cuts them with no
    model: it knows no abbreviations, so that a sentence also ends after "e.g." and "Mr.". Words are then cut by
    word_tokenize's own class, which needs no data.
    """
    sentences, words = _tokenisers()
    return [token for sentence in sentences(in_ascii_quotes(text)) for token in words(sentence)]


def without_stop_words(words: list[str]) -> list[str]:
    """The words that are not in Figure 5's list, in any case. The list has "not", "no" and "nor"; "n't" stays."""
    listed = _stop_words()
    return [word for word in words if word.lower() not in listed]


@cache
def porter() -> Callable[[str], str]:
    """Porter's stemmer, which remembers its answers.

    The paper says nltk.stem and names no stemmer. Its example, "study" for "study" and "studying", is Lancaster's;
    Porter's makes "studi" of both. Porter's is the usual one, and does less harm, see `preparation_cost`.
    """
    from nltk.stem import PorterStemmer

    return cache(PorterStemmer().stem)


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(STOP_WORDS.read_text(encoding="ascii").split())


@cache
def _tokenisers() -> tuple[Callable[[str], list[str]], Callable[[str], list[str]]]:
    """The functions that cut a text into sentences, and a sentence into words."""
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    return PunktSentenceTokenizer().tokenize, NLTKWordTokenizer().tokenize
