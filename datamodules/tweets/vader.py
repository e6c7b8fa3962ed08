"""NLTK's VADER (Hutto and Gilbert 2014), with the lexicon that its author's package `vaderSentiment` carries."""

from functools import cache
from importlib.resources import files
from typing import Any


def compound(text: str) -> float:
    """The compound score of a text: -1 (most negative) to +1 (most positive), with four decimals."""
    return float(analyser().polarity_scores(text)["compound"])


@cache
def analyser() -> Any:
    """NLTK's analyser, a little quicker; one for each process, made when it is first needed."""
    from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

    class Analyser(SentimentIntensityAnalyzer):
        def __init__(self, lexicon: str) -> None:
            # In place of NLTK's own constructor, which reads from NLTK's data folders only: a download.
            self.lexicon_file = lexicon
            self.lexicon = self.make_lex_dict()
            self.constants = VaderConstants()

        def polarity_scores(self, text: str) -> dict[str, float]:
            # NLTK joins every mark with every word, to recognise words with a mark before or behind them, and spends
            # most of its time on that. Marks that the text does not have need not be tried.
            self.constants.PUNC_LIST = [mark for mark in VaderConstants.PUNC_LIST if mark in text]
            scores: dict[str, float] = super().polarity_scores(text)
            return scores

    return Analyser(files("vaderSentiment").joinpath("vader_lexicon.txt").read_text("utf-8"))
