"""Texts become words by the paper's steps, give its longest documents, and are cached."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from text_data import FIXTURES

from datamodules.errors import DataError
from datamodules.stop_words import STOP_WORDS
from datamodules.texts import corpora, languages, preprocess
from datamodules.texts.preprocess import (
    PreprocessSettings,
    TokenizedTexts,
    expand_contractions,
    make_word_splitter,
    tokenize,
)

NOTHING = PreprocessSettings(lowercase=False, contractions=False, stop_words=False)


def words_of_documents(tokens: TokenizedTexts) -> list[list[str]]:
    bounds = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [[tokens.words[number] for number in tokens.ids[start:end]] for start, end in bounds]


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("The Dog didn't BARK!", NOTHING, "The Dog didnt BARK"),
        ("The Dog didn't BARK!", PreprocessSettings(contractions=False, stop_words=False), "the dog didnt bark"),
        ("The Dog didn't BARK!", PreprocessSettings(stop_words=False), "the dog did not bark"),
        ("The Dog didn't BARK!", PreprocessSettings(), "dog bark"),
        ("The Dog didn't BARK!", PreprocessSettings(lowercase=False), "Dog BARK"),
        ("The Dogs weren't barking", PreprocessSettings(stem=True), "dog bark"),
        ("The Dog didn't BARK at the, dogs", PreprocessSettings(order="paper"), "dog didnt bark the dogs"),
        ("I'm The Dog", PreprocessSettings(order="paper", lowercase=False), "Im Dog"),
        ("It's a Dog, don't", PreprocessSettings(order="paper"), "its dog dont"),
        ("It\u2019s a Dog, don\u2019t", PreprocessSettings(order="paper"), "its dog dont"),
        ("The Dogs", PreprocessSettings(order="paper", stop_words=False, stem=True), "the dog"),
        ("I\u2019ve seen it, I\u2018ll say", PreprocessSettings(stop_words=False), "i have seen it i will say"),
        ("far-right\tand/or\n42 caf\u00e9s \U0001f600 a_b", NOTHING, "farright andor 42 cafs ab"),
        ("@user #spring https://t.co/x1 it #39;s &amp;", NOTHING, "user spring httpstcox1 it 39s amp"),
        ("the, of and", PreprocessSettings(), ""),
        ("", PreprocessSettings(), ""),
    ],
)
def test_each_step_can_be_switched_off(text: str, settings: PreprocessSettings, expected: str) -> None:
    assert " ".join(make_word_splitter(settings)(text)) == expected


@pytest.mark.parametrize(
    ("contracted", "in_full"),
    [
        ("won't can't shan't ain't", "will not can not shall not is not"),
        ("don't wouldn't", "do not would not"),
        ("you're I'm she'd we'll they've it's", "you are I am she would we will they have it is"),
        ("I'd've shouldn't've", "I would have should not have"),
        ("let's y'all c'mon 'tis 'twas", "let us you all come on it is it was"),
        ("CAN'T Won't DON'T", "can not will not DO not"),
        ("the dogs' 'quoted' rock'n'roll o'clock", "the dogs' 'quoted' rock'n'roll o'clock"),
        ("scant cant's 'd", "scant cant is 'd"),
        ("don\u2019t don\u2018t don\u02bct don\u2032t don`t don\u00b4t", "do not " * 5 + "do not"),
    ],
)
def test_contractions_are_expanded(contracted: str, in_full: str) -> None:
    assert expand_contractions(contracted) == in_full


def test_stop_words_are_those_the_paper_prints() -> None:
    listed = STOP_WORDS.read_text().split()
    assert len(listed) == len(set(listed)) == 127
    paper = PROJECT.parent / "shared" / "papers" / "bitcoin_sentiment_lstm.txt"
    if not paper.exists():
        pytest.skip(f"the paper is not at {paper}")
    figure = paper.read_text(encoding="utf-8").split("stopwords.words('english')\n")[1].split("Figure 5")[0]
    assert listed == re.findall(r"'(\w+)'", figure)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_every_text_keeps_its_own_words(texts: list[str]) -> None:
    assert words_of_documents(tokenize(texts, PreprocessSettings())) == [
        make_word_splitter(PreprocessSettings())(text) for text in texts
    ]


def test_words_are_numbered_in_the_order_of_first_occurrence() -> None:
    tokens = tokenize(["ferry harbour ferry", "the", "harbour tram"], PreprocessSettings())
    assert tokens.words == ["ferry", "harbour", "tram"]
    assert tokens.ids.tolist() == [0, 1, 0, 1, 2]
    assert tokens.offsets.tolist() == [0, 3, 3, 5]
    assert tokens.lengths.tolist() == [3, 0, 2]


def test_the_longest_comment_of_the_fixture_counted_by_hand() -> None:
    # "Thank you for the film, it was long, but fair." -> thank film long fair
    # "First the harbour. Then the market. Now the school?" -> first harbour market school
    # "None of that valley's people deserve to live" -> none valley people deserve live
    corpus = corpora.hate(FIXTURES / "hate/dataset.csv")
    tokens = tokenize(corpus.texts, PreprocessSettings())
    assert tokens.lengths.tolist() == [4, 2, 4, 5, 3, 2, 4, 2, 5]


# Table 2 of the paper. MLMA's longest is that of the file with stop-words.
LONGEST = {
    "hate": ("text/hate/dataset.csv", {}, 342),
    "semeval": ("text/semeval/2018-E-c-En-train.txt", {}, 22),
    "mlma": ("text/mlma/hate_speech_mlma.zip", {"member": "en_dataset_with_stop_words.csv"}, 23),
}


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_documents_of_the_paper(name: str, shared_data: Path) -> None:
    file, options, longest = LONGEST[name]
    corpus = getattr(corpora, name)(shared_data / file, **options)
    assert tokenize(corpus.texts, PreprocessSettings()).lengths.max() == longest


@pytest.mark.parametrize(("name", "longest"), {"hate": 345, "semeval": 23, "mlma": 23}.items())
def test_the_papers_order_does_not_give_its_longest_documents(name: str, longest: int, shared_data: Path) -> None:
    file, options, papers = LONGEST[name]
    corpus = getattr(corpora, name)(shared_data / file, **options)
    assert tokenize(corpus.texts, PreprocessSettings(order="paper")).lengths.max() == longest >= papers


def test_the_settings_of_the_project_are_the_defaults() -> None:
    assert PreprocessSettings(**OmegaConf.load(PROJECT / "conf" / "config.yaml").preprocess) == PreprocessSettings()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("min_count", 0, "preprocess.min_count=0: give a whole number, 1 or more."),
        ("min_count", "two", "preprocess.min_count=two: give a whole number, 1 or more."),
        ("min_count", True, "preprocess.min_count=True: give a whole number, 1 or more."),
        ("stem", "porter", "preprocess.stem=porter: give true or false."),
        ("lowercase", 1, "preprocess.lowercase=1: give true or false."),
        ("tfidf_terms", 0, "preprocess.tfidf_terms=0: give a whole number, 1 or more."),
        ("min_words", -1, "preprocess.min_words=-1: give a whole number, 0 or more."),
        ("min_words", None, "preprocess.min_words=None: give a whole number, 0 or more."),
        ("duplicates", True, "preprocess.duplicates=True: choose keep or drop."),
        ("order", "random", "preprocess.order=random: choose lowercase_first or paper."),
    ],
)
def test_impossible_settings_are_refused(key: str, value: object, says: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(says)}$"):
        PreprocessSettings(**{key: value})


TEXTS = ["The ferry isn't here", "the", "Harbour, harbour \U0001f600"]


def assert_same(a: TokenizedTexts, b: TokenizedTexts) -> None:
    np.testing.assert_array_equal(a.ids, b.ids)
    np.testing.assert_array_equal(a.offsets, b.offsets)
    assert (a.words, a.ids.dtype, a.offsets.dtype) == (b.words, b.ids.dtype, b.offsets.dtype)


@pytest.mark.parametrize("texts", [TEXTS, ["the", ""]], ids=["some words", "no words"])
def test_cached_words_are_not_computed_again(texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = preprocess.preprocess(texts, PreprocessSettings(), tmp_path / "cache")
    assert_same(first, tokenize(texts, PreprocessSettings()))
    monkeypatch.setattr(preprocess, "tokenize", None)
    assert_same(preprocess.preprocess(texts, PreprocessSettings(), tmp_path / "cache"), first)
    (file,) = (tmp_path / "cache").iterdir()
    assert file.suffix == ".npz"


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        (TEXTS, PreprocessSettings(stop_words=False)),
        (TEXTS, PreprocessSettings(stem=True)),
        (["The ferry isn't here", "the", "the, harbour"], PreprocessSettings(order="paper")),
        (TEXTS, PreprocessSettings(lowercase=False)),
        (TEXTS, PreprocessSettings(contractions=False)),
        (TEXTS[:2], PreprocessSettings()),
        ([TEXTS[0] + TEXTS[1], *TEXTS[2:]], PreprocessSettings()),
        ([TEXTS[0] + "t", "he", TEXTS[2]], PreprocessSettings()),
    ],
)
def test_other_texts_and_settings_have_another_cache_file(
    texts: list[str], settings: PreprocessSettings, tmp_path: Path
) -> None:
    preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path)
    assert_same(preprocess.preprocess(texts, settings, tmp_path), tokenize(texts, settings))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_cache_file_is_written_anew(tmp_path: Path) -> None:
    texts = ["the ferry leaves", "", "a harbour"]
    wanted = preprocess.preprocess(texts, PreprocessSettings(), tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    cut = [content[:length] for length in (0, 5, 40, len(content) - 1)]
    flipped = [content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :] for at in range(0, len(content), 3)]
    shorter = tmp_path / "shorter.npz"
    np.savez(shorter, ids=wanted.ids[:-1], offsets=wanted.offsets, words=np.frombuffer(b"a", np.uint8))
    for damaged in (*cut, *flipped, shorter.read_bytes()):
        path.write_bytes(damaged)
        again = preprocess.preprocess(texts, PreprocessSettings(), tmp_path)
        np.testing.assert_equal(again, wanted)
        np.testing.assert_equal(preprocess._read_cache(path, len(texts)), wanted)


def test_min_count_does_not_change_the_cache_file(tmp_path: Path) -> None:
    for min_count in (1, 2):
        preprocess.preprocess(TEXTS, PreprocessSettings(min_count=min_count), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


LANGUAGE = PreprocessSettings(stop_words=False)


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("Schöne Grüße, geht's?", replace(LANGUAGE, language="german"), "schöne grüße gehts"),
        ("L\u2019été, qu'on aime_bien", replace(LANGUAGE, language="french"), "l été qu on aimebien"),
        ("L\u2019été", replace(LANGUAGE, language="french", contractions=False), "lété"),
        ("It isn't Київ №5", replace(LANGUAGE, language="none"), "it isnt київ 5"),
        ("हिन्दी में", replace(LANGUAGE, language="none"), "हिन्दी में"),
        ("Häuser und Bäume", replace(LANGUAGE, language="german", stem=True), "haus und baum"),
        ("one two three four", replace(LANGUAGE, max_words=2), "one two"),
    ],
)
def test_other_languages_keep_their_letters(text: str, settings: PreprocessSettings, expected: str) -> None:
    assert make_word_splitter(settings)(text)[: settings.max_words] == expected.split()
    assert tokenize([text], settings).words == expected.split()


def test_other_languages_have_their_own_stop_words(tmp_path: Path) -> None:
    pytest.importorskip("stop_words", reason="it comes with the extra languages")
    german = PreprocessSettings(language="german")
    assert tokenize(["Das ist der schöne Tag und die Nacht"], german).words == ["schöne", "tag", "nacht"]
    kept = preprocess.preprocess(["Привет, мир"], replace(german, language="russian"), tmp_path)
    assert preprocess.preprocess(["Привет, мир"], replace(german, language="russian"), tmp_path).words == kept.words
    with pytest.raises(DataError, match="language=klingon: there are no stop-words of it"):
        tokenize([""], replace(german, language="klingon"))
    tables = preprocess.lookup_tables(german)
    assert "und" in tables["stop_words"]
    assert re.sub(tables["deleted"], "", "grün, ja!") == "grün ja"


def test_a_language_without_a_stemmer_is_refused() -> None:
    with pytest.raises(DataError, match="language=greek: it has no stemmer"):
        tokenize([""], PreprocessSettings(language="greek", stop_words=False, stem=True))
    with pytest.raises(DataError, match="language=German: give its English name"):
        PreprocessSettings(language="German")


def test_texts_of_another_language_are_told_apart() -> None:
    assert languages.remarks(["a café here and there and there"], "english") == []
    (other,) = languages.remarks(["Это русский текст", "and English"], "english")
    assert "name the language" in other
    assert languages.remarks(["Это русский текст"], "russian") == []
    (unspaced,) = languages.remarks(["这本书很好看", "我不喜欢这个酒店的房间"], "chinese")
    assert "no spaces between words" in unspaced
    assert languages.remarks(["这 本 书 很 好看"], "chinese") == []


def test_another_list_of_stop_words_has_another_cache_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path / "cache")
    (tmp_path / "stop_words.txt").write_text("ferry\n")
    monkeypatch.setattr(languages, "STOP_WORDS", tmp_path / "stop_words.txt")
    tokens = preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path / "cache")
    assert tokens.words == ["the", "is", "not", "here", "harbour"]


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(file: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocess.np, "savez", disk_full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\): choose another cache_dir\.$"):
        preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        preprocess.preprocess(TEXTS, PreprocessSettings(), tmp_path / "file")
