"""Table 1 and the ways to name an alteration."""

import subprocess
import sys

import pytest
import torch
from conftest import PROJECT
from torch import nn

from cells import CURRENT, HIDDEN, LSTM, Alteration, FormulaError, resolve
from cells.alterations import VARIANTS
from cells.equations import CellEquations, CellError, parsed
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


@pytest.mark.parametrize(("gate", "name"), [("c", "H1"), ("sigmoid(c)", "H2"), ("tanh(c)", "H4")])
def test_the_output_gate_times_a_function_of_c_is_an_alteration_of_table_1(gate: str, name: str) -> None:
    """As h = o tanh(c); hence conf/experiment/gates.yaml has none of them."""
    x = torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    altered = LSTM(3, 4, alteration=f"o = sigmoid(a_o) * {gate}").double()
    named = LSTM(3, 4, alteration=name).double()
    named.load_state_dict(altered.state_dict())
    torch.testing.assert_close(named(x), altered(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_name_of_a_variant(name: str) -> None:
    alteration = resolve(name)
    assert isinstance(alteration, Alteration)
    assert {key: value for key, value in alteration.texts().items() if value is not None} == VARIANTS[name]
    assert alteration.name == name


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("CIFG+C1", "C1+CIFG"),
        ("PEEPHOLES + H2+ C4", "C4+H2+PEEPHOLES"),
        ("f = 1 - i; current = c*o", "C1+CIFG"),
        ("h = o*c", "NOAF"),
        ("C1; zoneout = .1", "C1; zoneout = 0.1"),
        ("C1; o = sigmoid(a_o + p * c); learn p = 0", "o = sigmoid(a_o + p * c); current = c * o; learn p = 0"),
        ("recurrent_dropout = 0.25; zoneout = 0.1", "zoneout = 0.1; recurrent_dropout = 0.25"),
        ("z * c_prev + (1 - z) * c; noise z = 0.1", "current = z * c_prev + (1 - z) * c; noise z = 0.1"),
        ("recurrent = m * h_prev; mask m = 0.9", "recurrent = m * h_prev; mask m = 0.9"),
        ("zoneout = 0", "baseline"),
    ],
)
def test_every_equation_can_be_replaced_and_names_combine(spec: str, name: str) -> None:
    alteration = resolve(spec)
    assert isinstance(alteration, Alteration)
    assert alteration.name == name
    assert resolve(name) == alteration == Alteration(**alteration.texts())


def test_equations_are_ordered_by_what_they_read() -> None:
    cell = resolve("o = sigmoid(a_o + c); f = 1 - i; i = sigmoid(a_i + g)").cell
    assert [name for name, _ in cell.ordered] == ["g", "i", "f", "c", "o", "h"]


def test_backward_keeps_a_gate_where_its_slope_follows_from_it() -> None:
    cell = CellEquations.of({"i": parsed("i", "silu(a_i)"), "f": parsed("f", "sigmoid(2 * a_f)")})
    assert cell.backward.kept == {"i": "a_i", "f": "f", "g": "g", "o": "o"}


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
        ("c", "c", None, "baseline"),
        ("f = sigmoid((a_f)); current = c; hidden = h; c = f*c_prev + i*g", None, None, "baseline"),
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
    assert texts.count("c * erf(o)") == texts.count("h - 0.125") == 1


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (Variable("x"), ">>>x<<<', column 1: unknown name"),
        (Number(1e9), "the size of a number must be"),
        (Call("system", (Variable("c"),)), r">>>system<<<\(c\)', column 1: unknown function"),
        (Variable("c") / Number(0.0), "division by zero"),
    ],
)
def test_a_tree_that_no_text_gives_is_no_alteration(tree: Expression, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        Alteration(tree)


def test_a_last_semicolon_means_nothing() -> None:
    assert resolve("C1;") == resolve("C1; ") == Alteration("c * o")


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
        ("x = c", ValueError, "equation 'x = c' must begin with one of i = f = g = o = c = h = current ="),
        ("c == h", ValueError, "must begin with"),
        ("current = o; current = h", ValueError, "two equations for current"),
        ("o = c; o = h", ValueError, "two equations for o"),
        ("c = c * o", CellError, "the equation of c reads c itself; 'current = ...' alters the c that is handed on"),
        ("i = sigmoid(i)", CellError, "the equation of i reads i itself, write a_i for its pre-activation"),
        ("i = 1 - f; f = 1 - i", CellError, "go in a circle \\(i reads f, f reads i\\): let one of them read c_prev"),
        ("o = sigmoid(c); c = f * c_prev + h", CellError, "\\(o reads c, c reads h, h reads o\\)"),
        ("o = sigmoid(a_o + q * c)", FormulaError, "o = ... : formula .*>>>q<<<.*the names are a_i a_f .* c_prev"),
        ("recurrent = c", FormulaError, "recurrent = ... : .*the names are h_prev"),
        ("recurrent = z * h_prev; noise z = 0.1", CellError, "recurrent reads the noise z: declare it as a mask"),
        ("learn p = 0", CellError, "no equation reads p"),
        ("o = p; learn p = much", ValueError, "'learn p = much' must end in a number"),
        ("o = P; learn P = 1", CellError, "learn 'P': choose a name such as p, in up to 40 small letters"),
        ("learn weight_ih = 0; o = weight_ih", CellError, "the name weight_ih is taken"),
        ("learn tanh = 0; o = tanh", CellError, "the name tanh is taken"),
        ("learn p = 0; mask p = 0.5; o = p", CellError, "mask p: the name p is taken"),
        ("noise z = 1.5; o = z", CellError, "noise z = 1.5: give a probability, from 0 to 1"),
        ("zoneout = 1", CellError, "zoneout=1.0: give a probability from 0 to below 1"),
        ("recurrent_dropout = -0.1", CellError, "recurrent_dropout=-0.1: give a probability"),
        ("zoneout = a lot", ValueError, "must end in a number"),
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
