"""Equations as text of Python that TorchScript can compile."""

from collections.abc import Sequence

from cells.equations import PRE_ACTIVATIONS, PREVIOUS, CellEquations
from cells.language.program import Program, program
from cells.language.tree import Binary, Call, Expression, Negative, Number, Power, Variable, names_in

# The functions of cells.language.functions, over tensors. Where TorchScript has other derivatives than autograd,
# they are operations that it leaves to autograd, see `cells.torchscript.autodiff`.
FUNCTIONS = {
    "sigmoid": "torch.sigmoid({x})",
    "tanh": "torch.tanh({x})",
    "relu": "torch.relu_({x}.clone())",
    "ramp": "torch.clamp_min({x}, 0.0)",
    "exp": "torch.exp({x})",
    "log": "torch.log({x})",
    "sqrt": "torch.sqrt({x})",
    "square": "torch.square({x})",
    "abs": "torch.abs({x})",
    "sin": "torch.sin({x})",
    "cos": "torch.cos({x})",
    "softplus": "(-torch.nn.functional.logsigmoid(-{x}))",
    "erf": "torch.erf({x})",
    "atan": "torch.atan({x})",
    "expm1": "torch.expm1({x})",
    "log1p": "torch.log1p({x})",
    "silu": "torch.nn.functional.silu({x})",
    "sign": "torch.sign({x})",
    "step": "torch.relu_(torch.sign({x}))",
    "max": "torch.maximum({x}, {y})",
    "min": "torch.minimum({x}, {y})",
}

# Those over all units of a row.
REDUCTIONS = {
    "layer_norm": "torch.nn.functional.layer_norm({x}, [{x}.size(-1)])",
    "softmax": "torch.softmax({x}, -1)",
}


def step_text(name: str, wanted: Sequence[str], drawn: CellEquations, at_mean: CellEquations) -> str:
    """The text of a method with the arguments of `Step.forward` that computes `wanted`, see `CellEquations.forward`.

    Args:
        name: of the method.
        wanted: the names of its results.
        drawn: the cell where it is given noise or masks.
        at_mean: the cell elsewhere.
    """
    arguments = "gates: Tensor, c: Tensor, h: Tensor, {learned}, {noise}, {masks}".format_map(_OPTIONAL)
    bodies = [_step(cell, wanted) for cell in (drawn, at_mean)]
    return _method(
        name, arguments, "noise is None and masks is None", bodies, f"tuple[{', '.join(['Tensor'] * len(wanted))}]"
    )


def recurrent_text(name: str, drawn: CellEquations, at_mean: CellEquations) -> str:
    """The text of a method (h, learned, masks) that computes what W_hh is multiplied by; arguments as `step_text`."""
    arguments = "h: Tensor, {learned}, {masks}".format_map(_OPTIONAL)
    return _method(name, arguments, "masks is None", [_recurrent(cell) for cell in (drawn, at_mean)], "Tensor")


def code(formula: Expression) -> str:
    """The text of the formula's value: a tensor, or a float for a number."""
    match formula:
        case Number(value):
            return repr(value)
        case Variable(name):
            return _local(name)
        case Negative(u):
            return f"(-{code(u)})"
        case Binary(op, u, v):
            return f"({code(u)} {op} {code(v)})"
        case Power(u, exponent):
            return f"({code(u)} ** {exponent})"
        case Call(function, arguments):
            given = dict(zip("xy", map(tensor_code, arguments), strict=False))
            return (FUNCTIONS | REDUCTIONS)[function].format(**given)
    raise TypeError(f"not a formula: {type(formula)}")


def tensor_code(formula: Expression) -> str:
    """The text of the formula's value as a tensor: a number is spread to the shape of `like`."""
    return f"torch.full_like(like, {code(formula)})" if isinstance(formula, Number) else code(formula)


_OPTIONAL = {name: f"{name}: Tensor | None" for name in ("learned", "noise", "masks")}


def _method(name: str, arguments: str, condition: str, bodies: Sequence[list[str]], result: str) -> str:
    """The text of a method with the first body, or with the second one where the condition holds."""
    drawn, at_mean = bodies
    lines = drawn if drawn == at_mean else [f"if {condition}:", *(f"    {line}" for line in at_mean), *drawn]
    return f"def {name}(self, {arguments}) -> {result}:\n" + "".join(f"    {line}\n" for line in lines)


def _step(cell: CellEquations, wanted: Sequence[str]) -> list[str]:
    # Not chunk: where a gate gets no gradient, TorchScript's backward of chunk returns too few columns.
    lines = ["like = c", f"{', '.join(map(_local, PRE_ACTIVATIONS))} = gates.split(c.size(-1), -1)"]
    lines += [f"{_local(name)} = {state}" for name, state in zip(PREVIOUS, "ch", strict=True)]
    return lines + _body(cell, cell.forward(*wanted), {*PRE_ACTIVATIONS, *PREVIOUS, *cell.noise, *cell.masks})


def _recurrent(cell: CellEquations) -> list[str]:
    made = program([], {"recurrent": cell.recurrent})
    return ["like = h", f"{_local('h_prev')} = h", *_body(cell, made, {"h_prev", *cell.masks})]


def _body(cell: CellEquations, made: Program, full: set[str]) -> list[str]:
    """The lines that compute a program, with its declared names unpacked and its results in the shape of `like`.

    Args:
        cell: the equations, which declare the names.
        made: the program.
        full: names of that shape.
    """
    lines = []
    groups = {"learned": cell.learned, "noise": cell.noise, "masks": cell.masks}
    for group, names in groups.items():
        if read := [name for name in names if name in made.inputs]:
            lines.append(f"assert {group} is not None")
            lines += [f"{_local(name)} = {group}[{names.index(name)}]" for name in read]
    full = set(full)
    for name, formula in made.assignments:
        lines.append(f"{_local(name)} = {tensor_code(formula)}")
        if _is_full(formula, full):
            full.add(name)
    results = []
    for formula in made.results.values():
        text = tensor_code(formula)
        results.append(text if _is_full(formula, full) else f"{text}.expand_as(like)")
    return [*lines, f"return {', '.join(results)}"]


def _is_full(formula: Expression, full: set[str]) -> bool:
    """Whether the formula's tensor has the shape of `like`: it reads a name that has, or none at all."""
    names = names_in(formula)
    return not names or bool(names & full)


def _local(name: str) -> str:
    """The local variable of a name in equations; no other word of the text ends so."""
    return f"{name}_"
