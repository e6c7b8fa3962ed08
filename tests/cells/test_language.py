"""The language of formulas: parsing, printing, gradients, poles, and that nothing else is let in."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cells.alterations import CURRENT, HIDDEN
from cells.language import parser
from cells.language.canonical import canonical_text
from cells.language.functions import DEFINITIONS, FUNCTIONS, REDUCTIONS
from cells.language.parser import MAX_DEPTH, MAX_TOKENS, FormulaError
from cells.language.program import expanded, program
from cells.language.reverse import gradients
from cells.language.tree import (
    Binary,
    Call,
    Expression,
    Guarded,
    Number,
    Power,
    Variable,
    names_in,
    nodes,
    parts,
    with_parts,
)
from cells.llvm import printer as llvm_printer
from cells.torchscript import printer

NAMES = "choifg"
VALUES = {
    name: torch.tensor([0.3, -0.7, 0.9], dtype=torch.float64) * scale
    for name, scale in zip(NAMES, (1.0, 0.8, -1.1, 0.6, 1.7, -0.4), strict=True)
}

numbers = st.integers(-40, 40).map(lambda n: Number(n / 8))
expressions: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(st.sampled_from(NAMES).map(Variable), numbers),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner).map(lambda t: combined(*t)),
        inner.map(lambda e: -e),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner, inner).map(lambda t: called(*t)),
        st.tuples(st.sampled_from(sorted(DEFINITIONS)), inner).map(lambda t: defined(*t)),
        st.tuples(inner, st.integers(2, 4)).map(lambda t: t[0] if isinstance(t[0], Number) else Power(*t)),
        st.tuples(inner, st.sampled_from(NAMES)).map(lambda t: t[0] / Variable(t[1])),
    ),
    max_leaves=8,
)


def combined(op: str, left: Expression, right: Expression) -> Expression:
    return {"+": left + right, "-": left - right, "*": left * right}[op]


def called(function: str, *arguments: Expression) -> Expression:
    """The call with as many of the arguments as the function takes."""
    return Call(function, arguments[: len(FUNCTIONS[function].slopes)])


def defined(function: str, x: Expression) -> Expression:
    limits = (Number(-0.5), Number(0.5)) if function == "clamp" else ()
    return Call(function, (x, *limits))


def parse(text: object) -> Expression:
    """The formula over c h o i f g."""
    return parser.parse(text, {name: Variable(name) for name in NAMES})  # type: ignore[arg-type]


def evaluate(expression: Expression, values: dict[str, Tensor]) -> Tensor:
    """The value by torch, and that of a `Guarded` by its docstring."""
    expression = expanded(expression)
    like = next(iter(values.values()))
    if isinstance(expression, Guarded):
        left, right = (evaluate(part, values) for part in parts(expression))
        return torch.where((left == 0) | (right == 0), 0.0, left * right)
    if not any(isinstance(node, Guarded) for node in nodes(expression)):
        return eval(
            printer.tensor_code(expression),
            {"torch": torch, "like": like, **{f"{name}_": value for name, value in values.items()}},
        )
    inner = {f"part{k}": evaluate(part, values) for k, part in enumerate(parts(expression))}
    return evaluate(with_parts(expression, tuple(map(Variable, inner))), values | inner)


def derivative(expression: Expression, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The derivatives by all names, by reverse mode over a program of one assignment."""
    own = [("y", expression)]
    assignments, found = gradients(own, {"y": Number(1.0)})
    made = program([*own, *assignments], {name: found.get(name, Number(0.0)) for name in values})
    known = dict(values)
    for name, formula in made.assignments:
        known[name] = evaluate(formula, known)
    return {name: evaluate(formula, known) for name, formula in made.results.items()}


@pytest.mark.parametrize("text", sorted({*CURRENT.values(), *HIDDEN.values()}))
def test_table_1_is_written_in_canonical_text(text: str) -> None:
    assert canonical_text(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("(c)*((o))", "c * o"),
        ("c-(h-o)", "c - (h - o)"),
        ("(c-h)-o", "c - h - o"),
        ("c/(h*o)", "c / (h * o)"),
        ("(c + h) * o", "(c + h) * o"),
        ("-(c + h)", "-(c + h)"),
        ("-(c * h)", "-c * h"),
        ("--c", "c"),
        ("c - -h", "c - -h"),
        ("c * -2", "c * -2"),
        ("1/4 * c", "0.25 * c"),
        ("1e-3 * c + .5", "0.001 * c + 0.5"),
        ("0 * c + 1 * h", "h"),
        ("0 - c", "-c"),
        ("2 * 3 - 7", "-1"),
        ("  sigmoid( c )  ", "sigmoid(c)"),
        ("(c ** 2)", "c**2"),
        ("(-c)**2", "(-c)**2"),
        ("(c * h)**2 / (c**2)**3", "(c * h)**2 / (c**2)**3"),
        ("c**1 + h**0", "c + 1"),
        ("max( c,h )", "max(c, h)"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert canonical_text(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@settings(deadline=None)
@given(expressions)
def test_a_formula_printed_and_parsed_again_is_the_same(expression: Expression) -> None:
    assume(all(1e-6 <= abs(value) <= 1e6 for value in constants(expression)))
    assert parse(canonical_text(expression)) == expression


def constants(expression: Expression) -> list[float]:
    return [node.value for node in nodes(expression) if isinstance(node, Number) and node.value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 - 3 - 4 + c", lambda c, h: -5 + c),
        ("c / h / 2", lambda c, h: c / (h * 2)),
        ("c - h * 2", lambda c, h: c - 2 * h),
        ("-c * h + c / -h", lambda c, h: -c * h - c / h),
        ("(c - h) * (c + h)", lambda c, h: c * c - h * h),
        ("step(c) + step(0 * c) + relu(c)", lambda c, h: (c > 0) + max(c, 0.0)),
        ("sign(c) * abs(c)", lambda c, h: c),
        ("sigmoid(c)", lambda c, h: 1 / (1 + math.exp(-c))),
        ("silu(c) + softplus(h)", lambda c, h: c / (1 + math.exp(-c)) + math.log(1 + math.exp(h))),
        ("exp(log(sqrt(square(c))))", lambda c, h: abs(c)),
        ("square(sin(c)) + square(cos(c)) + tanh(h)", lambda c, h: 1 + math.tanh(h)),
        ("sigmoid(0) + exp(0)", lambda c, h: 1.5),
        ("c**2 - h ** 3", lambda c, h: c * c - h * h * h),
        ("-c**2 * 2**3", lambda c, h: -8 * c * c),
        ("max(c, h) - min(c, 0.5)", lambda c, h: max(c, h) - min(c, 0.5)),
        ("clamp(2 * c, -1, 1) + hardtanh(2 * c)", lambda c, h: 2 * max(-1.0, min(1.0, 2 * c))),
        ("hardtanh(c, 0, 0.5)", lambda c, h: max(0.0, min(0.5, c))),
        ("leaky_relu(c) + leaky_relu(h, 0.3)", lambda c, h: max(c, 0.01 * c) + max(h, 0.3 * h)),
        ("elu(c, 2)", lambda c, h: c if c > 0 else 2 * math.expm1(c)),
        ("gelu(c)", lambda c, h: c * (1 + math.erf(c / math.sqrt(2))) / 2),
        ("3", lambda c, h: 3.0),
    ],
)
def test_value(text: str, value) -> None:
    expected = [value(c, h) for c, h in zip(VALUES["c"].tolist(), VALUES["h"].tolist(), strict=True)]
    assert evaluate(parse(text), VALUES).tolist() == pytest.approx(expected, abs=1e-12)


def test_every_backend_prints_every_function() -> None:
    assert list(printer.FUNCTIONS) == list(llvm_printer.FUNCTIONS) == list(FUNCTIONS)
    assert tuple(printer.REDUCTIONS) == REDUCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_derivative_of_every_function_is_torchs(function: str) -> None:
    c, h, o = (Variable(name) for name in "cho")
    check_derivatives(called(function, c * c + o, h))
    check_derivatives(h * called(function, Number(2.0) * c, c * o))


AT = torch.tensor([0.0, -1.0, 1.0, 0.5, -0.5, 2.0, -2.0, 0.3, -0.7, 1e-9, -3.1, 7.0], dtype=torch.float64)
F = torch.nn.functional


@pytest.mark.parametrize(
    ("text", "of_torch"),
    [
        ("relu(c)", torch.relu),
        ("ramp(c)", lambda c: torch.clamp_min(c, 0.0)),
        ("abs(c)", torch.abs),
        ("max(c, 0.5)", lambda c: torch.maximum(c, torch.full_like(c, 0.5))),
        ("min(0.5, c)", lambda c: torch.minimum(torch.full_like(c, 0.5), c)),
        ("max(c, -c)", lambda c: torch.maximum(c, -c)),
        ("clamp(c, -1, 0.5)", lambda c: torch.clamp(c, -1, 0.5)),
        ("clamp(c, 1, -1)", lambda c: torch.clamp(c, 1, -1)),
        ("hardtanh(c)", F.hardtanh),
        ("hardtanh(c, -0.5, 2)", lambda c: F.hardtanh(c, -0.5, 2.0)),
        ("leaky_relu(c)", F.leaky_relu),
        ("leaky_relu(c, 0.3)", lambda c: F.leaky_relu(c, 0.3)),
        ("elu(c)", F.elu),
        ("elu(c, 0.7)", lambda c: F.elu(c, 0.7)),
        ("gelu(c)", F.gelu),
        ("c**2", lambda c: c**2),
        ("c**8", lambda c: c**8),
    ],
)
def test_values_and_slopes_are_torchs_also_at_kinks(text: str, of_torch) -> None:
    c = AT.clone().requires_grad_()
    value = of_torch(c)
    (slope,) = torch.autograd.grad(value.sum(), c)
    torch.testing.assert_close(evaluate(parse(text), {"c": AT}), value.detach(), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(derivative(parse(text), {"c": AT})["c"], slope, rtol=1e-13, atol=1e-15)


def test_the_derivative_of_a_constant_is_zero_even_at_a_pole() -> None:
    assert torch.equal(derivative(parse("c * log(0)"), VALUES)["h"], torch.zeros(3, dtype=torch.float64))


def test_a_gradient_of_zero_counts_against_a_pole() -> None:
    own = [("y", parse("sqrt(c)"))]
    assignments, found = gradients(own, {"y": Variable("d")})
    values = {"c": torch.zeros(2, dtype=torch.float64), "d": torch.tensor([0.0, 1.0], dtype=torch.float64)}
    for name, formula in [*own, *assignments]:
        values[name] = evaluate(formula, values)
    assert evaluate(found["c"], values).tolist() == [0.0, math.inf]


def test_a_shared_part_inside_a_shared_part_has_a_name_of_its_own() -> None:
    inner, outer = parse("square(c)"), parse("tanh(square(c))")
    made = program([], {"one": outer * inner, "other": outer + inner})
    names = [name for name, _ in made.assignments]
    assert len(names) == len(set(names)) == 2
    assert names_in(made.results["one"]) == set(names)


def test_common_parts_are_computed_once_and_unneeded_ones_are_left_out() -> None:
    made = program(
        [("x", parse("tanh(c) * tanh(c)")), ("y", parse("log(o)")), ("z", parse("2 * 3"))],
        {"result": Variable("x") + parse("tanh(c) / h") + Variable("z")},
    )
    assert [canonical_text(formula) for _, formula in made.assignments] == ["tanh(c)", "_1 * _1"]
    assert canonical_text(made.results["result"]) == "x + _1 / h + 6"
    assert made.inputs == {"c", "h"}


@settings(deadline=None)
@given(expressions)
def test_the_derivative_of_any_formula_is_torchs(expression: Expression) -> None:
    check_derivatives(expression)


def check_derivatives(expression: Expression) -> None:
    values = {name: value.clone().requires_grad_() for name, value in VALUES.items()}
    result = evaluate(expression, values)
    if not result.requires_grad:  # a constant
        result = result + 0 * values["c"]
    by_torch = torch.autograd.grad(result.sum(), list(values.values()), materialize_grads=True)
    found = derivative(expression, VALUES)
    for name, gradient in zip(values, by_torch, strict=True):
        usual = away_from_poles(expression) & (gradient.abs() < 1e6)
        torch.testing.assert_close(found[name][usual], gradient[usual])


def away_from_poles(expression: Expression) -> Tensor:
    """Mask of the values where no part is infinite or takes log, sqrt or the inverse of 0.

    At a pole autograd and calculus differ.
    """
    usual = (evaluate(expression, VALUES) + 0 * VALUES["c"]).isfinite()
    for part in parts(expression):
        usual = usual & away_from_poles(part)
    match expression:
        case Call("log" | "sqrt", (u,)) | Binary("/", _, u):
            usual = usual & (evaluate(u, VALUES).abs() > 1e-6)
    return usual


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_has_a_pole_exactly_where_it_is_declared(function: str, dtype: torch.dtype) -> None:
    """The numbers include 0, -1, negative ones, and those for which exp overflows."""
    x = torch.linspace(-1000, 1000, 4001, dtype=dtype, requires_grad=True)
    formula = called(function, Variable("c"), Number(0.5))
    value = evaluate(formula, {"c": x})
    (by_torch,) = torch.autograd.grad(value.sum(), x)
    declared = derivative(formula, {"c": x.detach()})["c"]
    finite = value.isfinite().all() and by_torch.isfinite().all() and declared.isfinite().all()
    assert FUNCTIONS[function].has_pole == (not finite)


@pytest.mark.parametrize(
    ("formula", "guarded"),
    [
        ("c * tanh(h) - o", False),
        ("c / 2", False),
        ("c / h", True),
        ("-(c + log(h))", True),
        ("tanh(exp(c))", True),
        ("exp(c) * h", True),
    ],
)
def test_gradients_are_guarded_where_a_slope_has_a_pole(formula: str, guarded: bool) -> None:
    assignments, found = gradients([("y", parse(formula))], {"y": Variable("d")})
    written = [*(formula for _, formula in assignments), *found.values()]
    assert any(isinstance(node, Guarded) for formula in written for node in nodes(formula)) == guarded


HOSTILE = [
    # formula, the piece that is marked, the column, a word of the reason
    ("__import__('os').system('true')", "__import__", 1, "unknown function"),
    ("c.__class__", ".", 2, "expected"),
    ("__c__", "__c__", 1, "unknown name"),
    ("eval(c)", "eval", 1, "unknown function"),
    ("c(h)", "c", 1, "unknown function"),
    ("c * relu", "relu", 5, "unknown name"),
    ("c + hidden", "hidden", 5, "unknown name"),
    ("sigmoid(c, h)", "sigmoid", 1, "it takes 1 argument, not 2"),
    ("max(c)", "max", 1, "it takes 2 arguments, not 1"),
    ("clamp(c, 1)", "clamp", 1, "it takes 3 arguments, not 2"),
    ("elu(c, 1, 2)", "elu", 1, "it takes 1 to 2 arguments, not 3"),
    ("sigmoid(x=c)", "x", 9, "unknown name"),
    ("sigmoid()", ")", 9, "expected"),
    ("c ** h", "h", 6, "a power is a whole number"),
    ("c ** 2.5", "2.5", 6, "a power is a whole number"),
    ("c ** 9", "9", 6, "a power is a whole number"),
    ("c ** -1", "-", 6, "a power is a whole number"),
    ("c ** 2 ** 2", "**", 8, "expected"),
    ("10 ** 7", "**", 4, "number"),
    ("c // 2", "/", 4, "expected"),
    ("c @ h", "@", 3, "expected"),
    ("c[0]", "[", 2, "expected"),
    ("lambda: c", "lambda", 1, "unknown name"),
    ("[c for c in h]", "[", 1, "expected"),
    ("c if h else o", "if", 3, "expected"),
    ("'c'", "'", 1, "expected"),
    ("c h", "h", 3, "expected"),
    ("2c", "c", 2, "expected"),
    ("(c", "", 3, "expected"),
    ("c)", ")", 2, "expected"),
    ("c +", "", 4, "expected"),
    ("", "", 1, "expected"),
    ("+c", "+", 1, "expected"),
    ("c\n* o", "\n", 2, "expected"),
    ("\uff43 * o", "\uff43", 1, "expected"),  # a full-width c
    ("с * o", "с", 1, "expected"),  # noqa: RUF001 - a Cyrillic es
    ("c * \u0663", "\u0663", 5, "expected"),  # an Arabic three
    ("c * 1e999", "1e999", 5, "number"),
    ("c * 1e7", "1e7", 5, "number"),
    ("c * 1e-7", "1e-7", 5, "number"),
    ("1000000 * 10 * c", "*", 9, "number"),
    ("c * 0x10", "x10", 6, "expected"),
    ("c * 1_000", "_000", 6, "expected"),
    ("c * inf", "inf", 5, "unknown name"),
    ("c / (1 - 1)", "/", 3, "division by zero"),
    ("(" * 10**5 + "c" + ")" * 10**5, "(", MAX_TOKENS + 1, "too long"),
    ("-" * 10**6 + "c", "-", MAX_TOKENS + 1, "too long"),
    ("sin(" * (MAX_DEPTH + 1) + "c" + ")" * (MAX_DEPTH + 1), "c", 4 * MAX_DEPTH + 5, "nested"),
    ("9" * 10**5, "9" * 40, 1, "number"),
]


@pytest.mark.parametrize(("text", "piece", "column", "reason"), HOSTILE, ids=range(len(HOSTILE)))
def test_any_other_text_is_refused_in_one_line_that_points_at_the_place(
    text: str, piece: str, column: int, reason: str
) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    message = str(caught.value)
    shown = f">>>{piece}<<<"
    assert shown in message or ascii(shown)[1:-1] in message
    assert f"column {column}:" in message
    assert reason in message
    assert message.isprintable()
    assert message.isascii()
    assert len(message) < 400


@pytest.mark.parametrize("not_text", [None, 3, b"c * o", ["c"]])
def test_only_text_is_a_formula(not_text: object) -> None:
    with pytest.raises(FormulaError, match="a formula is a text such as 'c \\* o'"):
        parse(not_text)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.text(st.sampled_from("choifgx01.e+-*/() sin_'\"[]=\n\x00é")))
def test_any_text_is_parsed_or_refused_cleanly(text: str) -> None:
    try:
        formula = parse(text)
    except FormulaError:
        return
    assert parse(canonical_text(formula)) == formula


def test_the_largest_formulas_still_work() -> None:
    longest = "*".join(["c"] * (MAX_TOKENS // 2))
    deepest = "sin(" * MAX_DEPTH + "c" + ")" * MAX_DEPTH
    for text in (longest, deepest):
        formula = parse(text)
        assert parse(canonical_text(formula)) == formula
        check_derivatives(formula)
