"""Tables with comments, odd headers and long fields; encodings and archives that are read or refused."""

import struct
import zipfile
from pathlib import Path

import pytest
from text_data import make_zip

from datamodules.csv_files import csv_rows, read_table, tsv_rows
from datamodules.errors import DataError
from datamodules.market.prices import read_prices
from datamodules.text_files import read_member, read_text


def table_of(tmp_path: Path, content: bytes, *columns: str) -> dict[str, list[str | None]]:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    return read_table(path).texts(columns)


def test_of_a_long_comment_the_beginning_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"# {'long ' * 100_000}\ndate,mood\n")
    comment = read_table(path).comment
    assert comment is not None
    assert len(comment) <= 400
    assert comment.startswith("long long")
    assert comment.endswith(" long ...")


def test_a_line_is_a_comment_by_its_first_character(tmp_path: Path) -> None:
    content = b'# above\ndate,note,mood\n2015-03-01,#bitcoin,1\n# between\n2015-03-02,"two\n# lines, ""quoted""",2\n'
    assert table_of(tmp_path, content, "mood", "note") == {
        "mood": ["1", "2"],
        "note": ["#bitcoin", 'two\n# lines, "quoted"'],
    }


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("# a\n# b\ndate,mood\n2015-03-01,1\n", []),
        ("# a\ndate,mood\n2015-03-01,1\n#2,2\n", ["1 line that begins with # is a comment"]),
        ('date,mood\n# a\n2015-03-01,"1\n# b"\n\n# c', ["2 lines that begin with # are comments"]),
        ('"the\n# date",mood\n# a\n', ["1 line that begins with # is a comment"]),
    ],
)
def test_comments_below_the_header_are_counted(content: str, notes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    assert read_table(path).notes == notes


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_a_comment_may_be_latin_1(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(mark + "# Schlußkurse\ndate,mood\n2015-03-01,1\n# für\n".encode("latin-1"))
    table = read_table(path)
    assert table.comment == "Schlußkurse"
    assert table.texts(["mood"]) == {"mood": ["1"]}
    path.write_bytes("# Schlußkurse für €\ndate,mood\n".encode())
    assert read_table(path).comment == "Schlußkurse für €"


def test_a_row_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table.csv, line 3: the byte 0xfc is not UTF-8\.$"):
        table_of(tmp_path, b"#\ndate,mood\n2015-03-01,f\xfcr\n", "mood")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    assert table_of(tmp_path, "date,mood\r\n2015-03-01,é😡\r\n".encode(encoding), "date", "mood") == {
        "date": ["2015-03-01"],
        "mood": ["é😡"],
    }
    path = tmp_path / "rows"
    path.write_bytes("text\tlabel\ngood\té\n".encode(encoding))
    assert [row.fields for row in tsv_rows(path, ("text", "label"))] == [{"text": "good", "label": "é"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfed\x00a\x00\n\x00\x00\xd8\x00\x00", r"line 2: it begins as UTF-16, but this line is not\.$"),
        ("date,mood\n".encode("utf-16-le"), r"line 1: a NUL character, which no text has: save the file as UTF-8"),
        (b"date,mood\n2015-03-01,\0", r"line 2: a NUL character"),
        (b"date,mood\n\xed\xa0\x80,1", r"line 2: the byte 0xed is not UTF-8\.$"),  # a lone surrogate
        (b"", r"table.csv is empty: it has no header\.$"),
        (b"# nothing else\n\n", r"table.csv is empty: it has no header\.$"),
        (b"date,mood,mood\n2015-03-01,1,2\n", r"the column mood stands twice in the header: remove or rename"),
        (b"date\n2015-03-01\n", r"no column mood in the header 'date'\.$"),
        (b"date,mood\n2015-03-01,1\n2015-03-02,1,5\n", r"line 3: 3 fields instead of 2, separated by ','\.$"),
        (b"date,tag,mood\n2015-03-01,a,1\n2015-03-02,b\n", r"line 3: 2 fields instead of 3, separated by ','\.$"),
        (
            b'date,mood\n2015-03-01,"1\n',
            r"line 2: the row that starts here is not valid CSV \(unexpected end of data\)",
        ),
    ],
)
def test_a_faulty_table_is_refused_in_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table_of(tmp_path, content, "date", "mood")


def test_missing_values_are_none(tmp_path: Path) -> None:
    content = b"date,mood,more\n2015-03-01,null,x\n   \n2015-03-02,,\n2015-03-03,NaN,\n"
    assert table_of(tmp_path, content, "mood", "more") == {"mood": [None] * 3, "more": ["x", None, None]}


def test_a_column_that_nobody_needs_may_stand_twice(tmp_path: Path) -> None:
    assert table_of(tmp_path, b"date,,,mood\n2015-03-01,a,b,1\n", "mood") == {"mood": ["1"]}


def test_a_corpus_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("text,label,text\ngood,1,bad\n")
    with pytest.raises(DataError, match=r"corpus.csv, line 1: the column text stands twice in the header"):
        list(csv_rows(path, ("text", "label")))
    assert [row.fields["label"] for row in csv_rows(path, ("label",))] == ["1"]


def test_a_field_may_be_longer_than_the_csv_modules_limit(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    text = "word " * 50_000
    path.write_text(f'text,label\n"{text}",1\n')
    (row,) = csv_rows(path, ("text", "label"))
    assert row.fields["text"] == text


@pytest.mark.slow
def test_a_field_of_100_mb_is_read_or_refused_in_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text('text,label\n"' + "word " * 20_000_000 + '",1\n')
    (row,) = csv_rows(path, ("text", "label"))
    assert len(row.fields["text"]) == 100_000_000
    path.write_text("Date,Open,High,Low,Close,Volume\n2020-01-01,1,1,1,1," + "9" * 100_000_000 + "\n")
    with pytest.raises(DataError, match="on 2020-01-01 Volume 9999") as refused:
        read_prices(path)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("name", ["missing.csv", ""])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"^{tmp_path / name} cannot be read: (No such file|Is a directory)"):
        read_text(tmp_path / name)


def zipped(path: Path, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "x/../../a.csv", "..\\a.csv"])
def test_an_archive_with_a_path_that_leads_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "data.zip", {"a.csv": b"text", name: b"text"})
    with pytest.raises(DataError, match="unsafe path"):
        read_member(path, "a.csv")


def test_a_zip_bomb_is_refused_and_packed_text_is_not(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", "a.csv", bytes(20 << 20))
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(DataError, match=r"its a.csv would grow from \d\d,\d{3} to 20,971,520 bytes, which is a zip"):
        read_member(bomb, "a.csv")
    text = "".join(f"2015-03-{day:05},{day}\n" for day in range(100_000)).encode()
    assert read_member(zipped(tmp_path / "text.zip", "a.csv", text), "a.csv") == text


def test_an_archive_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    """Else the check of a bomb could be passed by a lie."""
    path = zipped(tmp_path / "bomb.zip", "a.csv", bytes(2 << 20))
    size = struct.pack("<I", 2 << 20)
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1000)))
    with pytest.raises(DataError, match="damaged zip archive"):
        read_member(path, "a.csv")


def test_the_bytes_of_a_damaged_archive_are_not_printed(tmp_path: Path) -> None:
    """Python's own message quotes as many as a damaged header claims for the name of a file."""
    path = zipped(tmp_path / "data.zip", "a.csv", b"text" * 1000, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[26:28] = struct.pack("<H", 3000)
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"is a damaged zip archive \(File name in directory 'a.csv' and header"
    ) as error:
        read_member(path, "a.csv")
    assert len(str(error.value)) < len(str(path)) + 200


def test_an_encrypted_or_unknown_archive_cannot_be_unpacked(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "data.zip", "a.csv", b"text", zipfile.ZIP_STORED).read_bytes())
    entry = content.index(b"PK\x01\x02")
    for offset, value, message in ((8, 1, "password required"), (10, 99, "compression method")):
        broken = bytearray(content)
        for start, place in ((entry, offset), (0, offset - 2)):  # the directory's entry and the file's own header
            broken[start + place] = value
        path = tmp_path / f"{value}.zip"
        path.write_bytes(broken)
        with pytest.raises(DataError, match=rf"cannot be unpacked \(.*{message}.*\); unpack it by hand\.$"):
            read_member(path, "a.csv")


def test_a_small_file_may_be_packed_well(tmp_path: Path) -> None:
    assert len(read_member(zipped(tmp_path / "data.zip", "a.csv", bytes(100_000)), "a.csv")) == 100_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_carriage_return_inside_a_comment_ends_no_line(end: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(
        end.join(["# from\rYahoo, retrieved", "Date,Close", "2015-03-01,1", "# b\r2015-03-02,2", ""]).encode()
    )
    table = read_table(path)
    assert table.comment == "from Yahoo, retrieved"
    assert table.rows == [(3, ["2015-03-01", "1"])]


def test_carriage_returns_alone_end_lines(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(b"# from Yahoo\rDate,Close\r2015-03-01,1\r# b\r2015-03-02,2\r")
    assert read_table(path).rows == [(3, ["2015-03-01", "1"]), (5, ["2015-03-02", "2"])]
