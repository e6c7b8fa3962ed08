"""README and the other pages as the tests see them: their blocks of code, commands, links and headings."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from conftest import PROJECT

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((PROJECT / "docs").glob("*.md")),
    *(PROJECT / name for name in ("benchmarks/README.md", "datamodules/texts/robo/README.md")),
]

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
INLINE = re.compile(r"`((?:python|make|pip install -e) [^`]+|pip install \./[^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"`([\w/]+\.py)`")


class Block(NamedTuple):
    """A fenced block of code.

    Attributes:
        page: the file it stands in.
        line: its first one, from 1.
        language: as the fence says; empty if it says nothing.
        text: without indentation.
        output: the block of language "text" that follows it at once; empty if there is none.
    """

    page: Path
    line: int
    language: str
    text: str
    output: str

    @property
    def place(self) -> str:
        """Where the block is, for a message."""
        return f"{self.page.relative_to(PROJECT)}, line {self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCED.finditer(text))
    for number, match in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        follows = after is not None and after[2] == "text" and not text[match.end() : after.start()].strip()
        output = textwrap.dedent(after[3]) if after is not None and follows else ""
        yield Block(page, text[: match.start(3)].count("\n") + 1, match[2], textwrap.dedent(match[3]), output)


def commands() -> dict[str, str]:
    """Every documented command, without its comment, and where it stands first."""
    found: dict[str, str] = {}
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue  # it tells of commands that are no more
        for block in blocks(page):
            if block.language == "sh":
                for command in _lines(block.text):
                    found.setdefault(command, block.place)
        for match in INLINE.finditer(FENCED.sub("", page.read_text(encoding="utf-8"))):
            found.setdefault(" ".join(match[1].split()), str(page.relative_to(PROJECT)))
    return found


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        if command := re.sub(r"(^|\s+)#.*$", "", line).strip():
            yield command


def links(page: Path) -> list[str]:
    """The addresses that a page links to."""
    return LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def modules(page: Path) -> list[str]:
    """The files of code that a page names without a link."""
    return MODULE.findall(page.read_text(encoding="utf-8"))
