"""Table 1 and the ways to name an alteration."""

import subprocess
import sys

import pytest
import torch
from conftest import PROJECT
from torch import nn

from cells import CURRENT, HIDDEN, LSTM, Alteration, FormulaError, resolve
from cells.alterations import NAMED, VARIANTS
from cells.equations import CellError, CellEquations, parsed
from cells.language import parser
from cells.language.tree import Call, Expression, Number, Variable


def test_the_papers_alterations_come_first() -> None:
    assert list(CURRENT)[:12] == [f"C{n}" for n in range(1, 13)]
    assert list(HIDDEN)[:5] == [f"H{n}" for n in range(1, 6)]


def test_no_formula_has_two_names() -> None:
    assert len(set(CURRENT.values())) == len(CURRENT)
    assert len(set(HIDDEN.values())) == len(HIDDEN)


@pytest.mark.parametrize("name", [*CURRENT, *HIDDEN])
def test_a_name_of_the_table(name: str) -> None:
    alteration = resolve(name)
    assert isinstance(alteration, Alteration)
    assert alteration.texts() == {"current": CURRENT.get(name), "hidden": HIDDEN.get(name)}
    assert alteration.name == name


@pytest.mark.parametrize(
    ("spec", "current", "hidden", "name"),
    [
        (None, None, None, "baseline"),
        ("baseline", None, None, "baseline"),
        (Alteration(), None, None, "baseline"),
        ("C1+H2", "c * o", "h * sigmoid(c)", "C1+H2"),
        ("H2 + C1", "c * o", "h * sigmoid(c)", "C1+H2"),
        ("c*relu(o)", "c * relu(o)", None, "current = c * relu(o)"),
        ("current = c * relu(o)", "c * relu(o)", None, "current = c * relu(o)"),
        ("hidden=c-h", None, "c - h", "hidden = c - h"),
        ("hidden = h * sigmoid(c); current = (c) * o", "c * o", "h * sigmoid(c)", "C1+H2"),
        ("current = c * o; hidden = -h", "c * o", "-h", "current = c * o; hidden = -h"),
        ("h * sigmoid(c)", "h * sigmoid(c)", None, "C8"),  # the formula of H2 too, but a bare one alters c
        ("c + h", "c + h", None, "current = c + h"),
        ("c", "c", None, "current = c"),
    ],
)
def test_every_way_to_name_an_alteration(spec: object, current: str | None, hidden: str | None, name: str) -> None:
    alteration = resolve(spec)  # type: ignore[arg-type]
    assert alteration == Alteration(current, hidden)
    assert alteration.name == name
    assert resolve(alteration.name) == alteration


def test_alterations_are_equal_if_their_trees_are() -> None:
    assert Alteration("(c)*o") == Alteration("c * o") == Alteration(Variable("c") * Variable("o"))
    assert hash(Alteration("(c)*o")) == hash(Alteration("c * o"))
    assert Alteration("c * o") != Alteration("o * c")
    assert Alteration("c * o") != Alteration(hidden="c * o")


def test_texts_are_canonical_and_make_the_same_alteration() -> None:
    alteration = Alteration(hidden="(c)*((o))+.5")
    assert alteration.texts() == {"current": None, "hidden": "c * o + 0.5"}
    assert Alteration(**alteration.texts()) == alteration
    assert repr(alteration) == "Alteration(current=None, hidden='c * o + 0.5')"


def test_a_formula_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, parse = [], parser._Parser.parse
    monkeypatch.setattr(parser._Parser, "parse", lambda self: texts.append(self.text) or parse(self))
    LSTM(2, 3, alteration="current = c * erf(o); hidden = h - 0.125")(torch.ones(4, 1, 2))[0].sum().backward()
    of_alteration = [text for text in texts if "x" not in text]  # those with x are derivatives of functions
    assert of_alteration == ["c * erf(o)", "h - 0.125"]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (Variable("x"), ">>>x<<<', column 1: unknown name"),
        (Number(1e9), "the size of a number must be"),
        (Call("system", Variable("c")), r">>>system<<<\(c\)', column 1: unknown function"),
        (Variable("c") / Number(0.0), "division by zero"),
    ],
)
def test_a_tree_that_no_text_gives_is_no_alteration(tree: Expression, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        Alteration(tree)


def test_a_module_is_returned_as_it_is() -> None:
    module = nn.Identity()
    assert resolve(module) is module


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("C99", ValueError, "no alteration 'C99', the names are C1 C2"),
        ("c1", ValueError, "no alteration 'c1'"),
        ("C1+H9", ValueError, "no alteration 'H9'"),
        ("C1+C2", ValueError, "'C1\\+C2' has two equations for current"),
        ("C1+CIFG+NFG", ValueError, "'C1\\+CIFG\\+NFG' has two equations for f"),
        ("o = c", ValueError, "equation 'o = c' must begin with 'c =' or 'h ='"),
        ("c == h", ValueError, "must begin with"),
        ("current = o; c = h", ValueError, "two equations for c"),
        ("c * foo(h)", FormulaError, "c \\* >>>foo<<<\\(h\\)"),
        ("hidden = ", FormulaError, "expected a name"),
        ("", FormulaError, "expected a name"),
        (3, TypeError, "not a int"),
    ],
)
def test_a_mistake_is_an_error_of_one_line(spec: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        resolve(spec)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.processes
def test_the_table_does_not_wait_for_torch() -> None:
    code = "import sys, cells, cells.language.reverse; cells.resolve('C1'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
