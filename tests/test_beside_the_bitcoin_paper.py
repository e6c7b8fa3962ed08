"""docs/beside_the_papers.md leaves nothing of the Bitcoin paper out."""

import re

import pytest
from conftest import PROJECT

from analysis.claims.market_claims import claims
from analysis.published.bitcoin_paper import CONTRADICTIONS
from conf.compose import CONF

PAGE = (PROJECT / "docs" / "beside_the_papers.md").read_text(encoding="utf-8").partition("## The Bitcoin paper")[2]


def rows(title: str) -> list[list[str]]:
    """The cells of each row of a section's table, without its heading."""
    section = PAGE.partition(f"### {title}\n")[2].partition("\n### ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_table_and_figure_has_a_row() -> None:
    names = " ".join(row[0] for row in rows("Tables and figures"))
    assert [n for n in range(1, 4) if f"Table {n}" not in names] == []
    assert re.findall(r"Figures? ([\d, and]+\d)", names)[0] == "1, 2 and 3"
    assert [n for n in range(4, 8) if f"Figure {n}" not in names] == []


def test_every_experiment_on_the_market_has_its_row() -> None:
    names = [path.stem for path in (CONF / "experiment").glob("market*.yaml")]
    assert [name for name in names if f"`experiment={name}`" not in PAGE] == []


def test_the_claims_are_those_that_are_judged() -> None:
    told = {tuple(row[:2]) for row in rows("Claims of the Bitcoin paper")}
    assert told == {(claim.text, claim.where) for claim in claims()}


def test_the_contradictions_are_those_under_the_table() -> None:
    told = [(row[0], row[1]) for row in rows("Contradictions of the Bitcoin paper")]
    assert told == [(found.where, found.text) for found in CONTRADICTIONS]


@pytest.mark.parametrize(
    "title", ["Methods", "Data sets", "Protocol", "Tables and figures", "Future work of the Bitcoin paper"]
)
def test_every_row_has_a_verdict(title: str) -> None:
    assert rows(title)
    assert [row[0] for row in rows(title) if len(row) != 3 or not row[2]] == []
