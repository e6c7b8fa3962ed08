"""The canonical text of a formula: the one by which runs are named and alterations are recorded."""

from cells.language.tree import Binary, Call, Expression, Negative, Number, Power, Variable


def canonical_text(formula: Expression) -> str:
    """The formula with the fewest brackets; reading it gives the same tree."""
    match formula:
        case Number(value):
            return repr(value).removesuffix(".0")
        case Variable(name):
            return name
        case Negative(u):
            return "-" + _bracketed(u, 3)
        case Binary(op, u, v):
            precedence = _precedence(formula)  # on the right even an equal one needs brackets: a - (b - c)
            return f"{_bracketed(u, precedence)} {op} {_bracketed(v, precedence + 1)}"
        case Power(u, exponent):
            return f"{_bracketed(u, 5)}**{exponent}"
        case Call(function, arguments):
            return f"{function}({', '.join(map(canonical_text, arguments))})"
    raise TypeError(f"not a formula: {type(formula)}")


def _bracketed(formula: Expression, precedence: int) -> str:
    """The text, in brackets if it binds less tightly than `precedence`."""
    text = canonical_text(formula)
    return text if _precedence(formula) >= precedence else f"({text})"


def _precedence(formula: Expression) -> int:
    match formula:
        case Binary(op):
            return 1 if op in "+-" else 2
        case Negative():
            return 3
        case Number(value):
            return 3 if value < 0 else 5
        case Power():
            return 4
    return 5
