"""The text of the two kernels for one step of a layer: all that is elementwise, forward and backward.

A program has some units of some rows, of one direction of one model. The products with W_hh are torch's, between two
launches: a launch ends the step whose product is there and begins the next one. Launch `s` is step s; one more, before
the first step forward and after the last one backward, has no live rows and does the other half alone.

Beside the tensors of `cells.triton.kernels` there are, in memory,

    c_last, h_last, d_c_first, d_h_first    [K, D, B, H], the states between two steps, in the end the last ones
    product                                 [K, D, B, 4 H] forward, [K, D, B, H] backward
    factor, d_a                             [K, D, B, H] and [K, D, B, 4 H], what the next product is of
    d_learned                               [K, D, names, B, H], sums over the steps so far
"""

from collections.abc import Iterator

from cells.equations import GATES, PRE_ACTIVATIONS, CellEquations
from cells.language.program import program
from cells.triton.kernel_text import SIZES, Purpose, Text, declared_groups, lines_of, shown_gates
from cells.triton.printer import code, local, program_lines, tensor_code

CONSTANTS = ("H", "D", "BLOCK")
"""Known when a kernel is compiled: H, D, and the numbers of a program."""

_BEGIN = """
d = tl.program_id(1)
net = tl.program_id(2).to(tl.int64)
own = net * D + d
e = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
r = e // H
k = e % H
there = r < batch
zero = tl.zeros((BLOCK,), tl.float32)
length = tl.load(lengths + net * batch + r, mask=there, other=0)
state = own * batch * H + e
state4 = (own * batch + r) * 4 * H + k
table = starts + net * (steps + 4) + 2
"""

_AT = """
live{0} = there & (tl.where(t{0} < 0, steps, t{0}) < length)
row{0} = net * rows + tl.load(table + t{0}) + r
place{0} = (row{0} * D + d) * H + k
place4{0} = (row{0} * D + d) * 4 * H + k
"""


def forward_step_text(cell: CellEquations, purpose: Purpose) -> Text:
    """The kernel `forward_step`: step s from 0 on, and -1, which only makes the factor of the first product."""
    shown = shown_gates(cell, purpose)
    step = cell.forward(*shown, "current", "hidden")
    used = [k for k, name in enumerate(PRE_ACTIVATIONS) if name in step.inputs]
    factor = program((), {"r": cell.recurrent})
    kept = {
        Purpose.RESULTS: {},
        Purpose.GRADIENTS: {"c_kept": local("c_prev"), "h_kept": local("h_prev")},
        Purpose.STATES: {"c_kept": "current"},
    }[purpose]
    tensors = ["xw", "product", "lengths", "starts", *declared_groups(cell), "c_last", "h_last", "factor", "out"]
    tensors += [*(["kept"] if shown else []), *kept]
    lines = [
        "t = tl.where(d == 0, s, steps - 1 - s)",
        *lines_of(_AT.format("")),
        *_constants(cell),
        *_noise(cell),
        *(f"{local(f'{c}_prev')} = tl.load({c}_last + state, mask=there, other=0.0)" for c in "ch"),
        *(
            f"{local(PRE_ACTIVATIONS[k])} = tl.load(product + state4 + {k} * H, mask=live, other=0.0)"
            f" + tl.load(xw + place4 + {k} * H, mask=live, other=0.0)"
            for k in used
        ),
        *(f"tl.store({name} + place, {value}, mask=live)" for name, value in kept.items() if value != "current"),
        *program_lines(step),
        f"current = {tensor_code(step.results['current'])}",
        f"hidden = {tensor_code(step.results['hidden'])}",
        "tl.store(out + place, hidden, mask=live)",
        *_stores("kept", "place4", [tensor_code(step.results[name]) for name in shown], "live"),
        *(f"tl.store({name} + place, {value}, mask=live)" for name, value in kept.items() if value == "current"),
        f"{local('h_prev')} = tl.where(live, hidden, {local('h_prev')})",
        f"tl.store(c_last + state, tl.where(live, current, {local('c_prev')}), mask=there)",
        f"tl.store(h_last + state, {local('h_prev')}, mask=there)",
        *program_lines(factor),
        f"tl.store(factor + state, {tensor_code(factor.results['r'])}.to(factor.dtype.element_ty), mask=there)",
    ]
    return _kernel("forward_step", tensors, lines)


def backward_step_text(cell: CellEquations) -> Text:
    """The kernel `backward_step`: step s from the last one on, and one behind the first, which only ends that one."""
    step = cell.backward.program
    tensors = ["d_out", "product", "lengths", "starts", *declared_groups(cell), "kept", "c_kept", "h_kept"]
    tensors += ["d_c_first", "d_h_first", "d_gates", "d_a", *([] if cell.multiplies_h_prev else ["multiplied"])]
    tensors += ["d_learned"] if cell.learned else []
    lines = [
        "t = tl.where(d == 0, steps - 1 - s, s)",
        "t_before = tl.where(d == 0, t + 1, t - 1)",
        *lines_of(_AT.format("")),
        *lines_of(_AT.format("_before")),
        *_constants(cell),
        *(f"d_{c} = tl.load(d_{c}_first + state, mask=there, other=0.0)" for c in "ch"),
        *_end_of_step_before(cell),
        *_noise(cell),
        *_loads_of_step(cell),
        f"{local('d_hidden')} = d_h + tl.load(d_out + place, mask=live, other=0.0)",
        f"{local('d_current')} = d_c",
        *program_lines(step),
        *(f"d_a_{gate} = tl.where(live, {tensor_code(step.results[f'd_a_{gate}'])}, 0.0)" for gate in GATES),
        *_stores("d_gates", "place4", [f"d_a_{gate}" for gate in GATES], "live"),
        *_stores("d_a", "state4", [f"d_a_{gate}.to(d_a.dtype.element_ty)" for gate in GATES], "there"),
        *(f"found_{c} = {tensor_code(step.results[f'd_{c}_prev'])}" for c in "ch"),
        *(f"tl.store(d_{c}_first + state, tl.where(live, found_{c}, d_{c}), mask=there)" for c in "ch"),
    ]
    for k, name in enumerate(cell.learned):
        lines += [
            f"at = d_learned + (own * {len(cell.learned)} + {k}) * batch * H + e",
            f"ended = tl.where(live_before, {local(f'ended_{name}')}, 0.0)",
            f"begun = tl.where(live, {tensor_code(step.results[f'd_{name}'])}, 0.0)",
            "tl.store(at, tl.load(at, mask=there, other=0.0) + ended + begun, mask=there)",
        ]
    return _kernel("backward_step", tensors, lines)


def _end_of_step_before(cell: CellEquations) -> Iterator[str]:
    """The lines for the part of the step before that comes through its product with W_hh."""
    through, factor = cell.recurrent_backward, program((), {"r": cell.recurrent})
    yield f"{local('d_recurrent')} = tl.load(product + state, mask=live_before, other=0.0)"
    if not cell.multiplies_h_prev:
        yield f"{local('h_prev')} = tl.load(h_kept + place_before, mask=live_before, other=0.0)"
        yield from program_lines(factor)
        yield f"tl.store(multiplied + place_before, {tensor_code(factor.results['r'])}, mask=live_before)"
    yield from program_lines(through)
    yield f"d_h = tl.where(live_before, d_h + {code(through.results['d_h_prev'])}, d_h)"
    for name in cell.learned:
        yield f"{local(f'ended_{name}')} = {tensor_code(through.results[f'd_{name}'])}"


def _loads_of_step(cell: CellEquations) -> Iterator[str]:
    """The lines that load what the forward pass kept of this step."""
    read = cell.backward.program.inputs
    for k, name in enumerate(cell.backward.kept.values()):
        if name in read:
            yield f"{local(name)} = tl.load(kept + place4 + {k} * H, mask=live, other=0.0)"
    for name in ("c_prev", "h_prev"):
        if name in read:
            yield f"{local(name)} = tl.load({name[0]}_kept + place, mask=live, other=0.0)"


def _constants(cell: CellEquations) -> Iterator[str]:
    """The lines that load what is the same at all steps: learned coefficients and masks."""
    for k, name in enumerate(cell.learned):
        yield f"{local(name)} = tl.load(learned + (own * {len(cell.learned)} + {k}) * H + k, mask=there, other=0.0)"
    for k, name in enumerate(cell.masks):
        address = f"masks + (own * {len(cell.masks)} + {k}) * batch * H + e"
        yield f"{local(name)} = tl.load({address}, mask=there, other=0.0)"


def _noise(cell: CellEquations) -> Iterator[str]:
    for k, name in enumerate(cell.noise):
        address = f"noise + ((row * D + d) * {len(cell.noise)} + {k}) * H + k"
        yield f"{local(name)} = tl.load({address}, mask=live, other=0.0)"


def _stores(tensor: str, place: str, values: list[str], mask: str) -> Iterator[str]:
    """The lines that store the values of the four gates."""
    for k, value in enumerate(values):
        yield f"tl.store({tensor} + {place} + {k} * H, {value}, mask={mask})"


def _kernel(name: str, tensors: list[str], body: list[str]) -> Text:
    constants = [f"{constant}: tl.constexpr" for constant in CONSTANTS]
    lines = [f"def {name}({', '.join([*tensors, 's', *SIZES, *constants])}):"]
    lines += [f"    {line}" for line in [*lines_of(_BEGIN), *body]]
    return Text("".join(f"{line}\n" for line in lines), tuple(tensors))
