"""Every link in README and docs leads somewhere, and what they list is what the code has."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from documented import PAGES, anchors, blocks, links, modules
from omegaconf import OmegaConf

from cells import CURRENT, HIDDEN, FormulaError, resolve
from conf.compose import CONF
from datamodules.texts import corpora, sources


def page(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}, which does not exist"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}, which has no such heading"
    for module in modules(page):
        assert (PROJECT / module).exists(), f"{page.name} names {module}, which does not exist"


def test_the_tests_of_mended_faults_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page("docs/reliability.md"))
    assert len(named) > 100
    missing = [f"{path}::{test}" for path, test in named if f"def {test}(" not in page(f"tests/{path}")]
    assert missing == []


def test_every_page_is_linked_from_readme() -> None:
    linked = {(PROJECT / link.partition("#")[0]).resolve() for link in links(PROJECT / "README.md")}
    pages = {*filter(Path.is_file, (PROJECT / "docs").iterdir()), PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md"}
    assert pages - linked == set()


def test_comments_in_conf_lead_to_pages() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CONF.rglob("*.yaml"))
    assert [name for name in re.findall(r"docs/[\w-]+\.md", text) if not (PROJECT / name).exists()] == []
    headings = re.findall(r"^## (.+)$", page("README.md"), re.M)
    assert [name for name in re.findall(r'README\.md, "(.+?)"', text) if name not in headings] == []


def test_readme_has_table_1() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]*)\|$", page("README.md"), re.M)
    current = {f"C{number}": formula for number, formula, _ in rows}
    hidden = {f"H{number}": formula.strip() for number, _, formula in rows if formula}
    assert (len(current), len(hidden)) == (12, 5)
    assert {name: CURRENT[name] for name in current} == current
    assert {name: HIDDEN[name] for name in hidden} == hidden


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("docs/data-sets.md", "data"),
        ("docs/models.md", "model"),
        ("docs/bitcoin.md", "sentiment"),
        ("docs/bitcoin.md", "messages"),
        ("docs/bitcoin.md docs/series.md", "features"),
    ],
)
def test_pages_name_every_choice(name: str, group: str) -> None:
    text = "".join(map(page, name.split()))
    for choice in (CONF / group).glob("*.yaml"):
        assert f"`{choice.stem}`" in text or f"features={choice.stem} " in text, f"{name}: no {group}={choice.stem}"


def test_the_functions_of_formulas_are_listed() -> None:
    (listed,) = re.findall(r"the functions `([^`]+)`", page("docs/cells.md"))
    with pytest.raises(FormulaError) as error:
        resolve("unheard_of(c)")
    assert set(listed.split()) == set(str(error.value).partition("the functions are ")[2].split())


def test_the_example_of_a_data_set_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {block.language: block.text for block in blocks(PROJECT / "docs" / "data-sets.md")}
    names = vars(corpora).copy()
    exec(found["python"], names)
    monkeypatch.setattr(corpora, "reviews", names["reviews"], raising=False)
    data = OmegaConf.create({**yaml.safe_load(found["yaml"]), "hash": None})
    path = tmp_path / data.file
    path.parent.mkdir(parents=True)
    path.write_text("review,grade\nnice,good\nno,bad\n")
    corpus = sources.load_corpus(data, tmp_path)
    assert (corpus.texts, corpus.labels) == (["nice", "no"], [(2,), (0,)])


def test_the_version_is_the_same_everywhere() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', page("pyproject.toml"), re.M)
    assert yaml.safe_load(page("CITATION.cff"))["version"] == version
    assert re.findall(r"^## \[(\d.+?)\]", page("CHANGELOG.md"), re.M)[0] == version


def test_the_page_on_installing_has_every_extra() -> None:
    table = page("pyproject.toml").partition("[project.optional-dependencies]")[2].partition("[tool.")[0]
    extras = re.findall(r"^(\w+) = \[", table, re.M)
    assert "series" in extras
    rows = "".join(re.findall(r"^\| (`.+?) \|", page("docs/install.md"), re.M))
    assert [extra for extra in extras if f"`{extra}`" not in rows] == []
