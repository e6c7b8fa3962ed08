"""Dates with zones are days in UTC, said to be converted, and never days that were cut off."""

from datetime import date

import pandas as pd
import pytest

from datamodules.days import utc_day, utc_days

DAYS = {
    "2014-12-31": "2014-12-31",
    "2014-12-31 00:00:00": "2014-12-31",
    "2014-12-31 19:00:00-05:00": "2015-01-01",
    "2014-12-31T19:00:00-0500": "2015-01-01",
    "2014-12-31 18:59-05": "2014-12-31",
    "2015-01-01 00:30:00.123+01:00": "2014-12-31",
    "2014-12-31T23:59:59Z": "2014-12-31",
    "2014-12-31 19:00:00": "2014-12-31",
    # Midnight is how markets write a day. In UTC Tokyo's would be the day before, on which its close is not known.
    "2014-12-31 00:00:00-05:00": "2014-12-31",
    "2014-12-31 00:00:00+09:00": "2014-12-31",
    "2014-12-31 UTC": "2014-12-31",
}


@pytest.mark.parametrize(("text", "day"), DAYS.items(), ids=DAYS)
def test_a_date_is_a_plain_day_or_converted(text: str, day: str) -> None:
    days, notes = utc_days([text])
    assert days[0] == pd.Timestamp(day)
    at_midnight = text[11:16] in ("", "00:00", "UTC")
    assert bool(notes) == (text not in ("2014-12-31", "2014-12-31 00:00:00"))
    assert any("midnight" in note for note in notes) == (at_midnight and bool(notes))


def test_the_notes_count_what_was_converted() -> None:
    stamps = ["2014-12-31 19:00:00-05:00", "2015-01-01 20:00:00-04:00", "2015-01-02", "2015-01-03 12:00:00"]
    assert utc_days(stamps).notes == ["2 times with a zone converted to UTC", "1 time without a zone taken as UTC"]
    midnights = ["2014-12-31 00:00:00-05:00", "2015-01-01", "2015-01-02 00:00Z"]
    assert utc_days(midnights).notes == ["2 midnights with a zone taken as days"]


NO_DATES = (
    *(None, "", "5 March", "2014-9-18", "2014-12-31x", "2014-12-31 25:00", "2014-12-31 19:00:00 EST", "2014-02-30"),
    *("9999-12-31 23:59:59-05:00", "0001-01-01 00:30:00+05:00", "9999-12-31", "0001-01-01", "\uff12014-12-31"),
)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_none(text: str | None) -> None:
    days, notes = utc_days([text, "2014-12-31"])
    assert days.isna().tolist() == [True, False]
    assert not notes or "1 time " in notes[0]


def test_no_dates_are_no_days() -> None:
    assert len(utc_days([]).days) == 0


@pytest.mark.parametrize(
    ("zone", "day"), [("Z", 1), ("-05", 2), ("-0530", 2), ("+00:30", 1), ("+23:30", 1), ("-99", None)]
)
def test_zones_of_every_form(zone: str, day: int | None) -> None:
    assert utc_day("2019-05-01", "23:30", zone) == (None if day is None else date(2019, 5, day))
