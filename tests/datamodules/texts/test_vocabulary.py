"""The vocabulary comes from the training part, and documents become rows of its word numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
