"""The vocabulary comes from the training part, and documents become rows of its word numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.texts import vocabulary
from datamodules.texts.preprocess import PreprocessSettings, tokenize
from datamodules.texts.vocabulary import EncodedCorpus, encode, learn_vocabulary

TEXTS = ["tram ferry ferry", "ferry lake", "lake tram owl", "owl owl owl", ""]
TRAIN = np.array([0, 1, 2])
WORDS = tokenize(TEXTS, PreprocessSettings())


def learn_and_encode(min_count: int, padding_first: bool = False) -> EncodedCorpus:
    return encode(WORDS, learn_vocabulary(WORDS, TRAIN, min_count), padding_first)


def test_words_of_the_training_part_are_numbered_by_falling_frequency() -> None:
    encoded = learn_and_encode(min_count=1)
    assert encoded.vocabulary == ["ferry", "tram", "lake", "owl"]
    assert encoded.tokens.tolist() == [[2, 1, 1], [1, 3, 0], [3, 2, 4], [4, 4, 4], [0, 0, 0]]
    assert encoded.lengths.tolist() == [3, 2, 3, 3, 0]


def test_documents_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Free:
        available = 4 * len(TEXTS) * 3 * 2 - 1  # bytes: half of them are fewer than the numbers of all words need

    monkeypatch.setattr(vocabulary, "SMALL", 0)
    monkeypatch.setattr(vocabulary.psutil, "virtual_memory", Free)
    with pytest.raises(DataError, match=r"5 documents of up to 3 words take .* preprocess\.max_words="):
        learn_and_encode(min_count=1)
    Free.available += 1
    assert learn_and_encode(min_count=1).tokens.shape == (5, 3)


def test_rare_and_unknown_words_are_dropped_and_emptied_documents_stay() -> None:
    # owl is frequent, but not in the training part
    encoded = learn_and_encode(min_count=2)
    assert encoded.vocabulary == ["ferry", "tram", "lake"]
    assert encoded.tokens.tolist() == [[2, 1, 1], [1, 3, 0], [3, 2, 0], [0, 0, 0], [0, 0, 0]]
    assert encoded.lengths.tolist() == [3, 2, 2, 0, 0]


def test_words_of_the_same_frequency_keep_the_order_of_the_corpus() -> None:
    names = [f"word{number}" for number in range(200)]
    words = tokenize([" ".join(names), " ".join(names[::2])], PreprocessSettings())
    assert learn_vocabulary(words, np.array([0, 1]), min_count=1) == names[::2] + names[1::2]


def test_terms_of_the_highest_mean_tfidf_are_kept_in_their_order() -> None:
    """By hand, over the three training documents: idf = ln(4 / (1 + df)) + 1, each document of length 1."""
    idf = {word: math.log(4 / (1 + df)) + 1 for word, df in {"ferry": 2, "tram": 2, "lake": 2, "owl": 1}.items()}

    def weight(word: str, document: str) -> float:
        words = document.split()
        norm = math.sqrt(sum((words.count(each) * idf[each]) ** 2 for each in set(words)))
        return words.count(word) * idf[word] / norm

    has = {word: [text for text in TEXTS[:3] if word in text.split()] for word in idf}
    mean = {word: sum(weight(word, text) for text in has[word]) / len(has[word]) for word in idf}
    ranked = sorted(idf, key=lambda word: -mean[word])
    assert ranked[:2] == ["ferry", "owl"]
    assert learn_vocabulary(WORDS, TRAIN, 1, 2) == ["ferry", "owl"]
    assert learn_vocabulary(WORDS, TRAIN, 1, 3) == [
        word for word in ["ferry", "tram", "lake", "owl"] if word in ranked[:3]
    ]
    assert learn_vocabulary(WORDS, TRAIN, 1, 9) == learn_vocabulary(WORDS, TRAIN, 1)


def test_terms_are_chosen_by_the_training_part_alone() -> None:
    others = tokenize([*TEXTS[:3], "ferry ferry", "owl tram"], PreprocessSettings())
    assert learn_vocabulary(others, TRAIN, 1, 2) == learn_vocabulary(WORDS, TRAIN, 1, 2)


def test_padding_can_come_first() -> None:
    encoded = learn_and_encode(min_count=2, padding_first=True)
    assert encoded.tokens.tolist() == [[2, 1, 1], [0, 1, 3], [0, 3, 2], [0, 0, 0], [0, 0, 0]]


def test_no_word_at_all_still_gives_a_matrix_with_a_column() -> None:
    encoded = learn_and_encode(min_count=4)
    assert encoded.vocabulary == []
    assert encoded.tokens.shape == (5, 1)
    assert not encoded.tokens.any()


@pytest.mark.parametrize("padding_first", [False, True])
@given(
    st.lists(st.lists(st.sampled_from(["ant", "bee", "cow", "dog", "elk"]), max_size=6), min_size=2, max_size=8),
    st.integers(1, 3),
    st.data(),
)
def test_encoding_equals_a_plain_python_version(
    padding_first: bool, documents: list[list[str]], min_count: int, data: st.DataObject
) -> None:
    rows = range(len(documents))
    train = data.draw(st.lists(st.sampled_from(rows), min_size=1, unique=True))
    words = tokenize([" ".join(document) for document in documents], PreprocessSettings())
    encoded = encode(words, learn_vocabulary(words, np.array(sorted(train)), min_count), padding_first)

    in_training = [word for row in train for word in documents[row]]
    known = {word for word in in_training if in_training.count(word) >= min_count}
    assert set(encoded.vocabulary) == known
    frequencies = [in_training.count(word) for word in encoded.vocabulary]
    assert frequencies == sorted(frequencies, reverse=True)
    for row, document in enumerate(documents):
        kept = [word for word in document if word in known]
        tokens = encoded.tokens[row].tolist()
        padding = [0] * (len(tokens) - len(kept))
        numbers = [encoded.vocabulary.index(word) + 1 for word in kept]
        assert tokens == (padding + numbers if padding_first else numbers + padding)
        assert encoded.lengths[row] == len(kept)
