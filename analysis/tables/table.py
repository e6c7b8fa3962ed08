"""One table: its numbers, how they are shown, and the files it is written to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.tables.output_folder import write_files


@dataclass(frozen=True)
class Table:
    """A table of one of the papers beside our runs, or of our runs alone.

    Attributes:
        name: the name of its files, such as "table08_hate".
        title: the heading above it.
        numbers: the values as computed, for the CSV file and for further use.
        shown: the same values as text, for people.
        notes: sentences that a reader of the table has to know.
    """

    name: str
    title: str
    numbers: pd.DataFrame
    shown: pd.DataFrame
    notes: Sequence[str] = field(default=())


def plain_text(table: Table) -> str:
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
    """Write NAME.md, NAME.csv and NAME.tex for each table, and all of them to tables.md; each file appears whole.

    Files that an earlier call wrote there for tables that are not among these are removed, and nothing else is.

    Raises:
        UserError: the folder cannot be written.
    """
    files = {"tables.md": "\n\n".join(map(markdown, tables)) + "\n"}
    for table in tables:
        files[f"{table.name}.md"] = markdown(table) + "\n"
        files[f"{table.name}.csv"] = table.numbers.to_csv(index=False)
        files[f"{table.name}.tex"] = latex(table)
    for path in _written_before(folder):
        if path.name not in files:
            path.unlink()
    write_files(folder, files)


def _written_before(folder: Path) -> list[Path]:
    """Files of an earlier call: those of tables whose Markdown stands, word for word, in the folder's tables.md."""
    every = folder / "tables.md"
    if not every.is_file():
        return []
    text = every.read_text(encoding="utf-8")
    others = {path: path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.md") if path != every}
    ours = [path for path, table in others.items() if table.startswith("### ") and table.strip() in text]
    return [file for path in ours for ending in (".md", ".csv", ".tex") if (file := path.with_suffix(ending)).exists()]


def _escaped(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    signs = {sign: rf"\{sign}" for sign in "&%$#_{}"} | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
    signs |= {"<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(signs.get(letter, letter) for letter in text)
