"""Scores of tweets: VADER's published ones, and one key for a text and its retweets."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

from datamodules.tweets.kaggle_layouts import Chunk, Tweet
from datamodules.tweets.tweet_scores import are_saved, save_scores, score_by_tag, score_by_vader
from datamodules.tweets.vader import analyser, compound

# From NLTK's own documentation of its sentiment package (howto/sentiment).
PUBLISHED = {
    "VADER is smart, handsome, and funny.": 0.8316,
    "VADER is not smart, handsome, nor funny.": -0.7424,
    "VADER is VERY SMART, handsome, and FUNNY!!!": 0.9342,
    "Today SUX!": -0.5461,
    "At least it isn't a horrible book.": 0.431,
    "": 0.0,
}


@pytest.mark.parametrize(("text", "score"), PUBLISHED.items())
def test_vader_gives_the_published_scores(text: str, score: float) -> None:
    assert compound(text) == score


tokens = st.text(alphabet=list("GODbad!?.,'\":;-)("), max_size=6) | st.sampled_from(
    ["not", "very", "GREAT", "kind", "of"]
)


@given(st.lists(tokens | st.sampled_from(["good", "sux", "but", "least", ":)", ":-("]), max_size=12).map(" ".join))
@settings(deadline=None)
def test_the_faster_vader_equals_nltks(text: str) -> None:
    slow = SentimentIntensityAnalyzer.__new__(SentimentIntensityAnalyzer)  # its constructor wants a download
    slow.lexicon, slow.constants = analyser().lexicon, VaderConstants()
    assert analyser().polarity_scores(text) == slow.polarity_scores(text)


def test_a_text_and_its_retweets_have_one_key() -> None:
    day = date(2018, 1, 1)
    texts = ["good", "RT @a: good", "rt @a: good", "Rt @b good", "part @a: good"]
    keys = score_by_vader([Tweet(day, text, None) for text in texts]).keys.tolist()
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


def test_every_tagged_row_has_a_key_of_its_own() -> None:
    day = date(2018, 1, 1)
    tweets = [Tweet(day, "the same", 1), Tweet(day, "the same", -1)]
    first, second = score_by_tag(tweets, Chunk(20, 90)), score_by_tag(tweets, Chunk(90, 200))
    assert first.values.tolist() == [1, -1]
    assert len({*first.keys.tolist(), *second.keys.tolist()}) == 4


def test_saved_scores_are_known_from_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    assert not are_saved(path)
    save_scores(path, score_by_vader([Tweet(date(2018, 1, 1), text, None) for text in ("good", "bad")]), broken=1)
    assert are_saved(path)
    with np.load(path) as kept:
        scores = {name: kept[name] for name in kept}
    content = path.read_bytes()
    for at in range(0, len(content), 3):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]):
            path.write_bytes(damaged)
            if are_saved(path):  # the bit is one that nobody reads
                with np.load(path) as found:
                    assert all(np.array_equal(found[name], scores[name]) for name in scores)
