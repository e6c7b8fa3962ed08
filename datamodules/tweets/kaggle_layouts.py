"""Layouts of tweet files, two of Kaggle and a plain one: files are cut into chunks of whole rows, and read by chunks.

Texts in `mbsa.csv` and `tweets.csv` contain line breaks, quoted or not, and some rows break their own format. A CSV
reader would lose the rest of the file at the first stray quote. Here each layout is a regular expression for one whole
row; lines between two matches are broken and are counted.
"""

import itertools
import re
from datetime import date
from pathlib import Path
from typing import BinaryIO, NamedTuple

from datamodules.days import is_utc, utc_day
from datamodules.errors import DataError

LONGEST_TEXT = 10_000  # characters; a longer text is not a tweet but several rows run together


class TweetLayout(NamedTuple):
    """The format of a tweet file.

    Attributes:
        header: the first line of the file.
        row: matches one whole row from the start of a line; groups `day`, `time`, `zone`, `quoted` or `plain`
            for the text, and optionally `tag`. A row may have no time, and a time no zone.
        first, last: match the first and the last line of a row; the file can be cut between a line that matches
            `last` and a line that matches `first`.
    """

    header: str
    row: re.Pattern[str]
    first: re.Pattern[bytes]
    last: re.Pattern[bytes]


class Tweet(NamedTuple):
    """One row: its day in UTC, its text, and its tag as -1, 0 or +1; None if the layout has no tags."""

    day: date
    text: str
    tag: int | None


class Chunk(NamedTuple):
    """A byte range of the file that holds whole rows: `start` included, `end` excluded."""

    start: int
    end: int


class ChunkContent(NamedTuple):
    """The content of a chunk.

    Attributes:
        tweets: its whole rows.
        broken: the number of lines that belong to no tweet.
        not_utf8: the number of tweets that have bytes which are not UTF-8, or a NUL; these are read as U+FFFD.
        converted: the number of tweets with a time in a zone other than UTC; their days are those in UTC.
        assumed: the number of tweets with a time without a zone, which is taken as UTC.
    """

    tweets: list[Tweet]
    broken: int
    not_utf8: int
    converted: int
    assumed: int


TAGS = {"Positive": 1, "Neutral": 0, "Negative": -1}

_ZONE = r"[+-]\d\d(?::?\d\d)?"
_DATE = (  # as `days.utc_days` reads them
    r"(?P<day>\d{4}-\d\d-\d\d)"
    rf"(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?: ?(?P<zone>Z|UTC|GMT|{_ZONE}))?)?,"
)
_NO_TEXT = re.compile("[\ud800-\udfff\0]")
_QUOTED = r'"(?P<quoted>[^"]*(?:""[^"]*)*)"'
_NUMBERED = r'"?\d+"?;[^;\n]*;[^;\n]*;'  # start of a row of tweets.csv, whole or broken

MBSA = TweetLayout(
    header="Date,text,Sentiment",
    row=re.compile(
        rf'^{_DATE}(?:{_QUOTED}|(?P<plain>[^"\n][^\n]*)?),(?P<tag>{"|".join(TAGS)})\r?$',
        re.MULTILINE,
    ),
    first=re.compile(_DATE.encode()),
    last=re.compile(rb".*,(Positive|Neutral|Negative)\r?\n"),
)
TWEETS = TweetLayout(
    header="id;user;fullname;url;timestamp;replies;likes;retweets;text",
    row=re.compile(
        rf'^"?\d+"?;[^\n]*?;"?(?P<day>\d{{4}}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d)[.\d]*(?P<zone>{_ZONE})"?;'
        rf"\d*;\d*;\d*;(?:{_QUOTED}(?=\r?$)|(?P<plain>[^\n]*(?:\n(?!{_NUMBERED})[^\n]*)*))",
        re.MULTILINE,
    ),
    first=re.compile(_NUMBERED.encode()),
    last=re.compile(b""),
)
DATED = TweetLayout(
    header="Date,text",
    row=re.compile(rf'^{_DATE}(?:{_QUOTED}|(?P<plain>[^"\n][^\n]*)?)\r?$', re.MULTILINE),
    first=MBSA.first,
    last=re.compile(b""),
)


def layout_of(path: Path) -> TweetLayout:
    """The layout of a tweet file: MBSA, TWEETS or DATED.

    Raises:
        DataError: the file is missing or UTF-16, or its first line is none of their headers.
    """
    try:
        with open(path, "rb") as file:
            first_line = file.readline(1000)
    except OSError as error:
        raise DataError(f"the tweet file {path} cannot be read: {error.strerror}.") from error
    if b"\0" in first_line:
        raise DataError(f"{path} is not UTF-8 but UTF-16, or no text at all: save it as UTF-8.")
    header = first_line.decode("utf-8-sig", "replace").strip()
    for layout in (MBSA, TWEETS, DATED):
        if header.replace('"', "") == layout.header:
            return layout
    raise DataError(
        f"{path} is not a tweet file of a known layout: its first line is {header[:80]!r}, "
        f"not {MBSA.header}, {TWEETS.header} or {DATED.header}."
    )


def chunks(path: Path, size: int) -> list[Chunk]:
    """Cut a file, without its header, into chunks of about `size` bytes, always at the same places.

    A stretch of `size` bytes without the start of a row is broken, and is cut anywhere.
    """
    layout = layout_of(path)
    with open(path, "rb") as file:
        file.readline()
        cuts = [file.tell()]
        end = file.seek(0, 2)
        for offset in range(cuts[0] + size, end, size):
            cuts.append(_next_row(file, offset, offset + size, layout))
    cuts = [*sorted({cut for cut in cuts if cut < end}), end]
    return [Chunk(*ends) for ends in itertools.pairwise(cuts)]


def read_chunk(path: Path, chunk: Chunk) -> ChunkContent:
    """Read the tweets of a chunk, and count what is wrong with it."""
    with open(path, "rb") as file:
        file.seek(chunk.start)
        # A byte that is not UTF-8 becomes a surrogate, which no UTF-8 has, so that its tweet can be counted.
        text = file.read(chunk.end - chunk.start).decode("utf-8", "surrogateescape")
    tweets, broken, not_utf8, converted, assumed, read_to = [], 0, 0, 0, 0, 0
    for row in layout_of(path).row.finditer(text):
        broken += _lines(text[read_to : row.start()])
        read_to = row.end()
        tweet = _tweet(row)
        if tweet is None:
            broken += _lines(row.group())
            continue
        if _NO_TEXT.search(tweet.text):
            not_utf8 += 1
            found = tweet.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            tweet = tweet._replace(text=found.replace("\0", "\ufffd"))
        assumed += row["time"] is not None and row["zone"] is None
        converted += row["zone"] is not None and not is_utc(row["zone"])
        tweets.append(tweet)
    return ChunkContent(tweets, broken + _lines(text[read_to:]), not_utf8, converted, assumed)


def _next_row(file: BinaryIO, offset: int, limit: int, layout: TweetLayout) -> int:
    """Start of the first row after `offset`, or the end of the file; `offset` itself if neither is before `limit`."""
    file.seek(offset)
    before = file.readline(limit - offset)  # possibly only the end of a line, which is enough for `last`
    while (start := file.tell()) < limit:
        line = file.readline(limit - offset)
        if not line or (layout.last.match(before) and layout.first.match(line)):
            return start
        before = line
    return offset


def _tweet(row: re.Match[str]) -> Tweet | None:
    fields = row.groupdict()
    text = (fields["plain"] or "").strip() if fields["quoted"] is None else fields["quoted"].replace('""', '"')
    if len(text) > LONGEST_TEXT:
        return None
    day = utc_day(fields["day"], fields["time"] or "00:00", fields["zone"] or "Z")
    if day is None:  # 2019-02-30, or the year 9999
        return None
    return Tweet(day, text, TAGS.get(fields.get("tag", "")))


def _lines(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.strip())
