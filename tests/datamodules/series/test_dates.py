"""Dates as people write them."""

import pandas as pd
import pytest

from datamodules.series.dates import read_times


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1959", "1959-01-01"),
        ("1959.0", "1959-01-01"),
        ("1959-04", "1959-04-01"),
        ("1959/4", "1959-04-01"),
        ("1959Q2", "1959-04-01"),
        ("1959-q4", "1959-10-01"),
        ("19590412", "1959-04-12"),
        ("1959-04-12", "1959-04-12"),
        ("1959/4/2", "1959-04-02"),
        ("2020-03-01 00:00:00-05:00", "2020-03-01"),
        ("Mar 1 2020", "2020-03-01"),
        ("1 March 2020", "2020-03-01"),
        ("2020-Mar", "2020-03-01"),
        ("2020 March 5", "2020-03-05"),
        ("5.3.2020", "2020-03-05"),
        ("05.03.2020 18:30", "2020-03-05 18:30"),
        ("31/12/2020", "2020-12-31"),
        ("12/31/2020", "2020-12-31"),
        ("31-12-2020 7:05", "2020-12-31 07:05"),
        ("2020-03-01 18:30", "2020-03-01 18:30"),
        ("2020-03-01T18:30:05Z", "2020-03-01 18:30:05"),
        ("2020-03-01 22:00-05:00", "2020-03-02 03:00"),
    ],
)
def test_a_date_is_read(text: str, time: str) -> None:
    assert read_times([text]).times[0] == pd.Timestamp(time)


@pytest.mark.parametrize(
    "text", ["", None, "soon", "3", "11/12/2020", "1-2-2020", "32/12/2020", "2020-13-01", "2020-02-30", "0001-01-01"]
)
def test_what_is_no_date_or_could_be_two_is_refused(text: str | None) -> None:
    assert pd.isna(read_times(["2020-01-01", text]).times[1])


def test_midnights_are_days_unless_the_column_has_other_times() -> None:
    midnight = "2020-03-01 00:00-05:00"
    assert read_times([midnight]).times[0] == pd.Timestamp("2020-03-01")
    times, notes = read_times([midnight, "2020-03-01 01:00-05:00"])
    assert list(times) == [pd.Timestamp("2020-03-01 05:00"), pd.Timestamp("2020-03-01 06:00")]
    assert notes == ["2 times with a zone converted to UTC"]


@pytest.mark.parametrize(
    ("texts", "notes"),
    [
        (["2020-03-01", "2020-03-02 00:00"], []),
        (["2020-03-01 01:00", "2020-03-02 00:00"], []),
        (["2020-03-01 00:00-05:00", "2020-03-09 00:00-05:00"], ["midnights with a zone taken as days"]),
        (
            ["2020-03-01 00:00-05:00", "2020-03-09 00:00-04:00", "2020-03-10"],
            ["midnights with zones (-04:00, -05:00) taken as days"],
        ),
        (
            ["2020-03-29 01:00+01:00", "2020-03-29 03:00+02:00", "2020-03-29 04:00"],
            ["2 times with zones (+01:00, +02:00) converted to UTC", "1 time without a zone taken as UTC"],
        ),
    ],
)
def test_what_was_made_of_zones_is_said_once(texts: list[str], notes: list[str]) -> None:
    assert read_times(texts).notes == notes


def test_a_day_above_12_tells_the_order_of_the_whole_column() -> None:
    assert list(read_times(["1/2/2020", "13/2/2020"]).times) == [pd.Timestamp("2020-02-01"), pd.Timestamp("2020-02-13")]
    assert list(read_times(["1/2/2020", "1/13/2020"]).times) == [pd.Timestamp("2020-01-02"), pd.Timestamp("2020-01-13")]
    assert read_times(["13/1/2020", "1/13/2020"]).times.isna().all()
    assert read_times(["1.2.2020", "3/4/2020"]).times.isna().all()
