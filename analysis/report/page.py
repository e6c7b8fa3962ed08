"""The page as a file: one document of template, style and script."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from analysis.report.sections import Section, sections
from analysis.tables.output_folder import write_files
from analysis.tables.table import Table

HERE = Path(__file__).parent
PAGE = "index.html"
NUMBER = re.compile(r"[+-]?\d[\d,]*\.?\d*")


class Field(NamedTuple):
    """One field of a table: its text, its key for sorting ("" if the field is empty), and whether that is a number."""

    text: str
    key: str
    number: bool


def write(runs: Path, folder: Path) -> str:
    """Write index.html into `folder`; returns a sentence that says where it is.

    Raises:
        UserError: there are no runs below `runs`, or some that would be mixed, or `folder` cannot be written.
    """
    text = render(runs.resolve().name, sections(runs))
    write_files(folder, {PAGE: text})
    return f"{folder / PAGE}: {len(text.encode()) / 1e6:.1f} MB; open it in a browser."


def render(name: str, content: Sequence[Section]) -> str:
    """The page as HTML. Its security policy lets a browser run this one script, and load nothing from anywhere.

    Args:
        name: the study's name.
        content: its sections.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style, script = ((HERE / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return pages.get_template("page.html").render(
        name=name,
        sections=content,
        rows=rows,
        style=Markup(style),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def rows(table: Table) -> Iterator[list[Field]]:
    """The rows of a table as it is shown.

    A field such as "0.64 / +0.31 [-0.2, +0.8] *" is the paper's number and ours: it is sorted by ours.
    """
    for row in table.shown.to_numpy().tolist():
        yield [_field(str(value)) for value in row]


def _field(text: str) -> Field:
    ours = text.rpartition(" / ")[2].strip().removeprefix("<")
    if ours == "-":
        return Field(text, "", True)
    number = NUMBER.match(ours)
    return Field(text, number[0].replace(",", ""), True) if number else Field(text, text, False)
