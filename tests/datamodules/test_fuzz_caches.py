"""Files of caches with other bits than were written: what comes out is the same, and that they were damaged is said."""

from pathlib import Path

import numpy as np
import pytest
from fuzzing import seeds, with_other_bits
from hypothesis import given
from soak import examples
from within_limits import within_limits

from datamodules.texts import preprocess
from datamodules.texts.folds import cached_folds
from datamodules.texts.preprocess import PreprocessSettings
from datamodules.tweets.tweet_scores import TweetScores, are_saved, save_scores

LABELS = [(row % 3,) for row in range(60)]
TEXTS = ["the ferry leaves", "", "a harbour and a ferry", "boats"]
DAYS, KEYS = np.arange(9, dtype=np.int32), np.arange(9, dtype=np.uint64)
SCORES = TweetScores(DAYS, KEYS, np.linspace(-1, 1, 9, dtype=np.float32))


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with folds."""
    folder = tmp_path_factory.mktemp("folds")
    cached_folds(LABELS, 5, 0, folder)
    return folder


@examples(60)
@given(seed=seeds)
def test_folds(seed: int, folds: Path) -> None:
    (path,) = folds.glob("folds-*")
    wanted, whole = cached_folds(LABELS, 5, 0, folds), path.read_bytes()

    def from_other_bits() -> object:
        path.write_bytes(with_other_bits(whole, seed))
        return cached_folds(LABELS, 5, 0, folds)

    np.testing.assert_equal(within_limits(from_other_bits), wanted)
    np.testing.assert_equal(cached_folds(LABELS, 5, 0, folds), wanted)
    path.write_bytes(whole)


@examples(60)
@given(seed=seeds)
def test_words(seed: int, tmp_path: Path) -> None:
    wanted = preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()

    def from_other_bits() -> object:
        path.write_bytes(with_other_bits(whole, seed))
        return preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path)

    np.testing.assert_equal(within_limits(from_other_bits), wanted)
    path.write_bytes(whole)


@examples(60)
@given(seed=seeds)
def test_scores_of_tweets(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    save_scores(path, SCORES, broken=1)
    assert are_saved(path)
    path.write_bytes(with_other_bits(path.read_bytes(), seed))
    if within_limits(lambda: are_saved(path)):  # a bit that means nothing, such as a time stamp in the archive
        with np.load(path) as saved:
            for name, values in SCORES._asdict().items():
                np.testing.assert_array_equal(saved[name], values)


def test_a_damaged_file_is_said_and_a_missing_one_is_not(
    folds: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    cached_folds(LABELS, 5, 0, tmp_path)
    assert caplog.messages == []
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    cached_folds(LABELS, 5, 0, tmp_path)
    assert caplog.messages == [f"{path} was damaged (BadZipFile) and is made anew."]
