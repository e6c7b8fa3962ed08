"""A user's own texts: every format gives the same corpus, and what is wrong with a file is one clear line."""

import csv
import errno
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROJECT
from omegaconf import OmegaConf

from conf.compose import CONF, composed
from conf.mistakes import message
from datamodules.errors import DataError
from datamodules.texts import own_classes, own_corpus
from datamodules.texts.corpora import Corpus, Origin
from datamodules.texts.folds import make_folds
from datamodules.texts.preprocess import PreprocessSettings
from datamodules.texts.sources import load_corpus
from datamodules.texts.text_datamodule import TextDataModule
from datamodules.texts.tokenizer import WordTokenizer

ROWS = [
    {"id": 1, "title": "A", "review": 'she said "no", twice', "grade": "good", "author": "x", "use": "train"},
    {"id": 2, "title": "B", "review": "été at the café\tor so", "grade": "bad", "author": "y", "use": "dev"},
    {"id": 3, "title": "", "review": "two\nlines", "grade": "good", "author": "x", "use": "Test"},
    {"id": 4, "title": "D", "review": "", "grade": "bad", "author": "y", "use": "train"},
    {"id": 5, "title": "E", "review": "no grade", "grade": "", "author": "z", "use": "train"},
    {"id": 6, "title": "F", "review": "fine", "grade": "fair", "author": "", "use": "training"},
]
TEXTS = [str(row["review"]) for row in ROWS if row["review"] and row["grade"]]


def delimited(delimiter: str, rows: Sequence[Mapping[str, Any]] = ROWS) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


NAME, OTHER_NAME = "ü.csv".encode(), b"\xf6\xf6.csv"


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._x", "what macOS adds")
        archive.writestr(name, content)
    return packed.getvalue()


LINES = "\n".join(map(json.dumps, ROWS)).encode()
FILES = {
    "reviews.csv": delimited(","),
    "semicolons.csv": delimited(";"),
    "reviews.tsv": delimited("\t"),
    "reviews.txt": delimited("|"),
    "marked.csv": b"\xef\xbb\xbf" + delimited(","),
    "wide.csv": delimited(",").decode().encode("utf-16"),
    "mac.csv": delimited(",").replace(b"two\nlines", b"two lines").replace(b"\r\n", b"\r"),
    "reviews.jsonl": LINES,
    "reviews.json": json.dumps(ROWS).encode(),
    "reviews.csv.gz": gzip.compress(delimited(",")),
    "reviews.ndjson.gz": gzip.compress(LINES),
    "reviews.tsv.zip": zipped("reviews.tsv", delimited("\t")),
    "packed.zip": zipped("folder/reviews.csv", delimited(",")),
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Corpus]:
    """Reads a file with this content by `data=csv`, with the settings below `data` that are given."""

    def read(content: bytes, name: str = "texts.csv", **settings: Any) -> Corpus:
        (tmp_path / name).write_bytes(content)
        config = OmegaConf.load(CONF / "data" / "csv.yaml")
        return load_corpus(OmegaConf.merge(config, {"file": name, **settings}), tmp_path)

    return read


def names(corpus: Corpus) -> list[tuple[str, ...]]:
    return [tuple(corpus.classes[number] for number in label) for label in corpus.labels]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_corpus(name: str, read: Callable[..., Corpus]) -> None:
    corpus = read(FILES[name], name, text="review", label="grade")
    assert [" ".join(text.split()) for text in corpus.texts] == [" ".join(text.split()) for text in TEXTS]
    assert names(corpus) == [("good",), ("bad",), ("good",), ("fair",)]
    assert corpus.classes == ("bad", "fair", "good")
    assert corpus.notes == (
        f"{name}: 4 documents; left out: 1 row without text, 1 row without label.",
        "Classes: bad 1, fair 1, good 2.",
    )


def test_parquet_gives_the_same_corpus(read: Callable[..., Corpus], tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="it comes with the extra parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{**row, "grade": row["grade"] or None} for row in ROWS]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "made")
    content = (tmp_path / "made").read_bytes()
    for name, packed in (
        ("a.parquet", content),
        ("b.pq.gz", gzip.compress(content)),
        ("c.zip", zipped("c.pq", content)),
    ):
        corpus = read(packed, name, text="review", label="grade")
        assert (corpus.texts, names(corpus)) == (TEXTS, [("good",), ("bad",), ("good",), ("fair",)])
        assert corpus.origins == [Origin(name, number) for number in (1, 2, 3, 6)]
    with pytest.raises(DataError, match="no column grad in the header"):
        read(content, "a.parquet", text="review", label="grad")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read(content[:50], "a.parquet", text="review", label="grade")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("reviews.csv", [2, 3, 4, 8]),
        ("mac.csv", [2, 3, 4, 7]),
        ("reviews.jsonl", [1, 2, 3, 6]),
        ("reviews.json", [1, 2, 3, 6]),
        ("reviews.tsv.zip", [2, 3, 4, 8]),
    ],
)
def test_every_document_knows_the_line_on_which_it_begins(
    name: str, lines: list[int], read: Callable[..., Corpus]
) -> None:
    corpus = read(FILES[name], name, text="review", label="grade")
    assert corpus.origins == [Origin(name, line) for line in lines]
    assert corpus.only([3, 0]).origins == [Origin(name, line) for line in (lines[3], lines[0])]


def test_several_text_columns_are_joined(read: Callable[..., Corpus]) -> None:
    corpus = read(delimited(","), text=["title", "review"], label="grade")
    assert corpus.texts[0] == 'A she said "no", twice'
    assert corpus.texts[2:4] == ["two\nlines", "D"]


def test_columns_of_a_file_without_a_header_are_numbered(read: Callable[..., Corpus]) -> None:
    corpus = read(b"1\tgood day\n0\tit's \"bad\n1\tmore\n", "x.tsv", text=2, label=1)
    assert (corpus.texts, corpus.classes) == (["good day", "it's \"bad", "more"], ("0", "1"))


def test_quotes_of_a_tsv_whose_lines_are_rows_mean_nothing(read: Callable[..., Corpus]) -> None:
    corpus = read(b'label\ttext\npos\t"great film\nneg\tbad film "\n', "x.tsv", text="text", label="label")
    assert corpus.texts == ['"great film', 'bad film "']


def test_numbers_are_ordered_as_numbers(read: Callable[..., Corpus]) -> None:
    content = b"t,stars\n" + b"".join(b"text,%d\n" % number for number in (10, 9, -1, 2, 10))
    assert read(content, text="t", label="stars").classes == ("-1", "2", "9", "10")


def test_a_class_named_nan_is_no_number(read: Callable[..., Corpus]) -> None:
    names = [*map(str, range(1, 13)), "nan"]
    content = "t,l\n" + "".join(f"text,{name}\n" for name in names)
    assert read(content.encode(), text="t", label="l").classes == tuple(sorted(names))


def test_whole_numbers_are_the_same_class_however_they_are_written(read: Callable[..., Corpus]) -> None:
    corpus = read(b"t,l\na,1\nb,1.0\nc, 2.00\nd,1.5\ne,-1.\n", text="t", label="l")
    assert names(corpus) == [("1",), ("1",), ("2",), ("1.5",), ("-1",)]
    assert read(b"t,l\na,v1.0\nb,v1\nc,1.0.0\n", text="t", label="l").classes == ("1.0.0", "v1", "v1.0")


def test_many_numbers_that_are_no_classes_are_said(read: Callable[..., Corpus]) -> None:
    ratings = b"t,l\n" + b"".join(b"text,%.1f\n" % (number / 2) for number in range(21))
    assert read(ratings, text="t", label="l").notes[2].startswith("The 21 classes are numbers from 0 to 10: if they")
    for content in (ratings.replace(b".5", b".0"), ratings[: ratings.index(b"text,10")], ratings + b"text,x\n"):
        assert len(read(content, text="t", label="l").notes) == 2


def test_spaces_around_the_names_of_columns_do_not_count(read: Callable[..., Corpus]) -> None:
    for delimiter in (", ", " ;", " \t"):
        rows = (("id", "text ", "label"), ("1", "a b", "x"), ("2", "c", "y"))
        content = "\n".join(map(delimiter.join, rows)).encode()
        assert read(content, "x.txt", text="text", label=" label").classes == ("x", "y")
        with pytest.raises(DataError, match="line 1: the column label stands twice in the header"):
            read(content.replace(b"id", b"label"), "x.txt", text="text", label="label")


WRITTEN: Mapping[str, Callable[[str], bytes]] = {
    "in one line": str.encode,
    "marked": lambda text: text.encode("utf-8-sig"),
    "wide": lambda text: text.encode("utf-16"),
    "behind blank lines": lambda text: f"\n \n {text}\n".encode(),
    "over many lines": lambda text: json.dumps(json.loads(text), indent=1).encode(),
    "a sign a line": lambda text: text.replace(",", "\n,\n").replace(":", "\n:\n").encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_list_of_json_is_read_however_it_is_written(how: str, read: Callable[..., Corpus]) -> None:
    rows = [{"t": f"text {row}", "l": [["a"], {"b": row}][row % 2]} for row in range(50)]
    corpus = read(WRITTEN[how](json.dumps(rows)), "x.json", text="t", label="l")
    assert corpus.texts == [row["t"] for row in rows]
    assert corpus.origins == [Origin("x.json", number) for number in range(1, 51)]


def test_half_a_character_is_counted_and_said(read: Callable[..., Corpus]) -> None:
    content = b"""{"t": "\\ud83d\\ude00 whole", "l": "a"}
{"t": "half \\ud83d", "l": "b"}
{"t": ["\\ude00", "x"], "l": "b"}
{"t": "\\ud83d", "l": null}"""
    corpus = read(content, "x.jsonl", text="t", label="l")
    assert corpus.texts == ["\U0001f600 whole", "half ?", "? x"]
    assert corpus.notes[1] == 'x.jsonl: half a character, such as \\ud83d, became "?" in 2 documents.'
    assert not any("character" in note for note in read(LINES, "y.jsonl", text="review", label="grade").notes)


def test_several_labels_by_a_separator(read: Callable[..., Corpus]) -> None:
    corpus = read(b"t,l\none,a|c\ntwo, b | a |\nthree,\n", text="t", label="l", separator="|")
    assert corpus.multilabel
    assert names(corpus) == [("a", "c"), ("a", "b")]


def test_several_labels_by_columns(read: Callable[..., Corpus]) -> None:
    corpus = read(b"t,z,a\none,1,0\ntwo,1.0,True\nthree,0,false\nfour,,\n", text="t", label=["z", "a"])
    assert corpus.multilabel
    assert corpus.classes == ("z", "a")
    assert names(corpus) == [("z",), ("z", "a"), ()]


def test_several_labels_by_lists(read: Callable[..., Corpus]) -> None:
    labels = ('"l": ["a", "b"]', '"l": []', '"l": [" ", null]', '"l": null', '"l": ""', '"m": 0', '"l": ["b"]')
    texts = ('["two", "words"]', *(f'"{letter}"' for letter in "xyzvwu"))
    content = "\n".join(f'{{"t": {text}, {label}}}' for text, label in zip(texts, labels, strict=True)).encode()
    corpus = read(content, "x.jsonl", text="t", label="l")
    assert corpus.multilabel
    assert (corpus.texts, names(corpus)) == (["two words", "u"], [("a", "b"), ("b",)])
    assert corpus.notes[0] == "x.jsonl: 2 documents; left out: 5 rows without label."


def test_another_encoding_has_to_be_named(read: Callable[..., Corpus]) -> None:
    content = delimited(",").decode().encode("cp1252")
    with pytest.raises(DataError, match=r"line 3: the byte 0xe9 is not UTF-8; .*data\.encoding=cp1252"):
        read(content, text="review", label="grade")
    assert read(content, text="review", label="grade", encoding="cp1252").texts == TEXTS


def test_a_name_in_the_header_may_be_longer_than_the_csv_modules_limit(read: Callable[..., Corpus]) -> None:
    csv.field_size_limit(131_072)  # Python's own; whatever was read before has raised it
    name = "a" * 200_000
    assert read(f"{name},b\nred,1\nblue,2\n".encode(), text=name, label="b").texts == ["red", "blue"]


WRONG = [
    (b"a,b,a\n1,2,3\n", {"text": "a", "label": "b"}, "line 1: the column a stands twice in the header"),
    (b"a,b\n1,2\n", {"text": "a", "label": "c"}, "no column c in the header 'a,b'"),
    (b"a,b\n1,2,3\n", {"text": "a", "label": "b"}, "line 2: 3 fields instead of 2"),
    (b"a,b\n1,2\n", {"text": 3, "label": 1}, "has 2 columns: there is no column 3"),
    (b"a,b\n1,2\n2,2\n", {"text": "a", "label": "b"}, "data.label=b: all 2 documents have the class '2'"),
    (b"a,b\n,2\n2,\n", {"text": "a", "label": "b"}, "There is nothing to learn from: name other columns"),
    (b"a,b\n", {"text": "a", "label": "b"}, "0 documents. There is nothing to learn from"),
    (b"a,b,c\n1,0,2\n", {"text": "a", "label": ["b", "c"]}, "line 2: c is '2'; with several columns"),
    (
        b"a,b,p\n1,0,tset\n",
        {"text": "a", "label": "b", "part": "p"},
        "line 2: p is 'tset', expected train, val or test",
    ),
    (b"a,b,g\n1,0,\n1,1,\n", {"text": "a", "label": "b", "group": "g"}, "data.group=g: the column is empty"),
    (
        b"a,b\n1,2\n",
        {"text": "a", "label": "b", "test_file": "nix.csv"},
        "data.test_file=nix.csv: there is no such file, looked for",
    ),
    (b"a,b\n1,\x002\n", {"text": "a", "label": "b"}, "line 2: a NUL character"),
    (b"a,b\n1,2\n", {"text": "a", "label": "b", "encoding": "utf-9"}, "data.encoding=utf-9: there is no such encoding"),
    *(
        (b"a,b\n1,2\n", {"text": "a", "label": "b", "encoding": odd}, f"data.encoding={odd}: there is no such encoding")
        for odd in ("undefined", "punycode", None)
    ),
    (b"", {"text": "a", "label": "b"}, "is empty: it has no header"),
]


@pytest.mark.parametrize(("content", "settings", "expected"), WRONG)
def test_what_is_wrong_is_one_line(
    content: bytes, settings: dict[str, Any], expected: str, read: Callable[..., Corpus]
) -> None:
    with pytest.raises(DataError) as error:
        read(content, **settings)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.xlsx", b"PK", "has the suffix '.xlsx': name a file in one of .csv"),
        ("x.jsonl", b'{"t": 1, "l": 2}\n[1]\n', "line 2: [1] is no JSON object"),
        ("x.json", b'{"t": 1, "l": 2}\n[1]\n', "line 2: [1] is no JSON object"),
        ("x.jsonl", b'{"t": 1,\n', "line 1: not valid JSON"),
        (
            "x.jsonl",
            b'{"t": 1, "l": 2}\n\n{"t": 1, "l": 2, "t": 3}\n',
            "line 3: the key 't' stands twice",
        ),
        ("x.json", b'[{"t": 1, "l": 2},\n\n{"t": 1, "l": {"a": 1, "a": 2}}]', "line 2: the key 'a' stands twice"),
        ("x.json", b'[{"t": 1, "l": 2},', "line 2: not valid JSON"),
        ("x.json", b'[{"t": 1, "l": 2}\n{"t": 1, "l": 2}]', "line 1: not valid JSON ('{' instead of , or ] behind it)"),
        ("x.json", b'[{"t": 1, "l": 2}', "line 1: not valid JSON ('the end of the file' instead of"),
        ("x.json", b'[{"t": 1, "l": 2}, 3]', "line 2: 3 is no JSON object"),
        ("x.json", b'[{"t": ' + b"[" * 99999 + b"]" * 99999 + b"}]", "line 1: the JSON is nested too deeply"),
        (
            "x.json",
            b'[{"t": "a", "l": ' + b"[" * 600 + b"]" * 600 + b"}]",
            "line 1: the JSON is nested too deeply; 100",
        ),
        (
            "x.jsonl",
            b'{"t": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b', "l": 1}',
            "line 1: the JSON is nested too deeply",
        ),
        ("x.jsonl", b"[" * 600 + b"]" * 600, "line 1: the JSON is nested too deeply"),
        ("x.json", b'[{"t": 1, "l": 2}] {"t": 1}', "behind the end of the list"),
        ("x.json", b"[\n]", "no column t, l in the header"),
        ("x.jsonl", b'{"t": 1, "m": 2}\n', "no column l in the header"),
        ("x.csv.gz", gzip.compress(b"t,l\n1,2\n" * 99)[:30], "is damaged"),
        ("x.zip", zipped("b.csv", b""), "is empty: it has no header"),
        ("x.zip", b"no archive", "is damaged"),
        ("x.zip", OTHER_NAME.join(zipped("ü.csv", b"t,l\n").split(NAME, 1)), "is damaged (the name of a file in it"),
        ("x.zip", OTHER_NAME.join(zipped("ü.csv", b"t,l\n").rsplit(NAME, 1)), "is damaged (the name of a file in it"),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # an archive holds the time, a name must not
)
def test_what_is_wrong_with_other_formats_is_one_line(
    name: str, content: bytes, expected: str, read: Callable[..., Corpus]
) -> None:
    with pytest.raises(DataError) as error:
        read(content, name, text="t", label="l")
    assert expected in str(error.value)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.parquet.gz", "x.zip"])
@pytest.mark.parametrize("content", [bytes(1 << 22), b"t,l\n" + b"x,a\n" * (1 << 20)], ids=["zeros", "rows"])
def test_a_bomb_is_refused(name: str, content: bytes, read: Callable[..., Corpus]) -> None:
    packed = zipped("a.csv", content) if name == "x.zip" else gzip.compress(content)
    with pytest.raises(DataError, match=r"is refused: it would grow to more than 1,048,576 bytes, which is a bomb"):
        read(packed, name, text="t", label="l")


def test_what_else_an_archive_holds_lets_a_bomb_grow_no_further(read: Callable[..., Corpus]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/padding", os.urandom(1 << 18))
        archive.writestr("a.csv", b"t,l\n" + b"x,a\n" * (1 << 20))
    with pytest.raises(DataError, match="would grow to more than 1,048,576 bytes, which is a bomb"):
        read(packed.getvalue(), "x.zip", text="t", label="l")


def test_a_full_temporary_folder_is_named(monkeypatch: pytest.MonkeyPatch, read: Callable[..., Corpus]) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError, match=r"finds no room in .* to be unpacked; unpack it by hand, or set TMPDIR"):
        read(gzip.compress(b"PAR1"), "x.parquet.gz", text="t", label="l")


def test_an_archive_of_several_files_is_refused(read: Callable[..., Corpus]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(DataError, match=r"should hold one file, but holds 2 \(a.csv, b.csv\): unpack it"):
        read(packed.getvalue(), "x.zip", text="t", label="l")


def test_too_many_classes_for_the_memory_are_refused(
    read: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_classes, "MOST_CELLS", 99 * 100)
    content = b"t,l\n" + b"".join(b"text,%d\n" % number for number in range(100))
    with pytest.raises(DataError, match="100 classes of 100 documents are too many"):
        read(content, text="t", label="l")
    corpus = read(content[: content.index(b"text,99")], text="t", label="l")
    assert corpus.notes[1].endswith("19 1, and 79 more.")


def test_texts_that_do_not_fit_into_the_memory_are_refused_on_the_way(
    read: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Free:
        available = 20_000

    monkeypatch.setattr(own_corpus.psutil, "virtual_memory", Free)
    content = b"t,l,more\n" + b"".join(b"%s,%d,%s\n" % (b"t" * 951, row % 2, b"m" * 999) for row in range(9))
    with pytest.raises(DataError, match=r"line 7: the texts up to here take 0.0 GB, 25% of the free memory"):
        read(content, text="t", label="l")
    assert len(read(content, text="l", label="l").texts) == 9


def corpus_of(read: Callable[..., Corpus], rows: int = 120, **settings: Any) -> Corpus:
    lines = [f"text {row},{'abc'[row % 3]},g{row % 17},{'test' if row % 5 == 0 else 'train'}" for row in range(rows)]
    return read("\n".join(["t,l,g,p", *lines]).encode(), text="t", label="l", **settings)


def test_a_given_test_part_is_tested_in_every_fold(read: Callable[..., Corpus]) -> None:
    corpus = corpus_of(read, part="p")
    given = [row for row in range(120) if row % 5 == 0]
    assert "Given, and the same for every fold and seed: 24 to test." in corpus.notes
    splits = make_folds(corpus.labels, 4, 0, corpus.groups, corpus.parts)
    assert [split.test.tolist() for split in splits] == [given] * 4
    validated = np.sort(np.concatenate([split.val for split in splits]))
    assert validated.tolist() == [row for row in range(120) if row % 5]
    for split in splits:
        assert not {*split.train} & {*split.val, *split.test}
        assert len(split.val) == 24


def test_files_give_the_parts(read: Callable[..., Corpus], tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("l,t,g,p\na,tested,g,\nnew,tested too,g0,\n")
    (tmp_path / "c.csv").write_text("t,l,g\nvalidated,a,g\n")
    tested = corpus_of(read, group="g", test_file="b.csv")
    assert tested.parts == ["train"] * 120 + ["test"] * 2
    assert tested.classes == ("a", "b", "c", "new")
    assert tested.notes[-1] == (
        "g: 18 groups of 122 documents, up to 9 in one; the given parts tear 1 of them apart (g0), the folds none."
    )
    words = WordTokenizer(PreprocessSettings(min_count=1), tmp_path)
    learnt = TextDataModule(tested, words, n_folds=3, split_seed=0, fold=0, seed=0, batch_size=1, padding="mask")
    assert learnt.report[-1] == "In the test part alone: new."
    with pytest.raises(DataError, match=r"data.test_file=texts.csv is the file of data.file=, which is learnt"):
        corpus_of(read, test_file="texts.csv")
    both = corpus_of(read, test_file="b.csv", val_file="c.csv")
    assert len({str(split) for split in make_folds(both.labels, 3, 0, None, both.parts)}) == 1
    assert [part.tolist() for part in make_folds(both.labels, 3, 0, None, both.parts)[1][1:]] == [[120], [121, 122]]
    with pytest.raises(DataError, match="fold=1: all three parts are given"):
        TextDataModule(both, None, n_folds=3, split_seed=0, fold=1, seed=0, batch_size=1, padding="mask")  # type: ignore[arg-type]
    validated = corpus_of(read, val_file="c.csv")
    splits = make_folds(validated.labels, 3, 0, None, validated.parts)
    assert [split.val.tolist() for split in splits] == [[120]] * 3
    assert np.sort(np.concatenate([split.test for split in splits])).tolist() == list(range(120))


def test_no_group_is_torn_apart(read: Callable[..., Corpus]) -> None:
    corpus = corpus_of(read, group="g")
    assert corpus.notes[-1] == "g: 17 groups of 120 documents, up to 8 in one; none of which is torn apart."
    assert corpus.groups is not None
    groups = np.array(corpus.groups)
    splits = make_folds(corpus.labels, 4, 0, corpus.groups)
    assert np.sort(np.concatenate([split.test for split in splits])).tolist() == list(range(120))
    for split in splits:
        assert not set.intersection(*({*groups[part]} for part in (split.train, split.val)))
        assert not set.intersection(*({*groups[part]} for part in (split.train, split.test)))
        counts = np.bincount([corpus.labels[row][0] for row in split.test], minlength=3)
        assert counts.min() >= 5  # stratified as far as groups allow
    again = make_folds(corpus.labels, 4, 1, corpus.groups)
    assert splits[0].test.tolist() != again[0].test.tolist()


def test_groups_too_few_or_too_large_for_the_folds(read: Callable[..., Corpus]) -> None:
    labels = [(row % 2,) for row in range(60)]
    with pytest.raises(DataError, match="n_folds=5 is more than the 4 groups"):
        make_folds(labels, 5, 0, [row % 4 for row in range(60)])
    with pytest.raises(DataError, match="no class has more than 2 of 60 documents, too few for 3 folds"):
        make_folds([(row // 2,) for row in range(60)], 10, 0)
    unique = [(row,) for row in range(30)] + [(0,)] * 30
    assert len(make_folds(unique, 5, 0, [row % 20 for row in range(60)])) == 5


def test_documents_without_a_group_are_groups_of_their_own(read: Callable[..., Corpus]) -> None:
    corpus = read(b"t,l,g\n1,a,x\n2,b,\n3,a,\n4,a,x\n", text="t", label="l", group="g")
    assert corpus.groups == [0, 1, 2, 0]
    assert corpus.notes[-1] == "2 documents without g: each is a group of its own."


def test_an_own_set_is_named_after_its_file_but_not_like_a_known_one() -> None:
    def name(file: str) -> str:
        return str(composed("data=csv", f"data.file='{file}'", "data.text=a", "data.label=b").data.name)

    assert name("a/b/My reviews.v2.csv.gz") == "My_reviews.v2"
    assert name("hate.csv") == "hate_file"
    assert name("été.json") == "été"


def test_the_library_datasets_gives_parts_and_names_of_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="it comes with the extra hf")
    rows = [{"t": f"text {row}", "l": row % 2 - (row == 4), "m": [0, 1]} for row in range(10)]
    features = datasets.Features(
        t=datasets.Value("string"),
        l=datasets.ClassLabel(names=["no", "yes"]),
        m=datasets.List(datasets.ClassLabel(names=["p", "q"])),
    )
    split = datasets.Dataset.from_list(rows, features=features)
    saved = datasets.DatasetDict({"train": split, "validation": split, "unsupervised": split})
    saved.save_to_disk(str(tmp_path / "mine"))
    config = OmegaConf.load(CONF / "data" / "hf.yaml")
    corpus = load_corpus(OmegaConf.merge(config, {"path": "mine", "text": "t", "label": "l"}), tmp_path)
    assert corpus.classes == ("no", "yes")
    assert corpus.parts == ["train"] * 9 + ["val"] * 9
    assert corpus.origins is not None
    assert corpus.origins[4] == Origin("mine (train)", 6)
    assert corpus.notes[0] == "mine (train): 9 documents; left out: 1 row without label."
    assert corpus.notes[2].startswith("mine (unsupervised): left out")
    several = load_corpus(OmegaConf.merge(config, {"path": "mine", "text": "t", "label": "m"}), tmp_path)
    assert several.multilabel
    assert names(several)[0] == ("p", "q")
    with pytest.raises(DataError) as error:
        load_corpus(OmegaConf.merge(config, {"path": str(tmp_path / "nix"), "text": "t", "label": "l"}), tmp_path)
    assert message(error.value).startswith(f"data.path={tmp_path}/nix: the library datasets cannot load it")


ASKS_A_HUB_THAT_IS_NOT_THERE = """
import time
from pathlib import Path
time.sleep = lambda seconds: None
from conf.mistakes import one_line_errors
from datamodules.texts.hub_datasets import load_splits
with one_line_errors():
    load_splits("glue", "sst2", Path("data"))
"""


@pytest.mark.processes
def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="it comes with the extra hf")
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", ASKS_A_HUB_THAT_IS_NOT_THERE]
    done = subprocess.run(command, cwd=tmp_path, env=nowhere, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith("Error: data.path=glue: the library datasets cannot load it (")
