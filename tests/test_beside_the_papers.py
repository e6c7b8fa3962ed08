"""docs/beside_the_papers.md leaves nothing of the LSTM-CS paper out."""

import re

import pytest
from conftest import PROJECT

from analysis.claims.claims import CLAIMS, COUNTING_CLAIMS
from analysis.published.cell_paper import CONTRADICTIONS
from conf.compose import CONF
from datamodules.texts.corpus_size import published_sizes

PAGE = (PROJECT / "docs" / "beside_the_papers.md").read_text(encoding="utf-8")
CELL_PAPER = PAGE.partition("## The LSTM-CS paper")[2].partition("## The Bitcoin paper")[0]


def section(title: str) -> str:
    return CELL_PAPER.partition(f"### {title}\n")[2].partition("\n### ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of each row of a section's first table, without its heading."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_table_and_figure_has_a_row() -> None:
    names = " ".join(row[0] for row in rows("Tables and figures"))
    assert [n for n in range(1, 17) if not re.search(rf"\bTable {n}\b", names)] == []
    assert [n for n in range(1, 4) if not re.search(rf"Figures? (\d and )?{n}\b", names)] == []


def test_every_experiment_of_a_table_has_its_row() -> None:
    commands = {row[1] for row in rows("Tables and figures")}
    names = {path.stem for path in (CONF / "experiment").glob("table*.yaml")}
    assert {f"`experiment={name}`" for name in names} <= commands


def test_every_data_set_has_a_row() -> None:
    names = [row[0].lower() for row in rows("Data sets")]
    assert len(names) == 7
    assert [name for name in names if not published_sizes(name)] == []


def test_the_claims_are_those_that_are_judged() -> None:
    told = {tuple(row) for row in rows("Claims")}
    assert told == {(claim.text, claim.where) for claim in (*CLAIMS, *COUNTING_CLAIMS)}


@pytest.mark.parametrize("table", CONTRADICTIONS)
def test_every_contradiction_has_a_row(table: int) -> None:
    assert re.search(rf"Tables? (\d+ and )?{table}\b", section("Contradictions"))


@pytest.mark.parametrize("title", ["Methods", "Data sets", "Protocol", "Tables and figures", "Future work"])
def test_every_row_has_a_verdict(title: str) -> None:
    assert rows(title)
    assert [row[0] for row in rows(title) if len(row) != 3 or not row[2]] == []
