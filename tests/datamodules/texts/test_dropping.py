"""Documents that are dropped before a corpus is split."""

from pathlib import Path

import pytest

from conf.compose import composed
from datamodules.errors import DataError
from datamodules.texts.corpora import Corpus
from datamodules.texts.dropping import drop_documents
from datamodules.texts.preprocess import PreprocessSettings, tokenize
from datamodules.texts.text_datamodule import TextDataModule

TEXTS = ["The ferry leaves", "ferry!", "", "Leaves, ferry", "the ferry leaves", "harbour ferry tram"]
CORPUS = Corpus(TEXTS, [(0,), (1,), (0,), (1,), (1,), (0,)], ("no", "yes"))


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"min_words": 1}, [0, 1, 3, 4, 5]),
        ({"min_words": 2}, [0, 3, 4, 5]),
        ({"min_words": 3}, [5]),
        ({"duplicates": "drop"}, [0, 1, 2, 3, 5]),  # 4 has the words of 0 but another label; 3 has another order
        ({"min_words": 2, "duplicates": "drop"}, [0, 3, 5]),
        ({"min_words": 3, "stop_words": False}, [0, 4, 5]),
    ],
)
def test_short_and_repeated_documents_go_on_request(settings: dict, left: list[int]) -> None:
    chosen = PreprocessSettings(**settings)
    kept = drop_documents(CORPUS, tokenize(TEXTS, chosen), chosen)
    assert kept.texts == [TEXTS[row] for row in left]
    assert kept.labels == [CORPUS.labels[row] for row in left]
    assert kept.classes == CORPUS.classes


def data(tmp_path: Path, *overrides: str) -> TextDataModule:
    return TextDataModule.from_config(composed("data=robo", f"cache_dir={tmp_path}", *overrides))


def test_a_configuration_drops_documents_and_says_how_many(tmp_path: Path) -> None:
    whole, some = data(tmp_path), data(tmp_path, "preprocess.min_words=4")
    assert 0 < len(some.texts) < len(whole.texts)
    assert sum(len(part) for part in some.split) == len(some.texts)
    dropped = len(whole.texts) - len(some.texts)
    assert f"{dropped:,} of 525 documents were dropped, see preprocess=." in some.report
    assert not any("dropped, see" in line for line in whole.report)


def test_no_document_left_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^preprocess.min_words=99: no document has that many words\.$"):
        data(tmp_path, "preprocess.min_words=99")
