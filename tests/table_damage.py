"""Damage to a table of a run, as disks, editors and other programs do it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

SCORES = {
    "metrics": "rmse",
    "baselines": "rmse",
    "predictions": "prediction",
    "importance": "permutation",
    "intervals": "coverage",
}
"""By table of a run, a column of numbers that its readers need."""

COLUMNS = {**SCORES, "trials": "macro_f1"}
"""The same, and that of a table of `tune=`."""


def _with(text: str) -> Callable[[Path], None]:
    """Write this text for a score in the last row."""

    def damage(path: Path) -> None:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table.loc[table.index[-1], COLUMNS[path.stem]] = text
        table.to_csv(path, index=False)

    return damage


def _encoded(encoding: str) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_text().replace("a", "\u00e4").encode(encoding)) and None


def _without_a_column(path: Path) -> None:
    pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=COLUMNS[path.stem]).to_csv(path, index=False)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "text": (_with("abc"), "has 'abc' for {}"),
    "nan": (_with("nan"), "has nan for {}"),
    "inf": (_with("inf"), "has inf for {}"),
    "an empty field": (_with(""), "has '' for {}"),
    "digits that only Python reads": (_with("1_0"), "has '1_0' for {}"),
    "an empty file": (lambda path: path.write_bytes(b"") and None, "is missing or empty"),
    "no file": (Path.unlink, "is missing or empty"),
    "Latin-1": (_encoded("latin-1"), "is not in UTF-8"),
    "UTF-16": (_encoded("utf-16"), "is not in UTF-8"),
    "no such column": (_without_a_column, "has no column {}"),
    "a long line": (_with("1" * 200_000), "has a line of 200,"),
    "cut": (_cut, "does not end with a whole line"),
}
"""By name, what is done to a file, and what is said of it; {} is its column of COLUMNS."""


def damaged(path: Path, damage: str) -> str:
    """Damage a table; returns what is to be said."""
    spoil, says = DAMAGE[damage]
    spoil(path)
    return f"{path.name} {says.format(COLUMNS[path.stem])}"
