"""The faults of a finished run's tables: damage that would otherwise pass as a result, or stop all others."""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from cells.errors import UserError
from conf.kinds import MARKET, TEXTS, Kind
from training.run.folder.checked_table import (
    MAY_BE_INFINITE,
    Fault,
    Table,
    always,
    check,
    is_number,
    is_possible,
    read,
    refuse_missing,
    shown,
)
from training.run.folder.record import FINITE_SCORES, MEASURED, METRICS, metrics_lines

NUMBERS = ("seed", "fold", *MEASURED[:-1])
"""Columns of numbers in front of `split`; the scores stand behind it."""

REPEAT = "remove that run's folder and repeat its command"
"""The advice on a run with a fault."""

OWN_SOURCES = ("csv", "symbols")
"""The values of `source` of runs on a user's own series; they always have an intervals.csv, older others have none."""

RELATIVE = ("relative_rmse", "relative_seasonal", "mase")
"""Scores relative to a forecast that is the same for all: either each forecast of a part has one, or none has."""

Needed = Mapping[str, tuple[str, ...]]
"""The columns that a reader needs, by the name of the table."""

FITTED = ("model", "cell", "settings", "seed", "fold", "seconds", "parameters")

ANALYSED: Mapping[str, Needed] = {
    TEXTS.group: {METRICS: (*FITTED, "epoch", "accuracy", "top1", "macro_f1", "micro_f1", "weighted_f1")},
    MARKET.group: {
        METRICS: (
            *("window", "horizon", "protocol", "control", "source", "warning"),
            *(*FITTED, "rmse", "mae", "relative_rmse"),
        ),
        "baselines.csv": ("split", "forecast", "rmse", "mae"),
        "predictions.csv": ("day", "split", "truth", "prediction", "persistence"),
        "importance.csv": ("feature", "permutation"),
        "intervals.csv": ("forecast", "level", "half_width", "coverage", "periods", "width"),
    },
}
"""The tables and columns that `analysis` needs, by the group of a kind."""

ROWS = {
    "baselines.csv": ("split", "forecast"),
    "predictions.csv": ("split", "series", "day"),
    "importance.csv": ("feature",),
    "intervals.csv": ("forecast", "level"),
}
"""The columns that tell the rows of a table apart."""


def fault_of(folder: Path, needed: Needed | None = None) -> str:
    """The first thing that is wrong with the tables of a finished run, in words; empty if nothing is.

    metrics.csv has to have one row of the part that is scored, a number or nothing in each column of numbers, and
    finite numbers in those of FINITE_SCORES. The other tables have to have theirs, the same parts, and the same
    forecasts.

    Args:
        folder: of the run.
        needed: the tables and columns that the reader needs; None: those of ANALYSED.
    """
    states = tuple(_state(folder / name) for name in (METRICS, *ROWS))
    return _fault_of(folder, None if needed is None else tuple(needed.items()), states)


def refuse_faults(folder: Path, needed: Needed) -> None:
    """Refuse a run with a fault in these tables.

    Raises:
        UserError: names the file and what is wrong with it.
    """
    if fault := fault_of(folder, needed):
        raise UserError(f"{folder / fault}: {REPEAT}.")


def _state(path: Path) -> tuple[int, ...]:
    """Numbers that tell a file from the one that stood there before; none where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


@cache
def _fault_of(folder: Path, needed: tuple[tuple[str, tuple[str, ...]], ...] | None, _states: object) -> str:
    try:
        metrics = read(folder / METRICS)
        kind = _kind(metrics)
        wanted = ANALYSED[kind.group] if needed is None else dict(needed)
        _check_metrics(folder, metrics, kind, wanted[METRICS])
        tables = {name: read(folder / name) for name in wanted if name != METRICS and _expected(folder, name, metrics)}
        for name, table in tables.items():
            check(table, wanted[name])
            _check_rows(table, metrics)
        if tables:
            _check_together(tables, metrics.rows[-1])
    except Fault as fault:
        return str(fault)
    return ""


def _kind(metrics: Table) -> Kind:
    kind = next((kind for kind in (TEXTS, MARKET) if kind.group in metrics.rows[0]), None)
    if kind is None or "split" not in metrics.rows[0]:
        raise Fault(f"{METRICS} has no column {'split' if kind else f'{TEXTS.group} or {MARKET.group}'}")
    return kind


def _check_metrics(folder: Path, metrics: Table, kind: Kind, needed: Collection[str]) -> None:
    first = metrics.rows[0]
    splits = metrics.column("split")
    for part in _parts(kind, first):
        if part not in splits:
            raise Fault(f"{METRICS} has no row of the {part} part")
        if splits.count(part) > 1:
            raise Fault(f"{METRICS} has the {part} row {splits.count(part)} times")
    if splits[-1] != _parts(kind, first)[-1]:
        raise Fault(f"{METRICS} ends with the {splits[-1]} row")
    refuse_missing(metrics, needed)
    if len(metrics_lines(folder)) != len(metrics.rows) + 1:
        raise Fault(f"{METRICS} has a line break in a value")
    names = list(first)
    finite = {*FINITE_SCORES[kind.group], *NUMBERS}
    for name in (*(name for name in NUMBERS if name in first), *names[names.index("split") + 1 :]):
        for row in metrics.rows:
            number = is_number(row[name], name in finite or always(name), name in MAY_BE_INFINITE)
            if not (number and is_possible(name, row[name])):
                raise Fault(f"{METRICS} has {shown(row[name])} for {name} in the {row['split']} row")


def _parts(kind: Kind, row: Mapping[str, str]) -> tuple[str, ...]:
    """The parts that a run has scores of: the last one is its result, and the one before chose its epoch."""
    return ("val",) if kind is MARKET and row.get("protocol") == "paper" else ("val", "test")


def _expected(folder: Path, name: str, metrics: Table) -> bool:
    """Whether a run has this table: runs of older versions have no intervals, but those on own series always had."""
    return name != "intervals.csv" or metrics.rows[0].get("source") in OWN_SOURCES or (folder / name).exists()


def _check_rows(table: Table, metrics: Table) -> None:
    """Check that no row is there twice, and that parts and source are those of metrics.csv."""
    seen = set()
    known = {name: set(metrics.column(name)) for name in ("split", "source")}
    for line, row in enumerate(table.rows, 2):
        for name, values in known.items():
            if name in row and row[name] not in values:
                raise Fault(f"{table.name} has {shown(row[name])} for {name} in line {line}, unlike {METRICS}")
        key = tuple(row.get(name) for name in ROWS[table.name])
        if key in seen:
            raise Fault(f"{table.name} has the row in line {line} twice")
        seen.add(key)


def _check_together(tables: Mapping[str, Table], scored: Mapping[str, str]) -> None:
    """Check that the tables are about the same forecasts, which a table that was cut between two rows is not.

    Args:
        tables: by name, without metrics.csv.
        scored: the row of metrics.csv about the part that is scored.
    """
    refuse_missing(tables["predictions.csv"], ("prediction",))
    predictions = list(tables["predictions.csv"].of_part(scored["split"]))
    if not predictions:
        raise Fault(f"predictions.csv has no row of the {scored['split']} part")
    _check_errors(predictions, scored)
    named = [name for name in predictions[0] if name not in ("day", "series", "split", "truth", "source")]
    whole = {name for name in named if all(row[name] for row in predictions)} - {"prediction"}
    if "baselines.csv" in tables:
        table = tables["baselines.csv"]
        _check_forecasts(table, {row["forecast"] for row in table.of_part(scored["split"])}, whole, {*named})
        _check_relative(table, scored)
    if "intervals.csv" in tables:
        table = tables["intervals.csv"]
        _check_forecasts(table, set(table.column("forecast")), {*whole, "prediction"}, {*named})
        _check_intervals(table)


def _check_errors(predictions: Sequence[Mapping[str, str]], scored: Mapping[str, str]) -> None:
    """Check that the forecasts have the RMSE that metrics.csv tells, which those that are left of more have not."""
    name = next((name for name in scored if name.startswith("rmse_")), None)
    if name is None:
        return
    rmse = math.sqrt(
        sum((float(row["truth"]) - float(row["prediction"])) ** 2 for row in predictions) / len(predictions)
    )
    if not math.isclose(rmse, float(scored[name]), rel_tol=1e-6):
        raise Fault(f"predictions.csv has forecasts with a {name} of {rmse:.6g}, and {METRICS} has {scored[name]:.12}")


def _check_forecasts(table: Table, found: set[str], expected: set[str], known: set[str]) -> None:
    for name in sorted(expected - found):
        raise Fault(f"{table.name} has no row of the forecast {name}, which predictions.csv has")
    for name in sorted(set(table.column("forecast")) - known):
        raise Fault(f"{table.name} has the forecast {shown(name)}, which predictions.csv has not")


def _check_relative(baselines: Table, scored: Mapping[str, str]) -> None:
    """Check that a mean over nets and one over baselines are over as many numbers."""
    for line, row in enumerate(baselines.rows, 2):
        for name in RELATIVE if row["split"] == scored["split"] else ():
            one, other = row.get(name), scored.get(name)
            if one is not None and other is not None and bool(one) != bool(other):
                raise Fault(
                    f"baselines.csv has {shown(one)} for {name} in line {line}, and {METRICS} has {shown(other)} there"
                )


def _check_intervals(intervals: Table) -> None:
    """Check that each forecast has each level, and a coverage and a width where errors are known for them."""
    levels = set(intervals.column("level"))
    for name in dict.fromkeys(intervals.column("forecast")):
        if missing := levels - {row["level"] for row in intervals.rows if row["forecast"] == name}:
            raise Fault(f"intervals.csv has no row of the forecast {name} at the level {min(missing)}")
    for line, row in enumerate(intervals.rows, 2):
        for name in ("coverage", "width"):
            if bool(row[name]) != (bool(row["half_width"]) and float(row["periods"]) > 0):
                raise Fault(f"intervals.csv has {shown(row[name])} for {name} in line {line}")
