"""Formulas as TorchScript text."""

from cells.language.tree import Binary, Call, Expression, Negative, Number, Variable

# The functions of cells.language.functions.
FUNCTIONS = {
    "sigmoid": "torch.sigmoid({x})",
    "tanh": "torch.tanh({x})",
    "relu": "torch.relu({x})",
    "exp": "torch.exp({x})",
    "log": "torch.log({x})",
    "sqrt": "torch.sqrt({x})",
    "square": "torch.square({x})",
    "abs": "torch.abs({x})",
    "sin": "torch.sin({x})",
    "cos": "torch.cos({x})",
    "softplus": "torch.nn.functional.softplus({x})",
    "erf": "torch.erf({x})",
    "atan": "torch.atan({x})",
    "expm1": "torch.expm1({x})",
    "log1p": "torch.log1p({x})",
    "silu": "torch.nn.functional.silu({x})",
    "sign": "torch.sign({x})",
    "step": "torch.relu(torch.sign({x}))",
}


def code(formula: Expression) -> str:
    """The text of the formula's value: a tensor, or a float where no name occurs."""
    match formula:
        case Number(value):
            return repr(value)
        case Variable(name):
            return name
        case Negative(u):
            return f"(-{code(u)})"
        case Binary(op, u, v):
            return f"({code(u)} {op} {code(v)})"
        case Call(function, u):
            return FUNCTIONS[function].format(x=tensor_code(u))
    raise TypeError(f"not a formula: {type(formula)}")


def tensor_code(formula: Expression) -> str:
    """The text of the formula's value as a tensor: a number is spread to the shape of c."""
    return f"torch.full_like(c, {code(formula)})" if isinstance(formula, Number) else code(formula)
