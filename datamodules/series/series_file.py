"""A CSV file with a column of dates and columns of numbers: read, checked, and put on a regular calendar."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from datamodules.csv_files import LARGEST, Table, read_table
from datamodules.errors import DataError, excerpt
from datamodules.frequency import Frequency, frequency_of
from datamodules.market.two_levels import one_level
from datamodules.series.dates import EXAMPLES, read_times
from datamodules.series.numbers import distinct, doubtful_points, has_decimal_commas, parsed, with_points

DELIMITERS = ",;\t|"
OTHERS = {**dict.fromkeys((".json", ".jsonl", ".ndjson"), "JSON"), ".parquet": "Parquet"}
"""Formats of texts that are none of series, by the end of a file's name."""

PERIODS = {
    "Y": re.compile(r"\d{4}"),
    "Q": re.compile(r"\d{4}-? ?[Qq]\d"),
    "M": re.compile(r"\d{4}[-/.]\d\d?|[A-Za-z]{3,9}[- ]\d{4}|\d{4}[- ][A-Za-z]{3,9}"),
}
"""The forms of dates that name more than a day, by pandas' letter for how much."""

SHOWN = 3  # dates or columns listed in one message


class Columns(NamedTuple):
    """The columns of a file that are used, see the keys below `series` in conf/features/csv.yaml."""

    date: str
    target: str
    inputs: Sequence[str] | None = None
    id: str | None = None


class Calendar(NamedTuple):
    """One series, a row for each period from its first value to its last.

    Attributes:
        name: its value in the column `id`; "" if there is no such column.
        numbers: `[n]`, the consecutive numbers of its periods.
        values: `[n, 1 + inputs]` float64, the target in front. A gap has the last value before it.
        observed: `[n]`, whether the target of a period is in the file.
    """

    name: str
    numbers: np.ndarray
    values: pd.DataFrame
    observed: np.ndarray


class SeriesFile(NamedTuple):
    """The content of a file.

    Attributes:
        series: in the order in which they appear.
        frequency: of all of them.
        notes: lines for the user.
    """

    series: list[Calendar]
    frequency: Frequency
    notes: list[str]


def read_columns(path: Path) -> Table:
    """The columns of a file, whatever they hold; yfinance's header of two levels is read as one.

    Raises:
        DataError: the file cannot be read, is no CSV, or holds several tickers of yfinance's.
    """
    if suffix := next((each for each in path.suffixes if each.lower() in OTHERS), ""):
        raise DataError(f"{path} is {OTHERS[suffix.lower()]}, and series are read from CSV: write it as a CSV file.")
    return one_level(read_table(path, DELIMITERS))


def read_series(path: Path, columns: Columns, start: str | None = None, end: str | None = None) -> SeriesFile:
    """Read the series of a file.

    Args:
        path: see `csv_files.read_table`.
        columns: the columns to read.
        start, end: the first and the last day, or another period, which is read whole; None: the file's.

    Raises:
        DataError: the file cannot be read, lacks a column, holds something that is no date or number, a row without an
            id, or two different values for one period; names the line.
    """
    table = read_columns(path)
    _refuse_unknown(table, columns)
    if not table.rows:
        comments = "".join(f" ({note})" for note in table.notes)
        raise DataError(f"{path} has a header and no row below it{comments}: name another file with series.file=.")
    chosen = list(dict.fromkeys([columns.date, columns.target, *(columns.inputs or ()), *filter(None, [columns.id])]))
    texts = table.texts(chosen)
    commas = has_decimal_commas(table)
    inputs = _numeric(table, chosen, commas) if columns.inputs is None else columns.inputs
    unused = _unused(table, [*chosen, *inputs]) if columns.inputs is None else []
    texts |= table.texts(list(inputs))
    names = [columns.target, *(name for name in inputs if name != columns.target)]
    given = {name: texts[name] for name in names}
    texts |= {name: with_points(given[name], commas) for name in names}
    times, notes = read_times(texts[columns.date])
    lines = np.array([line for line, _ in table.rows])
    _refuse(
        path,
        lines,
        np.asarray(times.isna()),
        texts[columns.date],
        f"is no date such as {EXAMPLES} (column {columns.date})",
    )
    if european := [name for name in names if texts[name] != given[name]]:
        notes.append(f"decimal commas and points between thousands in {excerpt(', '.join(european))}")
    notes += doubtful_points(table, {name: texts[name] for name in names if name not in european})
    values = pd.DataFrame({name: _numbers(path, lines, name, texts[name]) for name in names}, times)
    ids = np.array(table.names_in(columns.id) if columns.id else [""] * len(times))
    inside = _within(times, start, end)
    if not inside.any():
        raise DataError(f"{path} has no row from {start or 'the beginning'} to {end or 'the end'}: choose other dates.")
    times, values, ids, lines = times[inside], values[inside], ids[inside], lines[inside]
    own = {name: ids == name for name in dict.fromkeys(map(str, ids))}
    frequency = frequency_of([times[rows] for rows in own.values()], str(path))
    series, repeated = [], 0
    for name, rows in own.items():
        found, twice = _calendar(path, name, values[rows], lines[rows], frequency)
        series.append(found)
        repeated += twice
    return SeriesFile(series, frequency, [*_notes(path, series, frequency, [*table.notes, *notes], repeated), *unused])


def _refuse_unknown(table: Table, columns: Columns) -> None:
    """Name the key whose column is not there."""
    named = {"date": [columns.date], "target": [columns.target], "inputs": columns.inputs or [], "id": [columns.id]}
    for key, names in named.items():
        if missing := [name for name in names if name is not None and name not in table.names]:
            raise DataError(
                f"{table.path} has no column {missing[0]!r} (series.{key}=): its columns are "
                f"{excerpt(', '.join(table.names))}."
            )


def _numeric(table: Table, taken: Sequence[str], commas: bool) -> list[str]:
    """The columns that hold numbers alone and have a name of their own."""
    names = [name for name in table.names if distinct(table, name) and name not in taken]
    texts = table.texts(names)
    return [name for name in names if any(texts[name]) and np.isfinite(parsed(with_points(texts[name], commas))).all()]


def _numbers(path: Path, lines: np.ndarray, column: str, texts: Sequence[str | None]) -> np.ndarray:
    """A column of numbers, NaN where a value is missing."""
    there = np.array([text is not None for text in texts])
    values = np.full(len(texts), np.nan)
    values[there] = parsed(texts)
    if not there.any():
        raise DataError(f"{path}: the column {column} is empty, choose another one.")
    wrong = there & ~(np.abs(values) <= LARGEST)
    _refuse(path, lines, wrong, texts, f"is no number up to {LARGEST:g} (column {column})")
    return values


def _refuse(path: Path, lines: np.ndarray, wrong: np.ndarray, texts: Sequence[str | None], what: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        more = f" ({int(wrong.sum()) - 1:,} more such lines)" if wrong.sum() > 1 else ""
        raise DataError(f"{path}, line {lines[first]}: {excerpt(texts[first] or 'nothing')!r} {what}{more}.")


def _within(times: pd.DatetimeIndex, start: str | None, end: str | None) -> np.ndarray:
    inside = np.ones(len(times), bool)
    for key, day in (("start", start), ("end", end)):
        if day is None:
            continue
        (given,), _ = read_times([str(day)])
        if pd.isna(given):
            raise DataError(f"{key}={day}: write a date such as 2014-09-18.")
        inside &= times >= given if key == "start" else times <= _last_moment(str(day).strip(), given)
    return inside


def _last_moment(end: str, begins: pd.Timestamp) -> pd.Timestamp:
    """The end of the year, quarter, month or day that `end` names, or the time of day that it tells."""
    if ":" in end:
        return begins
    span = next((name for name, form in PERIODS.items() if form.fullmatch(end)), "D")
    return begins.to_period(span).end_time


def _calendar(
    path: Path, name: str, values: pd.DataFrame, lines: np.ndarray, frequency: Frequency
) -> tuple[Calendar, int]:
    """One series on its calendar, and the number of its rows that only repeat another."""
    numbers = frequency.numbers(pd.DatetimeIndex(values.index))
    rows = values.reset_index(drop=True).assign(number=numbers)
    distinct = rows.drop_duplicates()
    if (twice := distinct["number"].duplicated(keep=False)).any():
        number = distinct.loc[twice, "number"].iloc[0]
        where = ", ".join(str(line) for line in lines[distinct.index[distinct["number"] == number]][:SHOWN])
        of = f" of {name}" if name else ""
        raise DataError(
            f"{path}: {frequency.label(int(number))}{of} occurs twice, with different values (lines {where}): name the "
            "column that tells series apart with series.id=, or leave one row for each date."
        )
    table = distinct.set_index("number").sort_index()
    known = table.index[table.iloc[:, 0].notna()]
    if known.empty:
        raise DataError(f"{path}: {name or 'the series'} has no value of {values.columns[0]} in these rows.")
    table = table.reindex(range(known[0], known[-1] + 1))
    observed = table.iloc[:, 0].notna().to_numpy()
    filled = table.ffill()  # never a later value
    begins = int(filled.notna().all(axis=1).to_numpy().argmax())
    if filled.iloc[begins:].isna().any(axis=None):
        empty = filled.columns[filled.isna().all()][0]
        raise DataError(f"{path}: {name or 'the series'} has no value of {empty}: choose series.inputs= without it.")
    return Calendar(name, filled.index.to_numpy()[begins:], filled.iloc[begins:], observed[begins:]), len(rows) - len(
        distinct
    )


def _notes(
    path: Path, series: Sequence[Calendar], frequency: Frequency, about_rows: Sequence[str], repeated: int
) -> Iterator[str]:
    """The line about a file, and that about its gaps."""
    first, last = min(each.numbers[0] for each in series), max(each.numbers[-1] for each in series)
    several = f"{len(series):,} series, " if len(series) > 1 else ""
    values = sum(int(each.observed.sum()) for each in series)
    span = f"{frequency.label(int(first))} to {frequency.label(int(last))}"
    phrases = [f"{several}{values:,} values, one for each {frequency.name}, {span}", *about_rows]
    if repeated:
        phrases.append(f"{repeated:,} rows that repeat another one dropped")
    yield f"{path.name}: {', '.join(phrases)}."
    if gaps := sum(int((~each.observed).sum()) for each in series):
        where = [
            f"{frequency.label(int(number))}{f' ({each.name})' if each.name else ''}"
            for each in series
            for number in each.numbers[~each.observed][:SHOWN]
        ]
        more = " and so on" if gaps > len(where[:SHOWN]) else ""
        yield (
            f"{gaps:,} periods in between have no value, {', '.join(where[:SHOWN])}{more}: a window that reaches over "
            "one sees the last value before it, and none of them is forecast."
        )


def _unused(table: Table, used: Sequence[str]) -> Iterator[str]:
    """The lines about the columns that are not used, if there are any."""
    others = [name for name in dict.fromkeys(table.names) if name not in used]
    reasons = {
        "hold more than numbers": [name for name in others if distinct(table, name)],
        "have no name, or share it with another,": [name for name in others if not distinct(table, name)],
    }
    for reason, names in reasons.items():
        if names:
            listed = ", ".join(excerpt(name) or "(without a name)" for name in names[:SHOWN])
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield f"Columns that {reason} are not used: {listed}{more}."
