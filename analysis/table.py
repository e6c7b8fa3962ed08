"""One table: its numbers, how they are shown, and the files it becomes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis import output


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        name: of its files, such as "table08_hate".
        title: what it is.
        numbers: as computed, a column each, for the CSV file and for further use.
        shown: the same in words, for people.
        notes: what has to be known to read it.
    """

    name: str
    title: str
    numbers: pd.DataFrame
    shown: pd.DataFrame
    notes: Sequence[str] = field(default=())


def plain(table: Table) -> str:
    """Title, rows and notes for the terminal."""
    return "\n".join([table.title, table.shown.set_index(table.shown.columns[0]).to_string(), *table.notes])


def markdown(table: Table) -> str:
    """Title, rows and notes as Markdown."""
    rows = [table.shown.columns, ["---"] * table.shown.shape[1], *table.shown.to_numpy()]
    lines = ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in rows]
    return "\n".join([f"### {table.title}", "", *lines, *(f"\n{note}" for note in table.notes)])


def latex(table: Table) -> str:
    """A LaTeX table for the package booktabs, with the notes in its caption."""
    caption = _escaped(" ".join([f"{table.title}.", *table.notes]))
    columns = [_escaped(str(name)) for name in table.shown]
    rows = [" & ".join(_escaped(str(value)) for value in row) + r" \\" for row in table.shown.to_numpy()]
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption}}}\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{'l' * len(columns)}}}",
        r"\toprule",
        " & ".join(columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def write(tables: Sequence[Table], folder: Path) -> None:
    """NAME.md, NAME.csv and NAME.tex of each table, and all of them in tables.md; each file appears whole.

    Files of tables that an earlier call wrote there and that are not among these are removed, and nothing else is.

    Raises:
        ResultsError: the folder cannot be written.
    """
    files = {"tables.md": "\n\n".join(map(markdown, tables)) + "\n"}
    for table in tables:
        files[f"{table.name}.md"] = markdown(table) + "\n"
        files[f"{table.name}.csv"] = table.numbers.to_csv(index=False)
        files[f"{table.name}.tex"] = latex(table)
    for path in _of_before(folder):
        if path.name not in files:
            path.unlink()
    output.write(folder, files)


def _of_before(folder: Path) -> list[Path]:
    """Files of the tables whose Markdown stands, word for word, in the folder's tables.md: they were written by us."""
    every = folder / "tables.md"
    if not every.is_file():
        return []
    text = every.read_text(encoding="utf-8")
    others = {path: path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.md") if path != every}
    ours = [path for path, table in others.items() if table.startswith("### ") and table.strip() in text]
    return [file for path in ours for ending in (".md", ".csv", ".tex") if (file := path.with_suffix(ending)).exists()]


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """A number as it is shown; a dash for one that is not there."""
    return "-" if pd.isna(value) else f"{value:{'+' if sign else ''},.{digits}f}"


def estimate(mean: float, low: float, high: float, digits: int = 2) -> str:
    """ "+0.31 [-0.20, +0.82]", without an interval where there is none."""
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return number(mean, digits, sign=True) + interval


def measured(rows: pd.DataFrame, digits: int = 2) -> list[str]:
    """Of the columns improvement, low and high, each row's `estimate`."""
    columns = zip(rows["improvement"], rows["low"], rows["high"], strict=True)
    return [estimate(mean, low, high, digits) for mean, low, high in columns]


def span(counts: pd.Series) -> str:
    """ "5", or "3 to 5"."""
    fewest, most = counts.min(), counts.max()
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def named(model: str, recipe: str) -> str:
    """A model, with its recipe if it has one: "bilstm (epochs=10)"."""
    return f"{model} ({recipe})" if recipe else model


def file_name(*parts: object) -> str:
    """The parts that are there, joined by _; what is no letter or digit is _ as well."""
    return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(str(part) for part in parts if part)).strip("_")


def _escaped(text: str) -> str:
    signs = {sign: rf"\{sign}" for sign in "&%$#_{}"} | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
    signs |= {"<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(signs.get(letter, letter) for letter in text)
