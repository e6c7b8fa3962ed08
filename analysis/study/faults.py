"""The faults of a finished run's metrics.csv: damage that would otherwise pass as a result, or stop all others."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from conf.kinds import MARKET, TEXTS, Kind
from training.run.record import FINITE_SCORES, MEASURED, METRICS, metrics_lines

NUMBERS = ("seed", "fold", *MEASURED[:-1])
"""Columns of numbers in front of `split`; the scores stand behind it."""


def fault_of(folder: Path) -> str:
    """The first thing that is wrong with a finished run's metrics.csv, in words; empty if nothing is.

    It has to have one row of the part that is scored, a number or nothing in each column of numbers, and finite
    numbers in those of FINITE_SCORES.
    """
    lines = metrics_lines(folder)
    if not lines:
        return f"{METRICS} is missing or empty"
    header, *rows = csv.reader(lines)
    kind = next((kind for kind in (TEXTS, MARKET) if kind.group in header), None)
    if kind is None or "split" not in header:
        return f"{METRICS} has no column {'split' if kind else f'{TEXTS.group} or {MARKET.group}'}"
    named = [dict(zip(header, row, strict=False)) for row in rows]
    splits = [row.get("split") for row in named]
    for needed in _parts(kind, named[0]):
        if needed not in splits:
            return f"{METRICS} has no row of the {needed} part"
        if splits.count(needed) > 1:
            return f"{METRICS} has the {needed} row {splits.count(needed)} times"
    for row, values in zip(rows, named, strict=True):
        if len(row) != len(header):
            return f"{METRICS} has {len(row)} values for {len(header)} columns in the {values.get('split')} row"
    numbers = {name for name in NUMBERS if name in header} | set(header[header.index("split") + 1 :])
    finite = {*FINITE_SCORES[kind.group], *NUMBERS}
    return next((found for row in named if (found := _wrong_number(row, numbers, finite))), "")


def _parts(kind: Kind, row: Mapping[str, str]) -> tuple[str, ...]:
    """The parts that a run has scores of: the last one is its result, and the one before chose its epoch."""
    return ("val",) if kind is MARKET and row.get("protocol") == "paper" else ("val", "test")


def _wrong_number(row: Mapping[str, str], numbers: set[str], finite: set[str]) -> str:
    for name, text in row.items():
        if name not in numbers or (not text and name not in finite):
            continue
        try:
            value = float(text)
        except ValueError:
            return f"{METRICS} has {text!r} for {name} in the {row['split']} row"
        if name in finite and not math.isfinite(value):
            return f"{METRICS} has {text} for {name} in the {row['split']} row"
    return ""
