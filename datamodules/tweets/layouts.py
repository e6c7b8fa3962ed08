"""The two Kaggle layouts of Bitcoin tweets: a file is cut into pieces of whole rows, and read a piece at a time.

`mbsa.csv` and `tweets.csv` both have line breaks within texts, quoted or raw, and may have rows that break their own
format: a reader that follows quotes through the file would lose the rest of it at the first stray one. Here each
layout is a regular expression for one whole row; what lies between two matches is broken, and counted.
"""

import re
from datetime import date, datetime, timezone
from pathlib import Path
from typing import BinaryIO, NamedTuple

from datamodules.errors import DataError

LONGEST_TEXT = 10_000  # characters; more is no tweet but many rows run together


class Layout(NamedTuple):
    """How a tweet file is written.

    Attributes:
        header: its first line.
        row: one whole row, from the start of a line, with the groups `day`, `quoted` or `plain` for the text,
            and optionally `time`, `zone` and `tag`.
        first, last: the first line of a row, and the last; between a match of `last` and one of `first` the
            file can be cut.
    """

    header: str
    row: re.Pattern[str]
    first: re.Pattern[bytes]
    last: re.Pattern[bytes]


class Tweet(NamedTuple):
    """One row: its day in UTC, its text, and its tag as -1, 0 or +1, if the layout has tags."""

    day: date
    text: str
    tag: int | None


class Piece(NamedTuple):
    """Bytes of the file that hold whole rows: `start` included, `end` not."""

    start: int
    end: int


TAGS = {"Positive": 1, "Neutral": 0, "Negative": -1}

_QUOTED = r'"(?P<quoted>[^"]*(?:""[^"]*)*)"'
_NUMBERED = r'"?\d+"?;[^;\n]*;[^;\n]*;'  # how a row of tweets.csv starts, whole or broken

MBSA = Layout(
    header="Date,text,Sentiment",
    row=re.compile(
        rf'^(?P<day>\d{{4}}-\d\d-\d\d),(?:{_QUOTED}|(?P<plain>[^"\n][^\n]*)?),(?P<tag>{"|".join(TAGS)})\r?$',
        re.MULTILINE,
    ),
    first=re.compile(rb"\d{4}-\d\d-\d\d,"),
    last=re.compile(rb".*,(Positive|Neutral|Negative)\r?\n"),
)
TWEETS = Layout(
    header="id;user;fullname;url;timestamp;replies;likes;retweets;text",
    row=re.compile(
        r'^"?\d+"?;[^\n]*?;"?(?P<day>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d)[.\d]*(?P<zone>[+-]\d\d)"?;'
        rf"\d*;\d*;\d*;(?:{_QUOTED}(?=\r?$)|(?P<plain>[^\n]*(?:\n(?!{_NUMBERED})[^\n]*)*))",
        re.MULTILINE,
    ),
    first=re.compile(_NUMBERED.encode()),
    last=re.compile(b""),
)


def layout_of(path: Path) -> Layout:
    """Which of the two it is.

    Raises:
        DataError: the file is missing, or its first line is neither header.
    """
    try:
        with open(path, "rb") as file:
            header = file.readline(1000).decode("utf-8-sig", "replace").strip()
    except OSError as error:
        raise DataError(f"the tweet file {path} cannot be read: {error.strerror}.") from error
    for layout in (MBSA, TWEETS):
        if header.replace('"', "") == layout.header:
            return layout
    raise DataError(
        f"{path} is no tweet file that is known here: its first line is {header[:80]!r}, "
        f"not {MBSA.header} or {TWEETS.header}."
    )


def pieces(path: Path, size: int) -> list[Piece]:
    """Cut the file, without its header, into pieces of about `size` bytes, always at the same places.

    A stretch of `size` bytes without a place to cut at is cut where it is: it is broken anyhow.
    """
    layout = layout_of(path)
    with open(path, "rb") as file:
        file.readline()
        cuts = [file.tell()]
        end = file.seek(0, 2)
        for offset in range(cuts[0] + size, end, size):
            cuts.append(_next_row(file, offset, offset + size, layout))
    cuts = sorted({cut for cut in cuts if cut < end})
    return [Piece(*ends) for ends in zip(cuts, [*cuts[1:], end], strict=True)]


def read(path: Path, piece: Piece) -> tuple[list[Tweet], int]:
    """The tweets of a piece, and the number of lines that belong to none."""
    with open(path, "rb") as file:
        file.seek(piece.start)
        text = file.read(piece.end - piece.start).decode("utf-8", "replace")
    tweets, broken, read_to = [], 0, 0
    for row in layout_of(path).row.finditer(text):
        broken += _lines(text[read_to : row.start()])
        read_to = row.end()
        tweet = _tweet(row)
        if tweet is None:
            broken += _lines(row.group())
        else:
            tweets.append(tweet)
    return tweets, broken + _lines(text[read_to:])


def _next_row(file: BinaryIO, offset: int, limit: int, layout: Layout) -> int:
    """Where the first row starts that begins after `offset`; the end of the file, if it has no other."""
    file.seek(offset)
    before = file.readline(limit - offset)  # from somewhere within a line, which is enough for `last`
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
    try:
        day = date.fromisoformat(fields["day"])
        if "time" in fields:
            local = datetime.fromisoformat("{day}T{time}{zone}:00".format_map(fields))
            day = local.astimezone(timezone.utc).date()
    except ValueError:  # 2019-02-30
        return None
    return Tweet(day, text, TAGS.get(fields.get("tag", "")))


def _lines(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.strip())
