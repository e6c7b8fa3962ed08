"""The regular steps of a series, found in its dates: a calendar whose periods have numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.errors import DataError

Numbers = NDArray[np.int64]

MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK = 7
MOST_MISSING = 0.5
"""Share of the periods; a series that lacks more has no regular steps."""

WORKING = "B"
"""The alias of working days, Monday to Friday."""

_NAMES = {"min": "minute", "h": "hour", "D": "day", WORKING: "working day", "W": "week", "M": "month", "Q": "quarter"}
_CALENDAR = (((28, 31), "M", 12), ((89, 92), "Q-DEC", 4), ((365, 366), "Y-DEC", 1))
"""Days of a step, pandas' alias of the period, and the periods of a year."""


class Frequency(NamedTuple):
    """A calendar of periods, every `step`-th of which has a value.

    Attributes:
        alias: pandas' name of the periods, such as "M" and "W-SAT".
        step: periods from one value to the next.
        offset: the remainder of the periods' own numbers that have a value.
        season: values in a season: a day of hours, a week of days, a year of weeks, months or quarters; else 1.
    """

    alias: str
    step: int
    offset: int
    season: int

    @property
    def name(self) -> str:
        """The step in words: "month" or "6 hours"."""
        unit = _NAMES.get(self.alias.partition("-")[0], "year")
        return unit if self.step == 1 else f"{self.step} {unit}s"

    def steps(self, values: int) -> str:
        """A number of steps in words: "12 months" or "3 steps of 6 hours"."""
        if self.step > 1:
            return f"{values:,} step{'s' * (values != 1)} of {self.name}"
        return f"{values:,} {self.name}{'s' * (values != 1)}"

    def numbers(self, times: pd.DatetimeIndex) -> Numbers:
        """The number of the period that each time lies in, `[n]`; consecutive numbers are one step apart."""
        return (_ordinals(times, self.alias) - self.offset) // self.step

    def times(self, numbers: Numbers) -> pd.DatetimeIndex:
        """The day or time that stands for each period: its first one, of a week its last day."""
        if self.alias == WORKING:
            return pd.DatetimeIndex(np.busday_offset(EPOCH, np.asarray(numbers) * self.step + self.offset, "forward"))
        periods = pd.PeriodIndex.from_ordinals(np.asarray(numbers) * self.step + self.offset, freq=self.alias)  # type: ignore[attr-defined]
        weekly = self.alias.startswith("W")
        return periods.to_timestamp(how="end").normalize() if weekly else periods.to_timestamp(how="start")

    def label(self, number: int) -> str:
        """A period as a reader writes it, see `written`."""
        return self.written(self.times(np.array([number]))[0])

    def written(self, day: pd.Timestamp) -> str:
        """A day or time that stands for a period: 2001, 2001Q4, 2001-12, 2001-12-31 or 2001-12-31 18:00."""
        unit = self.alias.partition("-")[0]
        if unit == "Q":
            return f"{day.year}Q{day.quarter}"
        return f"{day:{_LABELS.get(unit, '%Y-%m-%d')}}"


_LABELS = {"min": "%Y-%m-%d %H:%M", "h": "%Y-%m-%d %H:%M", "M": "%Y-%m", "Y": "%Y"}


def frequency_of(series: Sequence[pd.DatetimeIndex], where: str) -> Frequency:
    """The regular steps that most dates keep.

    Args:
        series: the dates of each series.
        where: the file, for messages.

    Raises:
        DataError: there are too few dates, or they keep no regular step.
    """
    every = [times.unique().sort_values() for times in series]
    steps = np.concatenate([np.diff(times.as_unit("s").asi8) for times in every])
    if not len(steps):
        raise DataError(f"{where} holds a single date of each series: more are needed to forecast.")
    sizes, counts = np.unique(steps, return_counts=True)
    alias, step, season = _periods(int(sizes[counts.argmax()]), every, where)
    ordinals = [_ordinals(times, alias) for times in every]
    remainders, counts = np.unique(np.concatenate(ordinals) % step, return_counts=True)
    found = Frequency(alias, step, int(remainders[counts.argmax()]), season)
    for times, own in zip(every, ordinals, strict=True):
        if (off := own % step != found.offset).any():
            raise DataError(
                f"{where}: most dates are a {found.name} apart, but {times[off][0]} is not: correct or remove it."
            )
        periods = (own[-1] - own[0]) // step + 1
        if len(np.unique(own)) < (1 - MOST_MISSING) * periods:
            raise DataError(
                f"{where}: the dates keep no regular step; most are a {found.name} apart, and yet {times[0]} to "
                f"{times[-1]} has {len(times):,} of {periods:,} such periods: sum or average them first."
            )
    return found


EPOCH = np.datetime64("1970-01-01")


def _ordinals(times: pd.DatetimeIndex, alias: str) -> Numbers:
    """The number of the period that each time lies in."""
    if alias == WORKING:  # pandas gives up periods of working days
        return np.busday_count(EPOCH, times.to_numpy().astype("datetime64[D]"))
    return times.to_period(alias).asi8


def _periods(seconds: int, every: Sequence[pd.DatetimeIndex], where: str) -> tuple[str, int, int]:
    """Pandas' alias, the step, and the season, for the commonest number of seconds between two dates."""
    if seconds % DAY:
        alias, size = ("min", MINUTE) if seconds % HOUR else ("h", HOUR)
        if seconds % size:
            raise DataError(f"{where}: most dates are {seconds} seconds apart; the shortest step is a minute.")
        return alias, seconds // size, DAY // seconds if DAY % seconds == 0 else 1
    days = seconds // DAY
    weekdays = {int(day) for times in every for day in times.day_of_week.unique()}
    if days == 1:
        return (WORKING, 1, 5) if max(weekdays) < 5 else ("D", 1, WEEK)
    if days % WEEK == 0 and len(weekdays) == 1:
        sunday = pd.Timestamp("2023-01-01")
        weekday = f"{sunday + pd.Timedelta(days=weekdays.pop() + 1):%a}".upper()
        return f"W-{weekday}", days // WEEK, max(1, round(52 * WEEK / days))
    for (least, most), alias, season in _CALENDAR:
        if least <= days <= most:
            return alias, 1, season
    return "D", days, 1
