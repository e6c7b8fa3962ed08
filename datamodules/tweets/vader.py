"""NLTK's VADER (Hutto and Gilbert 2014) with the lexicon from its author's package `vaderSentiment`."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u201e", '\'\'"""')
# Other marks that stand for an apostrophe do so between letters alone: elsewhere they belong to emoticons.
_APOSTROPHE = re.compile("(?<=[^\\W\\d_])[`\u00b4\u02bc\u2032\uff07](?=[^\\W\\d_])")


def compound(text: str) -> float:
    """The compound score of a text, from -1 (most negative) to +1 (most positive), with four decimals.

    VADER knows "don't" and "great" with the typewriter's quotes only, so that all others become these.
    """
    return float(analyser().polarity_scores(in_ascii_quotes(text))["compound"])


def in_ascii_quotes(text: str) -> str:
    """The text with the typewriter's quotes and apostrophes in place of typographic ones."""
    return _APOSTROPHE.sub("'", text.translate(_QUOTES))


@cache
def analyser() -> Any:
    """NLTK's analyser, made faster; one for each process, created at the first call."""
    from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

    class Analyser(SentimentIntensityAnalyzer):
        def __init__(self, lexicon: str) -> None:
            # Replaces NLTK's constructor, which reads from NLTK's data folders only and so needs a download.
            self.lexicon_file = lexicon
            self.lexicon = self.make_lex_dict()
            self.constants = VaderConstants()

        def polarity_scores(self, text: str) -> dict[str, float]:
            # NLTK joins every punctuation mark with every word, to recognise words next to a mark, and spends most of
            # its time on that. Marks that the text does not contain can be left out.
            self.constants.PUNC_LIST = [mark for mark in VaderConstants.PUNC_LIST if mark in text]
            scores: dict[str, float] = super().polarity_scores(text)
            return scores

    return Analyser(files("vaderSentiment").joinpath("vader_lexicon.txt").read_text("utf-8"))
