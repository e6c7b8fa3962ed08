"""The language of formulas: parsing, printing, derivatives, poles, and that nothing else is let in."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cells.alterations import CURRENT, HIDDEN
from cells.language.canonical import canonical_text
from cells.language.derivative import derivative
from cells.language.functions import FUNCTIONS
from cells.language.parser import MAX_DEPTH, MAX_TOKENS, FormulaError, parse
from cells.language.tree import Binary, Call, Expression, Number, Variable
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
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner).map(lambda t: Call(*t)),
        st.tuples(inner, st.sampled_from(NAMES)).map(lambda t: t[0] / Variable(t[1])),
    ),
    max_leaves=8,
)


def combined(op: str, left: Expression, right: Expression) -> Expression:
    return {"+": left + right, "-": left - right, "*": left * right}[op]


def evaluate(expression: Expression, values: dict[str, Tensor]) -> Tensor:
    return eval(printer.tensor_code(expression), {"torch": torch, **values})


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
    own = [expression.value] if isinstance(expression, Number) and expression.value else []
    return own + [c for part in vars(expression).values() if isinstance(part, Expression) for c in constants(part)]


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
        ("3", lambda c, h: 3.0),
    ],
)
def test_value(text: str, value) -> None:
    expected = [value(c, h) for c, h in zip(VALUES["c"].tolist(), VALUES["h"].tolist(), strict=True)]
    assert evaluate(parse(text), VALUES).tolist() == pytest.approx(expected, abs=1e-12)


def test_every_backend_prints_every_function() -> None:
    assert list(printer.FUNCTIONS) == list(llvm_printer.FUNCTIONS) == list(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_derivative_of_every_function_is_torchs(function: str) -> None:
    check_derivatives(parse(f"{function}(c * c + o)"))
    check_derivatives(parse(f"h * {function}(2 * c)"))


def test_the_derivative_of_a_constant_is_zero_even_at_a_pole() -> None:
    assert derivative(parse("c * log(0)"), "h") == Number(0.0)


@settings(deadline=None)
@given(expressions)
def test_the_derivative_of_any_formula_is_torchs(expression: Expression) -> None:
    check_derivatives(expression)


def check_derivatives(expression: Expression) -> None:
    values = {name: value.clone().requires_grad_() for name, value in VALUES.items()}
    result = evaluate(expression, values)
    if not result.requires_grad:  # a constant
        result = result + 0 * values["c"]
    gradients = torch.autograd.grad(result.sum(), list(values.values()), materialize_grads=True)
    for name, gradient in zip(values, gradients, strict=True):
        usual = away_from_poles(expression) & (gradient.abs() < 1e6)
        torch.testing.assert_close(evaluate(derivative(expression, name), VALUES)[usual], gradient[usual])


def away_from_poles(expression: Expression) -> Tensor:
    """Mask of the values where no part is infinite or takes log, sqrt or the inverse of 0.

    At a pole autograd and calculus differ.
    """
    usual = (evaluate(expression, VALUES) + 0 * VALUES["c"]).isfinite()
    for part in vars(expression).values():
        if isinstance(part, Expression):
            usual = usual & away_from_poles(part)
    match expression:
        case Call("log" | "sqrt", u) | Binary("/", _, u):
            usual = usual & (evaluate(u, VALUES).abs() > 1e-6)
    return usual


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_has_a_pole_exactly_where_it_is_declared(function: str, dtype: torch.dtype) -> None:
    """The numbers include 0, -1, negative ones, and those for which exp overflows."""
    x = torch.linspace(-1000, 1000, 4001, dtype=dtype, requires_grad=True)
    formula = Call(function, Variable("c"))
    value = evaluate(formula, {"c": x})
    (by_torch,) = torch.autograd.grad(value.sum(), x)
    declared = evaluate(derivative(formula, "c"), {"c": x.detach()})
    finite = value.isfinite().all() and by_torch.isfinite().all() and declared.isfinite().all()
    assert FUNCTIONS[function].has_pole == (not finite)


@pytest.mark.parametrize(
    ("formula", "pole"),
    [
        ("c * tanh(h) - o", False),
        ("c / h", True),
        ("-(c + log(h))", True),
        ("tanh(exp(c))", True),
        ("exp(c) * h", True),
    ],
)
def test_a_formula_has_the_poles_of_its_parts(formula: str, pole: bool) -> None:
    assert llvm_printer.has_pole(parse(formula)) == pole


HOSTILE = [
    # formula, the piece that is marked, the column, a word of the reason
    ("__import__('os').system('true')", "__import__", 1, "unknown function"),
    ("c.__class__", ".", 2, "expected"),
    ("__c__", "__c__", 1, "unknown name"),
    ("eval(c)", "eval", 1, "unknown function"),
    ("c(h)", "c", 1, "unknown function"),
    ("c * relu", "relu", 5, "unknown name"),
    ("c + hidden", "hidden", 5, "unknown name"),
    ("sigmoid(c, h)", ",", 10, "expected"),
    ("sigmoid(x=c)", "x", 9, "unknown name"),
    ("sigmoid()", ")", 9, "expected"),
    ("c ** 2", "*", 4, "expected"),
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
