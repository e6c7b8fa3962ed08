"""Points in time as people write them in a column of a CSV file."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from datamodules.counts import count
from datamodules.days import FIRST, LAST

_FORMS = (
    re.compile(r"(?P<year>\d{4})(?:\.0+)?"),  # 1959, and 1959.0 as pandas writes it
    re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d\d?)"),
    re.compile(r"(?P<year>\d{4})-? ?[Qq](?P<quarter>[1-4])"),
    re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"),
    re.compile(
        r"(?P<year>\d{4})[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)"
        r"(?:[T ](?P<time>\d\d?:\d\d(?::\d\d)?)(?:\.\d+)?)? ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
        re.ASCII,
    ),
)
_NAMED_MONTH = re.compile(
    r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}[- ][A-Za-z]{3,9}[- ,]+\d{4}|[A-Za-z]{3,9}[- ]\d{4}"
    r"|\d{4}[- ][A-Za-z]{3,9}(?:[- ]\d{1,2})?"
)
_YEAR_LAST = re.compile(r"\s*(\d\d?)([./-])(\d\d?)\2(\d{4})(?=$|[T ,])")
_WITH_POINTS = "."
"""Day and month are written with points in this order alone; with other signs the month may stand first."""

_SHOWN = 3  # zones listed in one note

EXAMPLES = "2020-12-31, 2020-12-31 18:00, 2020-12, 2020Q4, 2020 or Dec 31 2020"


class Times(NamedTuple):
    """The points in time of a column.

    Attributes:
        times: one for each text, without a zone; NaT where the text is none.
        notes: phrases for the user.
    """

    times: pd.DatetimeIndex
    notes: list[str]


def read_times(texts: Sequence[str | None]) -> Times:
    """Read years, quarters, months, days and times of day.

    Where the year stands last, a day above 12 somewhere in the column tells days from months: 31/12/2020 or 12/31/2020.
    Without one, no such text is a date, unless it is written with points, 31.12.2020. Times with a zone are converted
    to UTC, and without one taken as UTC. A column of midnights alone holds days: a midnight in any zone stands for its
    own day, since in UTC it would belong to the day before. All of this is noted.
    """
    parts = [_parts(text) for text in _year_first(texts)]
    whole_days = all(not each or each["time"] is None or not each["time"].strip("0:") for each in parts)
    written = [_written(each, whole_days) for each in parts]
    times = pd.DatetimeIndex(pd.to_datetime(written, format="ISO8601", utc=True, errors="coerce")).tz_localize(None)
    outside = (times < pd.Timestamp(FIRST)) | (times >= pd.Timestamp(LAST))
    return Times(pd.DatetimeIndex(times.where(~outside)), list(_about_zones(parts, whole_days)))


def _about_zones(parts: Sequence[dict[str, str | None]], whole_days: bool) -> Iterator[str]:
    """Phrases on how the zones were read, if there are any."""
    there = [each["zone"] for each in parts if each]
    zones = Counter(zone for zone in there if zone)
    if not zones:
        return
    more = " ..." * (len(zones) > _SHOWN)
    kind = "a zone" if len(zones) == 1 else f"zones ({', '.join(sorted(zones)[:_SHOWN])}{more})"
    if whole_days:
        yield f"midnights with {kind} taken as days"
        return
    yield f"{count(zones.total(), 'time')} with {kind} converted to UTC"
    if others := len(there) - zones.total():
        yield f"{count(others, 'time')} without a zone taken as UTC"


def _year_first(texts: Sequence[str | None]) -> list[str | None]:
    """The texts, with dates such as 31/12/2020 as 2020-12-31 if the column tells which number is the day."""
    found = [_YEAR_LAST.match(text or "") for text in texts]
    first, second = (max((int(each[place]) for each in found if each), default=0) for place in (1, 3))
    pointed = all(each[2] == _WITH_POINTS for each in found if each)
    if (max(first, second) <= 12 and not pointed) or min(first, second) > 12:
        return list(texts)
    day, month = (1, 3) if pointed or first > 12 else (3, 1)
    return [
        f"{each[4]}-{each[month]}-{each[day]}{(text or '')[each.end() :].replace(', ', ' ')}" if each else text
        for each, text in zip(found, texts, strict=True)
    ]


def _parts(text: str | None) -> dict[str, str | None]:
    """Year, month, day, time and zone of a text; empty if it is no date."""
    text = (text or "").strip()
    for form in _FORMS:
        if found := form.fullmatch(text):
            part = {"month": "1", "day": "1", "time": None, "zone": None, **found.groupdict()}
            if (quarter := part.get("quarter")) is not None:
                part["month"] = str(3 * int(quarter) - 2)
            return part
    if _NAMED_MONTH.fullmatch(text):
        day = pd.to_datetime(text, errors="coerce", dayfirst=True)
        if not pd.isna(day):
            return {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}", "time": None, "zone": None}
    return {}


def _written(part: dict[str, str | None], whole_days: bool) -> str:
    """The point in time in ISO 8601, "" if there is none."""
    if not part:
        return ""
    day = f"{part['year']}-{int(part['month'] or 1):02}-{int(part['day'] or 1):02}"
    if whole_days or part["time"] is None:
        return day
    hour, minutes = part["time"].split(":", 1)
    zone = part["zone"] or "Z"
    return f"{day}T{int(hour):02}:{minutes}{'Z' if zone[0] not in '+-' else zone}"
