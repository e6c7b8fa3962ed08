"""Every data set is read from its own format, and errors name file, line and reason."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from omegaconf import DictConfig, OmegaConf
from text_data import FIXTURES, OWN_SETS, lay_out, make_zip

from datamodules.errors import DataError
from datamodules.texts import corpora
from datamodules.texts.corpora import Corpus, one_hot
from datamodules.texts.sources import load_corpus

NAMES = sorted({path.stem for path in (PROJECT / "conf" / "data").glob("*.yaml")} - {*OWN_SETS})


def data_config(name: str) -> DictConfig:
    config = OmegaConf.load(PROJECT / "conf" / "data" / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    return config


def label_names(corpus: Corpus) -> list[tuple[str, ...]]:
    return [tuple(corpus.classes[number] for number in label) for label in corpus.labels]


@pytest.mark.parametrize("name", NAMES)
def test_every_configured_data_set_reads_its_fixture(name: str, tmp_path: Path) -> None:
    corpus = load_corpus(data_config(name), lay_out(tmp_path))
    assert len(corpus.texts) == len(corpus.labels) > 0
    assert len(set(corpus.classes)) == len(corpus.classes) > 1
    assert all(text.strip() for text in corpus.texts)
    for label in corpus.labels:
        assert list(label) == sorted(set(label))
        assert all(0 <= number < len(corpus.classes) for number in label)
        assert corpus.multilabel or len(label) == 1


def test_mlma_has_a_class_for_each_combination_of_words(tmp_path: Path) -> None:
    path = lay_out(tmp_path) / "text/mlma/hate_speech_mlma.zip"
    corpus = corpora.mlma(path)
    assert corpus.classes == (
        "fearful_abusive_hateful_disrespectful_normal",
        "hateful_normal",
        "normal",
        "offensive",
    )
    assert corpus.texts[1] == "queue, queue, queue: clerks asleep @url"
    assert corpus.texts[8] == 'he said "never again" party'
    assert Counter(label_names(corpus)) == {
        ("offensive",): 5,
        ("normal",): 4,
        ("hateful_normal",): 2,
        ("fearful_abusive_hateful_disrespectful_normal",): 1,
    }
    assert corpora.mlma(FIXTURES / "mlma/en_dataset.csv") == corpus
    with_stop_words = corpora.mlma(path, "en_dataset_with_stop_words.csv")
    assert with_stop_words.texts[9] == "the loud drummers upstairs"


def test_semeval_is_multi_label_and_keeps_tweets_without_a_label(tmp_path: Path) -> None:
    bare = FIXTURES / "semeval/2018-E-c-En-train.txt"
    corpus = corpora.semeval(bare)
    assert corpus.multilabel
    assert len(corpus.classes) == 11
    assert corpus.texts[0] == "Missed the last bus again!\nFour miles on foot 😡"
    assert corpus.texts[1] == "The bakery opens on Monday, can't wait for \"rye"
    assert label_names(corpus)[0] == ("anger", "sadness")
    assert label_names(corpus)[3] == ()
    assert one_hot(corpus.labels, 11)[3].sum() == 0
    zipped = make_zip(
        tmp_path / "SemEval2018-Task1-all-data.zip",
        {
            "SemEval2018-Task1-all-data/English/E-c/2018-E-c-En-train.txt": bare.read_bytes(),
            "SemEval2018-Task1-all-data/Spanish/E-c/2018-E-c-Es-train.txt": b"another language",
        },
    )
    assert corpora.semeval(zipped) == corpus


def test_hasoc_reads_the_labels_of_task_2(tmp_path: Path) -> None:
    corpus = corpora.hasoc(lay_out(tmp_path) / "text/hasoc/english_dataset.zip")
    assert corpus.texts[2] == 'He read "one page of it and gave up'
    assert Counter(label_names(corpus)) == {("NONE",): 4, ("HATE",): 3, ("OFFN",): 2, ("PRFN",): 2}


def test_hasoc_has_a_test_part(tmp_path: Path) -> None:
    path = lay_out(tmp_path) / "text/hasoc/english_dataset.zip"
    corpus = corpora.hasoc(path, "hasoc2019_en_test-2919.tsv")
    assert corpus.texts[2] == '@townhall what a damn "great" bridge'
    assert label_names(corpus) == [("NONE",), ("HATE",), ("PRFN",), ("OFFN",), ("NONE",)]
    assert load_corpus(data_config("hasoc_test"), tmp_path) == corpus


def test_crowd_may_be_read_whole() -> None:
    path = FIXTURES / "crowd/text_emotion.csv"
    whole, some = corpora.crowd(path, classes=13), corpora.crowd(path)
    assert {"anger", "boredom"} < set(whole.classes)
    assert len(whole.texts) > len(some.texts)
    assert [label for label in label_names(whole) if label[0] not in corpora.CROWD_RAREST] == label_names(some)
    with pytest.raises(DataError, match=r"^data.corpus.classes=12: choose 11 or 13\.$"):
        corpora.crowd(path, classes=12)


def test_crowd_drops_the_two_rarest_of_thirteen_classes() -> None:
    corpus = corpora.crowd(FIXTURES / "crowd/text_emotion.csv")
    assert len(corpus.classes) == 11
    assert not {"anger", "boredom"} & set(corpus.classes)
    assert len(corpus.texts) == 10
    assert corpus.texts[6] == 'found "the" record at last'
    assert label_names(corpus)[-1] == ("empty",)


def test_hate_has_comments_of_several_lines() -> None:
    corpus = corpora.hate(FIXTURES / "hate/dataset.csv")
    assert corpus.texts[2].split("\r\n") == ["First the harbour.", "", "Then the market.", "Now the school?"]
    assert label_names(corpus)[3] == ("hate_speech",)
    assert [len(corpus.texts), len(corpus.classes)] == [9, 3]


def test_ag_has_no_header_and_a_backslash_for_a_line_end() -> None:
    corpus = corpora.ag(FIXTURES / "ag/train.csv")
    assert corpus.texts[0] == (
        "Shares Slip on Grain Prices (Agency) Agency - Shares fell on Friday as grain prices\n"
        "climbed for a sixth day, traders said."
    )
    assert corpus.texts[1].startswith(" Mill Orders Rise.")
    assert [names[0] for names in label_names(corpus)[::3]] == ["Business", "Sci/Tech", "Sports", "World"]


def test_robo_is_in_the_project() -> None:
    corpus = corpora.robo()
    assert len(corpus.texts) == 525
    assert len(corpus.classes) == 5


def test_one_hot_has_a_one_for_each_class_of_a_document() -> None:
    expected = [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    np.testing.assert_array_equal(one_hot([(0, 2), (), (1,)], 3), np.array(expected, np.float32))


@pytest.mark.parametrize("name", ["mlma/en_dataset.csv", "hate/dataset.csv", "semeval/2018-E-c-En-train.txt"])
def test_byte_order_mark_and_line_ends_make_no_difference(name: str, tmp_path: Path) -> None:
    read = getattr(corpora, name.split("/")[0])
    content = (FIXTURES / name).read_bytes()
    other = tmp_path / "other"
    other.write_bytes(b"\xef\xbb\xbf" + content.replace(b"\r\n", b"\n"))
    assert b"\r\n" in content
    expected = read(FIXTURES / name)
    found = read(other)
    assert found.labels == expected.labels
    assert [text.replace("\r", "") for text in expected.texts] == found.texts


BROKEN = {
    "missing column": (
        "mlma/en_dataset.csv",
        b"sentiment",
        b"feeling",
        1,
        "no column sentiment in the header",
    ),
    "unknown label": (
        "mlma/en_dataset.csv",
        b"hateful_normal,dir",
        b"happy,dir",
        12,
        "unknown sentiment 'happy'",
    ),
    "empty text": ("mlma/en_dataset.csv", b"that referee blind", b"  ", 4, "tweet is empty"),
    "broken encoding": ("mlma/en_dataset.csv", b"harbour", b"harb\xf6r", 7, "the byte 0xf6 is not UTF-8"),
    "wrong delimiter": ("mlma/en_dataset.csv", b",", b";", 1, "no column tweet, sentiment in the header"),
    "tsv: missing column": ("hasoc/english_dataset.tsv", b"task_2", b"task", 1, "no column task_2"),
    "tsv: unknown label": (
        "hasoc/english_dataset.tsv",
        b"PRFN",
        b"RUDE",
        11,
        "unknown task_2 'RUDE', expected one of",
    ),
    "tsv: empty text": ("hasoc/english_dataset.tsv", b"Damn this printer", b"", 11, "text is empty"),
    "tsv: broken encoding": ("hasoc/english_dataset.tsv", "🌧".encode(), b"\x9f", 5, "0x9f is not UTF-8"),
    "tsv: wrong delimiter": ("hasoc/english_dataset.tsv", b"\t", b",", 1, "no column text, task_2"),
    "tsv: field lost": ("hasoc/english_dataset.tsv", b"HOF\tPRFN", b"PRFN", 11, "4 fields instead of 5"),
    "flag not 0 or 1": ("semeval/2018-E-c-En-train.txt", b"\t1\t1\r", b"\t1\t2\r", 7, "unknown trust '2'"),
    "line of a quoted row": ("hate/dataset.csv", b",hate_speech", b",rude", 8, "unknown Class 'rude'"),
    "quote not closed": (
        "hate/dataset.csv",
        b'all of them"',
        b"all of them",
        12,
        "starts here is not valid CSV",
    ),
    "header lost": ("hate/dataset.csv", b"Comment,Class\r\n", b"", 1, "no column Comment, Class"),
    "no header: class": (
        "ag/train.csv",
        b'"1","Vote',
        b'"5","Vote',
        12,
        "unknown class '5', expected one of 1, 2, 3, 4",
    ),
    "no header: empty": (
        "ag/train.csv",
        b'Vote Count Goes On","Two provinces are still counting.',
        b'","',
        12,
        "title and description is empty",
    ),
    "no header: delimiter": ("ag/train.csv", b'","', b'";"', 1, "',' expected"),
    "unknown of thirteen": ("crowd/text_emotion.csv", b'"love"', b'"joy"', 10, "unknown sentiment 'joy'"),
}


@pytest.mark.parametrize(("name", "old", "new", "line", "reason"), BROKEN.values(), ids=BROKEN)
def test_bad_rows_are_errors_with_file_line_and_reason(
    name: str, old: bytes, new: bytes, line: int, reason: str, tmp_path: Path
) -> None:
    content = (FIXTURES / name).read_bytes()
    assert old in content
    path = tmp_path / Path(name).name
    path.write_bytes(content.replace(old, new))
    with pytest.raises(DataError) as caught:
        getattr(corpora, name.split("/")[0])(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"Comment,Class\r\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dataset.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="the file ends without a row"):
        corpora.hate(path)


def test_bad_rows_in_an_archive_name_archive_and_member(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"en_dataset.csv": b"HITId,tweet,sentiment\n1,soup,hot\n"})
    with pytest.raises(DataError) as caught:
        corpora.mlma(path)
    assert str(caught.value).startswith(f"{path} (en_dataset.csv), line 2: unknown sentiment 'hot'")


def test_an_archive_must_hold_the_file_once(tmp_path: Path) -> None:
    content = (FIXTURES / "mlma/en_dataset.csv").read_bytes()
    without = make_zip(tmp_path / "without.zip", {"a/not_en_dataset.csv": content})
    with pytest.raises(DataError, match=r"without\.zip should hold one en_dataset\.csv, but holds none"):
        corpora.mlma(without)
    twice = make_zip(tmp_path / "twice.zip", {"a/en_dataset.csv": content, "b/en_dataset.csv": content})
    with pytest.raises(DataError, match="but holds 2"):
        corpora.mlma(twice)


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = lay_out(tmp_path) / "text/mlma/hate_speech_mlma.zip"
    content = bytearray(path.read_bytes())
    content[content.index(b"en_dataset.csv") + 30] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"hate_speech_mlma\.zip is a damaged zip archive"):
        corpora.mlma(path)


REAL = {
    "mlma": (5647, 48, {"offensive": 2954, "normal": 661}),
    "semeval": (6838, 11, {}),
    "hasoc": (5852, 4, {"NONE": 3591, "HATE": 1143, "PRFN": 667, "OFFN": 451}),
    "hasoc_test": (1153, 4, {"NONE": 865}),
    "crowd": (40000 - 179 - 110, 11, {"neutral": 8638, "worry": 8459}),
    "hate": (1011, 3, {"no_hate_speech": 365, "severe_hate_speech": 341, "hate_speech": 305}),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_files(name: str, shared_data: Path) -> None:
    documents, classes, counts = REAL[name]
    corpus = load_corpus(data_config(name), shared_data)
    assert (len(corpus.texts), len(corpus.classes)) == (documents, classes)
    found = Counter(name for names in label_names(corpus) for name in names)
    assert found.items() >= counts.items()
    if name == "semeval":
        assert corpus.labels.count(()) == 204


def test_a_truncated_archive_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "hate_speech_mlma.zip"
    path.write_bytes(b"PK\x03\x04\x81 cut short")
    with pytest.raises(DataError, match="is a damaged zip archive"):
        corpora.mlma(path)


def test_the_real_part_of_ag(shared_data: Path) -> None:
    config = data_config("ag")
    config.instead = "text/ag/train_partial.csv"
    corpus = load_corpus(config, shared_data)
    assert Counter(label_names(corpus)) == {
        ("World",): 14427,
        ("Sports",): 14427,
        ("Business",): 14569,
        ("Sci/Tech",): 15523,
    }
