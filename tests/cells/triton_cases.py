"""The Triton kernels beside the definition in float64: `python tests/cells/triton_cases.py quick | all`.

On a CUDA device where there is one, else in Triton's interpreter. Prints a line of JSON for each case, with its error:
the largest difference in any result or gradient, over the largest number there. One above its limit ends the program.
"""

import copy
import itertools
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cells import LSTM, backend, backends
from cells.alterations import NAMED
from cells.cell_module import cell_module
from cells.observe import observe
from cells.packed import packed
from cells.recurrence import StackedUnroll, Step, Unroll, Weights
from cells.triton.operands import LARGEST_TF32

BACKENDS = ("triton", "triton-steps")
STEPS, BATCH, INPUT = 4, 9, 3
LIMITS = {"float16": 1e-2, "float16 operands": 1e-3, "small gradients": 1e-3, "large states": 3e-3}  # elsewhere 1e-5
TINY = 1e-30  # for what is 0 everywhere
FUNCTIONS = (
    "i = sigmoid(a_i + p * c_prev) + 0.1 * silu(a_i); "
    "f = sigmoid(abs(a_f) - relu(h_prev)) * (0.5 + 0.1 * max(a_f, c_prev)); "
    "g = erf(a_g) + atan(expm1(a_g)) + log1p(square(a_g)) + sin(a_g) * cos(a_g) + clamp(a_g, -0.3, 0.4) "
    "+ min(a_g, h_prev); "
    "o = gelu(tanh(a_o)) + step(a_o) * 0.1 + sign(a_o) * 0.1 + elu(a_o) * 0.2; "
    "current = tanh(c) + sqrt(1 + c**2) * 0.1; "
    "hidden = h + 0.1 * log(1 + exp(c)) + 0.1 * softplus(a_o) + leaky_relu(c)**3 * 0.01; learn p = 0.4"
)
NOISE = (
    "recurrent = m * tanh(q * h_prev); current = z * c + (1 - z) * c_prev; hidden = h * (1 + y) * w; "
    "learn q = 0.9; learn w = 0.7; noise z = 0.5; noise y = 0.5; mask m = 0.5; zoneout = 0.3; recurrent_dropout = 0.3"
)
POLE = "current = sqrt(c); i = 1; f = 1; g = square(a_g)"
OTHERS = {"functions": FUNCTIONS, "noise": NOISE, "dropped": "zoneout = 0.3; recurrent_dropout = 0.3", "a pole": POLE}
NAMES = ["baseline", *NAMED, "C4+H2", *OTHERS]


class Case(NamedTuple):
    """A cell, H units, K models (one model begins at states that are not zero), and whether rows differ in length."""

    cell: str
    hidden: int
    models: int
    ragged: bool
    directions: int


def quick() -> Iterator[Case]:
    """A few cases, in which everything occurs."""
    for k, cell in enumerate(("C1", "H2", "PEEPHOLES", "NIG", *OTHERS)):
        yield Case(cell, 20, 1 + 2 * (k % 2), k % 3 > 0, 2)
    yield Case("functions", 5, 3, True, 1)
    yield Case("noise", 5, 1, True, 2)
    yield Case("recurrent = square(h_prev) / h_prev", 5, 1, True, 2)  # 0 / 0 in units beyond H


def every() -> Iterator[Case]:
    """Every named cell in all ways."""
    for hidden, models, cell in itertools.product((20, 64, 96), (1, 3), NAMES):
        yield Case(cell, hidden, models, True, 2)
    for cell in NAMES:
        yield Case(cell, 20, 1, False, 1)


def inputs(case: Case, device: str) -> tuple[Tensor, Tensor, list[Any]]:
    """Lengths [K, B]; in float64 c and h [2, D, B, H], rows and the fields of Weights, with a leading K."""
    generator = torch.Generator().manual_seed(hash(case[1:]) % 1000)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device)

    def drawn(*shape: int) -> Tensor:
        return torch.randint(0, 2, shape, generator=generator).double().to(device)

    k, hidden, directions = case.models, case.hidden, case.directions
    lengths = torch.randint(0, STEPS + 1, (k, BATCH), generator=generator)
    lengths = lengths.sort(1, descending=True).values if case.ragged else torch.full((k, BATCH), STEPS)
    lengths[0, 0] = STEPS
    rows, batch = int(lengths.sum(1).max()), BATCH if k > 1 else int((lengths > 0).sum(1).max())
    cell = cell_module(OTHERS.get(case.cell, case.cell))
    bound, flat = hidden**-0.5, []
    for _ in range(directions):
        own = [bound * random(k, 4 * hidden, INPUT), bound * random(k, 4 * hidden, hidden)]
        own += [bound * random(k, 4 * hidden), bound * random(k, 4 * hidden), None]
        values = torch.tensor([value for _, value in cell.learned], dtype=torch.float64)
        own.append(values[None, :, None].to(device) + 0.1 * random(k, len(values), hidden) if len(values) else None)
        own.append(drawn(k, len(cell.noise), rows, hidden) if cell.noise else None)
        own.append(drawn(k, len(cell.masks), batch, hidden) if cell.masks else None)
        flat += own
    states = random(2, directions, BATCH, hidden).abs()
    return lengths, states, [random(k, rows, INPUT), *flat]


def run(case: Case, name: str, dtype: torch.dtype, device: str) -> list[Tensor]:
    """The results of a backend, and the gradients of everything."""
    lengths, states, given = inputs(case, device)
    states = states.to(dtype).requires_grad_()
    rows, *flat = [None if t is None else t.to(dtype).requires_grad_() for t in given]
    assert rows is not None
    fields = len(Weights._fields)
    step = Step(cell_module(OTHERS.get(case.cell, case.cell)))
    weights = [Weights._make(flat[k : k + fields]) for k in range(0, len(flat), fields)]
    counts = lengths.sum(1)
    with backend(name):
        if case.models > 1:
            layout = packed(lengths, STEPS, rows.device)
            output = backends.stacked_layer(StackedUnroll(step), rows, layout, weights)
            results = [own[:n] for own, n in zip(output, counts, strict=True)]
        else:
            sizes = [int((lengths[0] > t).sum()) for t in range(STEPS)]
            own = [Weights._make(None if t is None else t[0] for t in each) for each in weights]
            results = list(backends.layer(Unroll(step), rows[0], sizes, *states, own))
    generator = torch.Generator().manual_seed(1)
    loss = sum((r * torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r)).sum() for r in results)
    by = [t for each in weights for t in (*each[:4], each[5]) if t is not None]
    by += [rows, *([states] if case.models == 1 else [])]
    return [*results, *torch.autograd.grad(loss, by, materialize_grads=True)]


def error(case: Case, name: str, device: str) -> float:
    """The largest error of a result or gradient by a backend."""
    return largest(run(case, name, torch.float32, device), run(case, "eager", torch.float64, device))


def largest(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest difference in any of the tensors over the largest number there; infinite where one is NaN."""
    errors = [0.0]
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        if other.numel():
            one, other = one.detach().double(), other.detach().double()
            errors.append(float((one - other).abs().max()) / max(float(other.abs().max()), TINY))
    return math.inf if any(map(math.isnan, errors)) else max(errors)


class Damped(nn.Module):
    """A user's module, with a tensor of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5]))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * torch.tanh(self.weight * o), h


def both(
    name: str, alteration: Any, hidden: int, call: Callable[[LSTM, Tensor], Sequence[Tensor]], device: str
) -> float:
    """The error by a backend of what a call returns for an LSTM of two layers and an input [6, 9, 3]."""
    torch.manual_seed(2)
    lstm = LSTM(INPUT, hidden, 2, bidirectional=True, alteration=alteration).to(device)
    wide, x = copy.deepcopy(lstm).double(), torch.randn(6, 9, INPUT, device=device)
    with backend(name):
        found = call(lstm, x.requires_grad_())
    with backend("eager"):
        wanted = call(wide, x.detach().double().requires_grad_())
    return largest(found, wanted)


LENGTHS = torch.tensor([6, 0, 3, 1, 6, 2, 5, 0, 4])


def of_a_module(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """Results and gradients of a padded batch, in which rows have no steps."""
    output, states = lstm(x, lengths=LENGTHS)
    loss = output.square().sum() + sum(state.sum() for state in states)
    return [output, *states, *torch.autograd.grad(loss, [x, *lstm.parameters()])]


def of_few_results(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """The gradient of the final c alone, by one weight alone."""
    _, (_, c) = lstm(x)
    return list(torch.autograd.grad(c.sin().sum(), [lstm.weight_hh_l1]))


def of_second_order(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """Second derivatives."""
    (slope,) = torch.autograd.grad(lstm(x, lengths=LENGTHS)[0].square().sum(), [x], create_graph=True)
    return list(torch.autograd.grad(slope.square().sum(), [x, *lstm.parameters()]))


def of_states(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """The states that `observe` shows, with gradients on and off."""
    shown = observe(lstm, x, LENGTHS)
    with backends.observed() as more:
        lstm(x)
    return [entry[name] for entry in (*shown, *more) for name in "chifgo"]


def of_half(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """As `of_a_module`, with one of both in float16."""
    return of_a_module(lstm.half(), x.half()) if x.dtype == torch.float32 else of_a_module(lstm, x)


def of_small_gradients(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """Gradients that float16 cannot hold."""
    return list(torch.autograd.grad(1e-9 * lstm(x)[0].square().sum(), [x, *lstm.parameters()]))


def of_large_states(lstm: LSTM, x: Tensor) -> list[Tensor]:
    """States that float16 cannot hold."""
    output, _ = lstm(1e6 * x)
    return [output]


def modules(name: str, device: str) -> Iterator[tuple[str, float]]:
    """The LSTM as a user has it, each use with its error."""
    yield "module", both(name, "PEEPHOLES+C4", 20, of_a_module, device)
    yield "module without gates", both(name, "NIG+NOG+C1", 5, of_a_module, device)
    yield "user's module", both(name, Damped(), 20, of_a_module, device)
    yield "few results", both(name, "C1", 20, of_few_results, device)
    yield "second order", both(name, "C4", 4, of_second_order, device)
    yield "states", both(name, "C1+H2", 20, of_states, device)
    yield "float16", both(name, "PEEPHOLES+C4", 20, of_half, device)
    torch.backends.cuda.matmul.allow_tf32 = True
    yield "float16 operands", both(name, "C1", 72, of_a_module, device)
    yield "small gradients", both(name, "C1", 72, of_small_gradients, device)
    yield "large states", both(name, "i = 1; f = 0.5; g = a_g; h = c", 72, of_large_states, device)
    torch.backends.cuda.matmul.allow_tf32 = False


def main(which: str) -> None:
    """Run the cases."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"  # before anybody imports Triton
    warnings.filterwarnings("ignore", "invalid value|divide by zero|overflow", RuntimeWarning)  # NumPy's
    for case, name in itertools.product({"quick": quick, "all": every}[which](), BACKENDS):
        if name == "triton-steps" and case.hidden > 20:  # its kernels are elementwise
            continue
        # W_hh of more units does not fit into a card
        exact = device == "cpu" or name == "triton-steps" or case.hidden <= LARGEST_TF32
        torch.backends.cuda.matmul.allow_tf32 = not exact
        limit = 1e-4 if case.cell == "a pole" else 1e-5  # there the definition in float32 has an error of 1.1e-5 itself
        report({"backend": name, **case._asdict()}, error(case, name, device), limit if exact else 2e-3)
    torch.backends.cuda.matmul.allow_tf32 = False
    for name in BACKENDS:
        for use, found in modules(name, device):
            report({"backend": name, "module": use}, found, LIMITS.get(use, 1e-5))


def report(case: dict[str, Any], error: float, limit: float) -> None:
    """Print a line; an error above the limit, or NaN, is one of the program."""
    print(json.dumps({**case, "error": error}), flush=True)
    assert error < limit, f"{case}: an error of {error}, where {limit} is the limit"


if __name__ == "__main__":
    main(*sys.argv[1:])
