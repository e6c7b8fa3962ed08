"""New texts are encoded as in training, whatever other texts come with them."""

from datamodules.texts.fitted_tokenizer import FittedWordTokenizer
from datamodules.texts.preprocess import PreprocessSettings

VOCABULARY = ["ferry", "tram", "lake"]


def tokenizer(padding: str, max_length: int) -> FittedWordTokenizer:
    return FittedWordTokenizer(PreprocessSettings(), VOCABULARY, padding, max_length)


def test_unknown_words_are_dropped_and_zeros_follow() -> None:
    tokens, lengths, known = tokenizer("mask", 2).encode(
        ["The trams? A tram, the owl, a ferry.", "lake lake lake", "owl"]
    )
    assert tokens.tolist() == [[2, 1, 0], [3, 3, 3], [0, 0, 0]]  # longer than any text in training: nothing is cut
    assert lengths.tolist() == known.tolist() == [2, 3, 0]


def test_with_paper_padding_every_text_has_the_length_of_training_and_loses_its_beginning() -> None:
    tokens, lengths, known = tokenizer("paper", 2).encode(["ferry tram lake", "tram", ""])
    assert tokens.tolist() == [[2, 3], [0, 2], [0, 0]]
    assert lengths.tolist() == [2, 2, 2]
    assert known.tolist() == [3, 1, 0]


def test_with_paper_padding_short_texts_are_padded_to_the_length_of_training() -> None:
    assert tokenizer("paper", 4).encode(["lake", "tram ferry"]).tokens.tolist() == [[0, 0, 0, 3], [0, 0, 2, 1]]


def test_no_text_depends_on_the_others() -> None:
    texts = ["ferry tram lake", "tram", "owl lake"]
    for padding in ("mask", "paper"):
        together = tokenizer(padding, 2).encode(texts)
        for row, text in enumerate(texts):
            alone = tokenizer(padding, 2).encode([text])
            assert alone.lengths[0] == together.lengths[row]
            assert alone.tokens[0, : alone.lengths[0]].tolist() == together.tokens[row, : alone.lengths[0]].tolist()
