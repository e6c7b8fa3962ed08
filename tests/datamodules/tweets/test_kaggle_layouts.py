"""Both Kaggle layouts are read whole or in chunks, whatever line breaks, quotes and broken rows they contain."""

import csv
import itertools
from datetime import date
from pathlib import Path

import pytest
from conftest import PROJECT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.tweets import kaggle_layouts
from datamodules.tweets.kaggle_layouts import Tweet, chunks, layout_of, read_chunk

FIXTURES = PROJECT / "tests" / "fixtures" / "market"
MBSA = FIXTURES / "mbsa.csv"
TWEETS = FIXTURES / "tweets.csv"


def whole(path: Path) -> tuple[list[Tweet], int]:
    """All tweets of a file, read as one chunk, and the number of broken lines."""
    (chunk,) = chunks(path, 1 << 20)
    return read_chunk(path, chunk)[:2]


def test_every_kind_of_row_of_mbsa() -> None:
    found, broken = whole(MBSA)
    assert [(tweet.day.day, tweet.text, tweet.tag) for tweet in found] == [
        (2, "VADER is smart, handsome, and funny.", 1),
        (1, "Today SUX!", -1),
        (2, "RT @someone: VADER is smart, handsome, and funny.", 1),
        (2, "VADER is smart, handsome, and funny.", 1),
        (3, 'A tweet over two lines:\n2018-01-01, the book was "really" good.', 0),
        (3, 'he said "well" and this is not bad', 1),
        (3, "", 0),
        (4, "At least it isn't a horrible book.", -1),
    ]
    assert broken == 3  # the open quote, 30 February, the row without a tag


def test_every_kind_of_row_of_tweets() -> None:
    found, broken = whole(TWEETS)
    assert [(tweet.day, tweet.text) for tweet in found] == [
        (date(2019, 5, 27), "VADER is smart, handsome, and funny."),
        (date(2019, 5, 28), "Today SUX!"),  # half past eleven at night, five hours west of Greenwich
        (date(2019, 5, 28), "a raw line\nbreak; and a semicolon; no harm"),
        (date(2019, 5, 28), 'The "book"\nwas good.'),
        (date(2019, 5, 29), '"Quoted" words first'),
    ]
    assert all(tweet.tag is None for tweet in found)
    assert broken == 1


texts = st.lists(st.text(alphabet=list('ab1-,;"\n é'), max_size=40), min_size=1, max_size=5)


@given(texts)
@example(["2018-01-01,a,Positive\n2018-01-02,b,Positive", '1;a;;;2019-05-27 00:00:00+00;0;0;0;"b"'])
@settings(deadline=None)
def test_whatever_a_csv_writer_writes_is_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for layout, row, delimiter in (
        (kaggle_layouts.MBSA, ["2018-01-01", "", "Neutral"], ","),
        (kaggle_layouts.TWEETS, [7, "u", "n", "", "2018-01-01 00:00:00+00", 0, 0, 0, ""], ";"),
    ):
        with open(path, "w", newline="", encoding="utf-8") as file:
            file.write(layout.header + "\n")
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerows(
                [text if cell == "" and n in (1, 8) else cell for n, cell in enumerate(row)] for text in texts
            )
        found, broken = whole(path)
        assert [tweet.text.strip() for tweet in found] == [text.strip() for text in texts]
        assert broken == 0


@pytest.mark.parametrize("path", [MBSA, TWEETS], ids=["mbsa", "tweets"])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found, broken = whole(copy)
    expected, expected_broken = whole(path)
    assert [(t.day, t.text.replace("\r", ""), t.tag) for t in found] == expected
    assert broken == expected_broken


@pytest.mark.parametrize("path", [MBSA, TWEETS], ids=["mbsa", "tweets"])
@pytest.mark.parametrize("size", range(150, 400, 10))
def test_chunks_hold_whole_rows_and_make_up_the_file(path: Path, size: int) -> None:
    cut = chunks(path, size)
    assert len(cut) > 1
    assert cut[0].start == len(layout_of(path).header) + 1
    assert cut[-1].end == path.stat().st_size
    assert all(one.end == other.start for one, other in itertools.pairwise(cut))
    parts = [read_chunk(path, chunk)[:2] for chunk in cut]
    found, broken = whole(path)
    assert [tweet for part, _ in parts for tweet in part] == found
    assert sum(count for _, count in parts) == broken


def test_a_file_without_rows_is_cut_into_bounded_chunks(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\n" + "x" * 10_000)
    cut = chunks(path, 1000)
    assert max(chunk.end - chunk.start for chunk in cut) <= 2000
    assert [read_chunk(path, chunk)[:3] for chunk in cut] == [([], 1, 0)] * len(cut)


def test_a_text_that_is_too_long_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text(f"Date,text,Sentiment\n2018-01-01,{'x' * 10_001},Positive\n")
    assert whole(path) == ([], 1)


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("date;tweet\n")
    with pytest.raises(DataError, match="its first line is 'date;tweet', not Date,text,Sentiment, id;user"):
        layout_of(path)
    with pytest.raises(DataError, match=r"missing.csv cannot be read"):
        layout_of(tmp_path / "missing.csv")


def test_a_file_of_a_header_alone_has_no_chunks(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    for end in ("", "\n"):
        path.write_text(f"Date,text,Sentiment{end}")
        assert chunks(path, 1000) == []


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2019-05-27 23:30:00-05", date(2019, 5, 28)),
        ("2019-05-27 23:30:00-00:30", date(2019, 5, 28)),
        ("2019-05-28 05:29:00+0530", date(2019, 5, 27)),
        ("2019-05-28 00:00:00+05:30", date(2019, 5, 27)),  # a tweet at midnight, unlike a market's day
        ("9999-12-31 23:59:59-05", None),
        ("0001-01-01 00:00:00+05", None),
        ("9999-12-31 23:59:59+00", None),
        ("2019-02-30 12:00:00+00", None),
        ("2019-02-28 25:00:00+00", None),
    ],
)
def test_time_stamps_are_utc_days_or_broken(tmp_path: Path, stamp: str, day: date | None) -> None:
    path = tmp_path / "tweets.csv"
    path.write_text(f"{kaggle_layouts.TWEETS.header}\n1;u;n;;{stamp};0;0;0;hello\n")
    found, broken = whole(path)
    assert [tweet.day for tweet in found] == [day] * (day is not None)
    assert broken == (day is None)


@pytest.mark.parametrize(
    ("stamp", "day", "converted", "assumed"),
    [
        ("2019-05-27", date(2019, 5, 27), 0, 0),
        ("2019-05-27 23:30:00-05", date(2019, 5, 28), 1, 0),
        ("2019-05-28T05:29:00.123+05:30", date(2019, 5, 27), 1, 0),
        ("2019-05-28 00:00+0530", date(2019, 5, 27), 1, 0),
        ("2019-05-27 23:30:00Z", date(2019, 5, 27), 0, 0),
        ("2019-05-27 23:30:00 UTC", date(2019, 5, 27), 0, 0),
        ("2019-05-27 23:30:00+00:00", date(2019, 5, 27), 0, 0),
        ("2019-05-27 23:30", date(2019, 5, 27), 0, 1),
        ("2019-02-30 23:30", None, 0, 0),
        ("2019-05-27 23:30:00-05 yes", None, 0, 0),
    ],
)
@pytest.mark.parametrize("header", ["Date,text", "Date,text,Sentiment"])
def test_dates_may_have_times(
    tmp_path: Path, header: str, stamp: str, day: date | None, converted: int, assumed: int
) -> None:
    path = tmp_path / "dated.csv"
    tag = ",Positive" if header.endswith("Sentiment") else ""
    path.write_text(f'{header}\n{stamp},"so, good"{tag}\n{stamp},so good{tag}\n')
    (chunk,) = chunks(path, 1000)
    found = read_chunk(path, chunk)
    assert [(tweet.day, tweet.text) for tweet in found.tweets] == [(day, "so, good"), (day, "so good")] * (
        day is not None
    )
    assert (found.broken, found.converted, found.assumed) == (0 if day else 2, 2 * converted, 2 * assumed)


def test_a_file_of_dates_with_times_is_cut_between_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "dated.csv"
    path.write_text("Date,text\n" + "".join(f"2019-05-27 {hour:02d}:30:00-05,tweet {hour}\n" for hour in range(24)))
    cut = chunks(path, 100)
    assert len(cut) > 5
    assert sum(len(read_chunk(path, chunk).tweets) for chunk in cut) == 24


def test_times_in_other_zones_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "tweets.csv"
    stamps = ("2019-05-27 23:30:00-05", "2019-05-27 23:30:00+00", "2019-05-27 23:30:00+0530")
    path.write_text(f"{kaggle_layouts.TWEETS.header}\n" + "".join(f"1;u;n;;{stamp};0;0;0;hello\n" for stamp in stamps))
    (chunk,) = chunks(path, 1000)
    assert read_chunk(path, chunk).converted == 2


def test_tweets_with_bytes_that_are_not_utf8_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    good, latin, surrogate = "caf\u00e9 \ufffd".encode(), "caf\u00e9".encode("latin-1"), b"\xed\xa0\x80"
    rows = b"".join(b"2018-01-01," + text + b",Positive\n" for text in (good, latin, surrogate, b"a\0b"))
    path.write_bytes(b"Date,text,Sentiment\n" + rows)
    (chunk,) = chunks(path, 1000)
    found, broken, not_utf8, *_ = read_chunk(path, chunk)
    assert [tweet.text for tweet in found] == ["caf\u00e9 \ufffd", "caf\ufffd", "\ufffd\ufffd\ufffd", "a\ufffdb"]
    assert (broken, not_utf8) == (0, 3)


def test_utf16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\n2018-01-01,a,Positive\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"is not UTF-8 but UTF-16, or no text at all: save it as UTF-8\.$"):
        layout_of(path)
