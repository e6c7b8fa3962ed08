"""The regular steps of a series, found in its dates."""

import numpy as np
import pandas as pd
import pytest

from datamodules.errors import DataError
from datamodules.frequency import frequency_of


@pytest.mark.parametrize(
    ("alias", "name", "season"),
    [
        ("15min", "15 minutes", 96),
        ("h", "hour", 24),
        ("6h", "6 hours", 4),
        ("D", "day", 7),
        ("B", "working day", 5),
        ("10D", "10 days", 1),
        ("W-SAT", "week", 52),
        ("2W-WED", "2 weeks", 26),
        ("MS", "month", 12),
        ("ME", "month", 12),
        ("QS", "quarter", 4),
        ("QE", "quarter", 4),
        ("YS", "year", 1),
    ],
)
def test_each_frequency_is_found_and_its_periods_follow_each_other(alias: str, name: str, season: int) -> None:
    times = pd.date_range("2019-01-05", periods=60, freq=alias)
    some = times[np.random.default_rng(0).random(60) > 0.15]
    found = frequency_of([some, times[5:]], "file")
    assert (found.name, found.season) == (name, season)
    numbers = found.numbers(times)
    assert np.diff(numbers).tolist() == [1] * 59
    assert (found.numbers(found.times(numbers)) == numbers).all()
    if alias not in ("ME", "QE"):
        assert (found.times(numbers) == times).all()


def test_labels_are_those_of_the_frequency() -> None:
    quarters = pd.date_range("2019-01-01", periods=9, freq="QS")
    found = frequency_of([quarters], "file")
    assert found.label(int(found.numbers(quarters)[-1]) + 1) == "2021Q2"


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (["2020-01-01"], "single date"),
        (["2020-01-01", "2020-01-08", "2020-01-15", "2020-01-20"], "2020-01-20 00:00:00 is not"),
        (["2020-01-01", "2020-01-02", "2020-01-03", "2020-02-20", "2020-05-01"], "no regular step"),
        (["2020-01-01 00:00:00", "2020-01-01 00:00:05", "2020-01-01 00:00:10"], "shortest step is a minute"),
    ],
)
def test_dates_without_a_regular_step_are_refused(days: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        frequency_of([pd.DatetimeIndex(days)], "file")
