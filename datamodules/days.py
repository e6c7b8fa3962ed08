"""Dates in files as days in UTC: a time zone that was cut off would shift values by a day, some into the future."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from datamodules.counts import count

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST = date(1700, 1, 1), date(2199, 12, 31)
"""The days that are read; pandas cannot hold all that a calendar has."""

_DATE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class UtcDays(NamedTuple):
    """The days of a column of dates.

    Attributes:
        days: a day for each text; NaT where the text is no date.
        notes: phrases for the user on times that were read, with and without a zone, and on midnights with one.
    """

    days: "pd.DatetimeIndex"
    notes: list[str]


def utc_days(texts: Iterable[str | None]) -> UtcDays:
    """Read dates such as 2014-09-18, "2014-09-18 00:00:00-04:00" and 2014-09-18T19:00:00Z.

    A day without a time stands for itself. So does midnight in any zone: this is how markets write the day of a
    candle, and in UTC Tokyo's would belong to the day before, ahead of its own close. Any other time with a zone is
    converted to UTC, and without one taken as UTC. All of this is noted.
    """
    import pandas as pd  # only here: commands that never read a file know FIRST and LAST too

    days: list[date | None] = []
    notes = Counter[tuple[str, str]]()
    for text in texts:
        match = _DATE.fullmatch(text or "")
        if match is None:
            days.append(None)
            continue
        day, time, zone = match["day"], match["time"] or "00:00", match["zone"]
        converted = time.strip("0:") != ""
        if converted:
            notes["time", "with a zone converted to UTC" if zone else "without a zone taken as UTC"] += 1
        elif zone:
            notes["midnight", "with a zone taken as days"] += 1
        days.append(utc_day(day, time, (zone or "Z") if converted else "Z"))
    written = ["" if day is None else day.isoformat() for day in days]
    found = pd.DatetimeIndex(pd.to_datetime(written, format="%Y-%m-%d", errors="coerce"))
    return UtcDays(found, [f"{count(number, noun)} {how}" for (noun, how), number in notes.items()])


def is_utc(zone: str) -> bool:
    """Whether a zone that `utc_day` takes is UTC itself."""
    return zone.isalpha() or not zone.strip("+-0:")


def utc_day(day: str, time: str, zone: str) -> date | None:
    """The day in UTC of a point in time, such as ("2019-05-27", "23:30:00", "-05"); None if there is none, or too far.

    Args:
        day: 2019-05-27.
        time: 23:30 or 23:30:00.
        zone: Z, UTC, GMT, -05, -0530 or -05:30.
    """
    offset = "+00:00" if zone.isalpha() else f"{zone[:3]}:{zone[3:].lstrip(':') or '00'}"
    try:
        found = datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(timezone.utc).date()
    except (ValueError, OverflowError):  # 30 February; midnight of 1 January of the year 1 in Paris
        return None
    return found if FIRST <= found <= LAST else None
