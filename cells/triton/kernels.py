"""The text of the two kernels of a cell: all steps of a layer forward, and all of them backward.

A block has a few rows of one direction of one model, keeps W_hh, and goes through all steps of its longest row. Numbers
lie with units down and rows across, so that W_hh is the left operand of its products: a step takes less than half of
the time that it takes with W_hh on the right. What a step reads is loaded a step early. No other large product is in
the loop: W_ih x + b is computed before it, and dx, dW and db after it.

The rows of a batch lie packed, see `cells.recurrence`. In memory (K models, D directions, N rows, B rows of the batch):

    xw, kept                    [K, N, D, 4, H], in the order i f g o
    out, c_kept, h_kept, noise  [K, N, D, H], noise with its names before H
    w, wt                       [K, D, 4, H, H]: rows are outputs of the product, in `wt` its inputs
    c_first, c_last, ..         [K, D, B, H]
    learned, masks              [K, D, names, H] and [K, D, names, B, H]
    lengths                     [K, B], longest first
    starts                      [K, T + 4]: at t + 2 the first packed row of step t

No equation of a cell stands here: `cells.equations` has them and the programs that compute them and their gradients.
"""

from collections.abc import Iterable, Iterator, Mapping

from cells.equations import GATES, PRE_ACTIVATIONS, CellEquations
from cells.language.program import program
from cells.language.tree import Number
from cells.triton.kernel_text import SIZES, Purpose, Text, declared_groups, lines_of, shown_gates
from cells.triton.printer import code, local, program_lines, tensor_code

CONSTANTS = ("H", "HP", "D", "BB", "PRECISION")
"""Known when a kernel is compiled: H, the next power of two (at least 16), D, rows of a block, see `functions.dot`."""

_BEGIN = """
d = tl.program_id(1)
net = tl.program_id(2).to(tl.int64)
own = net * D + d
r = tl.program_id(0) * BB + tl.arange(0, BB)
k = tl.arange(0, HP)
unit = (k < H)[:, None]
there = unit & (r < batch)[None, :]
zero = tl.zeros((HP, BB), tl.float32)
length = tl.load(lengths + net * batch + r, mask=r < batch, other=0)
longest = tl.load(lengths + net * batch + tl.program_id(0) * BB)
state = ((own * batch + r) * H)[None, :] + k[:, None]
matrix = own * 4 * H * H + k[:, None] * H + k[None, :]
in_matrix = unit & (k < H)[None, :]
table = starts + net * (steps + 4) + 2
"""

_FIRST_STEP = """
start = tl.load(table + t)
next_start = tl.load(table + t + way)
row = net * rows + start + r
live = there & (tl.where(t < 0, longest, t) < length)[None, :]
place = ((row * D + d) * H)[None, :] + k[:, None]
place4 = ((row * D + d) * 4 * H)[None, :] + k[:, None]
"""

_NEXT_STEP = """
next_t = t + way
next_row = net * rows + next_start + r
next_live = there & (tl.where(next_t < 0, longest, next_t) < length)[None, :]
next_place = ((next_row * D + d) * H)[None, :] + k[:, None]
next_place4 = ((next_row * D + d) * 4 * H)[None, :] + k[:, None]
after_next = tl.load(table + next_t + way)
"""

_ADVANCE = """
t = next_t
row = next_row
live = next_live
place = next_place
place4 = next_place4
next_start = after_next
"""


def forward_text(cell: CellEquations, purpose: Purpose, scaled: bool) -> Text:
    """The kernel `forward`.

    Args:
        cell: elementwise equations.
        purpose: what it stores.
        scaled: whether what W_hh is multiplied by may be too large for W_hh's dtype, so that it is scaled first.
    """
    shown = shown_gates(cell, purpose)
    step = cell.forward(*shown, "current", "hidden")
    used = [k for k, name in enumerate(PRE_ACTIVATIONS) if name in step.inputs]
    loads: dict[str, str] = {f"x_{GATES[k]}": f"xw + {{place4}} + {k} * H" for k in used} | _noise(cell)
    tensors = ["xw", "w", "lengths", "starts", *declared_groups(cell), "c_first", "h_first", "out", "c_last", "h_last"]
    tensors += {
        Purpose.RESULTS: [],
        Purpose.GRADIENTS: ["kept", "c_kept", "h_kept"],
        Purpose.STATES: ["kept", "c_kept"],
    }[purpose]
    body = [
        *lines_of(_NEXT_STEP),
        *_loads(loads, "next_"),
        f"{local('c_prev')} = c",
        f"{local('h_prev')} = h",
        *_product(cell, used, scaled),
        *program_lines(step),
        f"current = {tensor_code(step.results['current'])}",
        f"hidden = {tensor_code(step.results['hidden'])}",
        "tl.store(out + place, hidden, mask=live)",
        *(
            f"tl.store(kept + place4 + {k} * H, {tensor_code(step.results[name])}, mask=live)"
            for k, name in enumerate(shown)
        ),
        *{
            Purpose.RESULTS: [],
            Purpose.GRADIENTS: ["tl.store(c_kept + place, c, mask=live)", "tl.store(h_kept + place, h, mask=live)"],
            Purpose.STATES: ["tl.store(c_kept + place, current, mask=live)"],
        }[purpose],
        "c = tl.where(live, current, c)",  # so that a row that is not running keeps its state, and a unit beyond H is 0
        "h = tl.where(live, hidden, h)",
        *(f"{name} = next_{name}" for name in loads),
        *lines_of(_ADVANCE),
    ]
    return _kernel(
        "forward",
        tensors,
        [
            *lines_of(_BEGIN),
            *_weights("w", used),
            *_constants(cell),
            *(f"{state} = tl.load({state}_first + state, mask=there, other=0.0)" for state in "ch"),
            "t = tl.where(d == 0, 0, longest - 1)",
            "way = 1 - 2 * d",
            *lines_of(_FIRST_STEP),
            *_loads(loads),
        ],
        body,
        [f"tl.store({state}_last + state, {state}, mask=there)" for state in "ch"],
    )


def backward_text(cell: CellEquations, scaled: bool) -> Text:
    """The kernel `backward`; its arguments as those of `forward_text`, for a pass that stored for gradients.

    Where W_hh is not multiplied by h_prev itself, it writes what it is multiplied by as `multiplied [K, N, D, H]`.
    """
    step, through = cell.backward.program, cell.recurrent_backward
    used = [k for k, name in enumerate(PRE_ACTIVATIONS) if step.results[f"d_{name}"] != Number(0.0)]
    kept = list(cell.backward.kept.values())
    loads = {local(name): f"kept + {{place4}} + {k} * H" for k, name in enumerate(kept) if name in step.inputs}
    read = step.inputs | (set() if cell.multiplies_h_prev else {"h_prev"})
    loads |= {local(name): f"{name[0]}_kept + {{place}}" for name in ("c_prev", "h_prev") if name in read}
    loads |= _noise(cell) | {"d_out_now": "d_out + {place}"}
    learns = [
        name for name in cell.learned if any(made.results[f"d_{name}"] != Number(0.0) for made in (step, through))
    ]
    tensors = [
        "d_out",
        "wt",
        "lengths",
        "starts",
        *declared_groups(cell),
        "kept",
        "c_kept",
        "h_kept",
        "d_c_last",
        "d_h_last",
    ]
    tensors += ["d_gates", "d_c_first", "d_h_first", *([] if cell.multiplies_h_prev else ["multiplied"])]
    tensors += ["d_learned"] if cell.learned else []
    return _kernel(
        "backward",
        tensors,
        [
            *lines_of(_BEGIN),
            *_weights("wt", used),
            *_constants(cell),
            *(f"d_{state} = tl.load(d_{state}_last + state, mask=there, other=0.0)" for state in "ch"),
            *(f"sum_{name} = zero" for name in learns),
            "t = tl.where(d == 0, longest - 1, 0)",
            "way = 2 * d - 1",
            *lines_of(_FIRST_STEP),
            *_loads(loads),
        ],
        [
            *lines_of(_NEXT_STEP),
            *_loads(loads, "next_"),
            *_step_backward(cell, used, learns, scaled),
            *(f"{name} = next_{name}" for name in loads),
            *lines_of(_ADVANCE),
        ],
        [
            *(f"tl.store(d_{state}_first + state, d_{state}, mask=there)" for state in "ch"),
            *_sums(cell, learns),
        ],
    )


def _step_backward(cell: CellEquations, used: list[int], learns: list[str], scaled: bool) -> Iterator[str]:
    """The lines of one step backward."""
    step, through = cell.backward.program, cell.recurrent_backward
    yield f"{local('d_hidden')} = d_h + d_out_now"
    yield f"{local('d_current')} = d_c"
    yield from program_lines(step)
    for k, (gate, name) in enumerate(zip(GATES, PRE_ACTIVATIONS, strict=True)):
        yield f"d_a_{gate} = tl.where(live, {tensor_code(step.results[f'd_{name}'])}, 0.0)"
        yield f"tl.store(d_gates + place4 + {k} * H, d_a_{gate}, mask=live)"
    for name in ("c_prev", "h_prev", *learns):
        yield f"found_{name} = {tensor_code(step.results[f'd_{name}'])}"
    yield from _product_backward(used, scaled)
    yield f"{local('d_recurrent')} = d_multiplied"
    if not cell.multiplies_h_prev:
        made = program((), {"r": cell.recurrent})
        yield from program_lines(made)
        yield f"tl.store(multiplied + place, {tensor_code(made.results['r'])}, mask=live)"
    yield from program_lines(through)
    yield f"d_h = tl.where(live, found_h_prev + {code(through.results['d_h_prev'])}, d_h)"
    yield "d_c = tl.where(live, found_c_prev, d_c)"
    for name in learns:
        yield f"sum_{name} += tl.where(live, found_{name} + {code(through.results[f'd_{name}'])}, 0.0)"


def _product(cell: CellEquations, used: Iterable[int], scaled: bool) -> Iterator[str]:
    """The lines of W_hh r + W_ih x + b for the gates of these numbers."""
    made = program((), {"r": cell.recurrent})
    yield from program_lines(made)
    yield f"r_now = tl.where(unit, {tensor_code(made.results['r'])}, 0.0)"  # 0 times NaN is not 0
    if scaled:
        yield "up = scale(tl.max(tl.abs(r_now), 0))[None, :]"
    for k in used:
        gate, name = GATES[k], local(PRE_ACTIVATIONS[k])
        if scaled:
            yield f"{name} = x_{gate} + dot(w_{gate}, r_now * up, zero, PRECISION) / up"
        else:
            yield f"{name} = dot(w_{gate}, r_now, x_{gate}, PRECISION)"


def _product_backward(used: list[int], scaled: bool) -> Iterator[str]:
    """The lines of W_hh^T da."""
    gates = [GATES[k] for k in used]
    if scaled and gates:
        largest = f"tl.abs(d_a_{gates[0]})"
        for gate in gates[1:]:
            largest = f"tl.maximum({largest}, tl.abs(d_a_{gate}))"
        yield f"up = scale(tl.max({largest}, 0))[None, :]"
    yield "d_multiplied = zero"
    for gate in gates:
        yield f"d_multiplied = dot(w_{gate}, d_a_{gate}{' * up' if scaled else ''}, d_multiplied, PRECISION)"
    if scaled and gates:
        yield "d_multiplied = d_multiplied / up"


def _weights(name: str, used: Iterable[int]) -> Iterator[str]:
    for k in used:
        yield f"w_{GATES[k]} = tl.load({name} + matrix + {k} * H * H, mask=in_matrix, other=0.0)"


def _constants(cell: CellEquations) -> Iterator[str]:
    """The lines that load what is the same at all steps: learned coefficients and masks."""
    for k, name in enumerate(cell.learned):
        address = f"learned + (own * {len(cell.learned)} + {k}) * H + k"
        yield f"{local(name)} = tl.load({address}, mask=k < H, other=0.0)[:, None] + zero"
    for k, name in enumerate(cell.masks):
        address = f"masks + (((own * {len(cell.masks)} + {k}) * batch + r) * H)[None, :] + k[:, None]"
        yield f"{local(name)} = tl.load({address}, mask=there, other=0.0)"


def _noise(cell: CellEquations) -> dict[str, str]:
    """The address of each name of noise at a step."""
    names = len(cell.noise)
    return {
        local(name): f"noise + ((({{row}} * D + d) * {names} + {k}) * H)[None, :] + k[:, None]"
        for k, name in enumerate(cell.noise)
    }


def _loads(addresses: Mapping[str, str], prefix: str = "") -> Iterator[str]:
    """The lines that load what one step reads, this one or the next one."""
    at = {word: f"{prefix}{word}" for word in ("row", "place", "place4")}
    for name, address in addresses.items():
        yield f"{prefix}{name} = tl.load({address.format(**at)}, mask={prefix}live, other=0.0)"


def _sums(cell: CellEquations, learns: Iterable[str]) -> Iterator[str]:
    """The lines that store the block's part of the gradients of learned coefficients, [K, D, names, blocks, H]."""
    for name in learns:
        number = f"(own * {len(cell.learned)} + {cell.learned.index(name)})"
        address = f"d_learned + ({number} * tl.num_programs(0) + tl.program_id(0)) * H + k"
        yield f"tl.store({address}, tl.sum(sum_{name}, 1), mask=k < H)"


def _kernel(name: str, tensors: list[str], before: list[str], body: list[str], after: list[str]) -> Text:
    constants = [f"{constant}: tl.constexpr" for constant in CONSTANTS]
    lines = [f"def {name}({', '.join([*tensors, *SIZES, *constants])}):"]
    lines += [f"    {line}" for line in before]
    lines.append("    for s in range(longest):")
    lines += [f"        {line}" for line in body]
    lines += [f"    {line}" for line in after]
    return Text("".join(f"{line}\n" for line in lines), tuple(tensors))
