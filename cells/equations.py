"""The cell as data: equations 1 to 7 of the paper, each once, and what follows from them.

a_i a_f a_g a_o     the pre-activations W_ih x + W_hh h_prev + b, which stand in the brackets of equations 1-4
c_prev h_prev       the states that the previous step handed on (`current` and `hidden` of that step)
i f g o c h         this step's values, in the paper's words the gates, its c~, "Current" and "Hidden" state
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cells.errors import UserError
from cells.language.functions import REDUCTIONS
from cells.language.parser import FormulaError, parse
from cells.language.program import Program, program
from cells.language.reverse import gradients
from cells.language.tree import Call, Expression, Number, Variable, names_in, nodes, rebuilt

EQUATIONS = {
    "i": "sigmoid(a_i)",  # equation 2, the input gate
    "f": "sigmoid(a_f)",  # equation 1, the forget gate
    "g": "tanh(a_g)",  # equation 4, the candidate
    "o": "sigmoid(a_o)",  # equation 3, the output gate
    "c": "f * c_prev + i * g",  # equation 5
    "h": "o * tanh(c)",  # equation 6
    "current": "c",  # equation 7: the c handed to the next step, and the final c_n
    "hidden": "h",  # equation 7: this step's output, also the h handed to the next step
    "recurrent": "h_prev",  # what W_hh is multiplied by; not in the paper
}

GATES = ("i", "f", "g", "o")
COMPUTED = (*GATES, "c", "h")
PRE_ACTIVATIONS = tuple(f"a_{gate}" for gate in GATES)
PREVIOUS = ("c_prev", "h_prev")
NAMES = (*PRE_ACTIVATIONS, *PREVIOUS, *COMPUTED)
"""The names that every equation but `recurrent` may read; of these, `recurrent` may read only h_prev."""


class CellError(UserError, ValueError):
    """The equations do not make a cell: the message says in one line which, and why."""


@dataclass(frozen=True)
class Backward:
    """The gradients of one step.

    Attributes:
        kept: for each gate, which of its two values the forward pass keeps: the gate ("i") or its pre-activation
            ("a_i"). The gate is enough where its slope follows from its value.
        program: reads the kept values, c_prev, h_prev, the declared names, d_current and d_hidden (the loss's
            gradients by `current` and `hidden`); its results are d_a_i d_a_f d_a_g d_a_o, d_c_prev, d_h_prev (what
            does not come through W_hh), and d_NAME of each learned name; one that is always 0 is Number(0).
    """

    kept: Mapping[str, str]
    program: Program


@dataclass(frozen=True)
class CellEquations:
    """A cell: an expression for each name of EQUATIONS, and the names declared beside NAMES.

    Attributes:
        formulas: for each name of EQUATIONS.
        learned: names of coefficients, [H] each.
        noise: names that have another value at each step, row and unit, [N, H] each.
        masks: names that have another value for each row and unit, the same at all its steps, [B, H] each.
    """

    formulas: tuple[tuple[str, Expression], ...]
    learned: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        own: Mapping[str, Expression],
        learned: Iterable[str] = (),
        noise: Iterable[str] = (),
        masks: Iterable[str] = (),
    ) -> "CellEquations":
        """The paper's cell with `own` equations in place of the paper's.

        Raises:
            CellError: equations read each other in a circle, or `recurrent` reads noise.
        """
        formulas = {name: parsed(name, text) for name, text in EQUATIONS.items()} | dict(own)
        made = cls(tuple(formulas.items()), tuple(learned), tuple(noise), tuple(masks))
        made.ordered  # noqa: B018 (raises the error)
        if drawn := names_in(made.recurrent) & {*made.noise}:
            raise CellError(f"the equation of recurrent reads the noise {min(drawn)}: declare it as a mask instead.")
        return made

    @cached_property
    def ordered(self) -> tuple[tuple[str, Expression], ...]:
        """The equations of i f g o c h, each after those that it reads, and otherwise in the order of COMPUTED.

        Raises:
            CellError: there is no such order.
        """
        formulas = dict(self.formulas)
        done: dict[str, Expression] = {}
        while len(done) < len(COMPUTED):
            ready = [n for n in COMPUTED if n not in done and _read(formulas[n]) <= done.keys()]
            if not ready:
                raise CellError(_circle({n: _read(formulas[n]) for n in COMPUTED if n not in done}))
            done[ready[0]] = formulas[ready[0]]
        return tuple(done.items())

    @property
    def current(self) -> Expression:
        """The c handed to the next step."""
        return dict(self.formulas)["current"]

    @property
    def hidden(self) -> Expression:
        """The h that is output and handed to the next step."""
        return dict(self.formulas)["hidden"]

    @property
    def recurrent(self) -> Expression:
        """The formula that W_hh is multiplied by, over h_prev and declared names."""
        return dict(self.formulas)["recurrent"]

    @property
    def multiplies_h_prev(self) -> bool:
        """Whether W_hh is multiplied by h_prev itself."""
        return self.recurrent == Variable("h_prev")

    def forward(self, *wanted: str) -> Program:
        """The program whose results are `wanted`, names of EQUATIONS other than "recurrent" or of NAMES."""
        outputs = {"current": self.current, "hidden": self.hidden}
        return program(self.ordered, {name: outputs.get(name, Variable(name)) for name in wanted})

    @cached_property
    def backward(self) -> Backward:
        """The gradients of equations 7 to 1."""
        every = [*self.ordered, ("current", self.current), ("hidden", self.hidden)]
        seeds: dict[str, Expression] = {name: Variable(f"d_{name}") for name in ("current", "hidden")}
        assignments, found = gradients(every, seeds)
        by = [*PRE_ACTIVATIONS, *PREVIOUS, *self.learned]
        results = {f"d_{name}": found.get(name, Number(0.0)) for name in by}
        kept = {gate: gate for gate in GATES}
        while True:
            recomputed = [(name, f) for name, f in every if kept.get(name) != name or isinstance(f, Number)]
            made = program([*recomputed, *assignments], results)
            missing = [gate for gate in GATES if f"a_{gate}" in made.inputs and kept[gate] == gate]
            if not missing:
                return Backward(kept, made)
            kept |= {gate: f"a_{gate}" for gate in missing}

    @cached_property
    def recurrent_backward(self) -> Program:
        """The gradients of `recurrent`: reads h_prev, the declared names and d_recurrent (the loss's gradient by it).

        Its results are d_h_prev, which adds to that of `backward`, and d_NAME of each learned name; one that is always
        0 is Number(0).
        """
        seeds: dict[str, Expression] = {"recurrent": Variable("d_recurrent")}
        own = [("recurrent", self.recurrent)]
        assignments, found = gradients(own, seeds)
        return program([*own, *assignments], {f"d_{n}": found.get(n, Number(0.0)) for n in ("h_prev", *self.learned)})

    @cached_property
    def reduction(self) -> str:
        """The first function over all units that the equations use, such as "softmax"; empty if there is none."""
        used = (node for _, formula in self.formulas for node in nodes(formula) if isinstance(node, Call))
        return next((node.function for node in used if node.function in REDUCTIONS), "")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Computed once, because compiled code is looked up by its equations at every call."""
        return hash((self.formulas, self.learned, self.noise, self.masks))

    def at(self, values: Mapping[str, float]) -> "CellEquations":
        """The cell with numbers in place of the given noise and masks, such as their means in evaluation."""

        def change(node: Expression) -> Expression | None:
            return Number(values[node.name]) if isinstance(node, Variable) and node.name in values else None

        return CellEquations(
            tuple((name, rebuilt(formula, change)) for name, formula in self.formulas),
            self.learned,
            tuple(name for name in self.noise if name not in values),
            tuple(name for name in self.masks if name not in values),
        )


def parsed(equation: str, text: str, declared: Iterable[str] = ()) -> Expression:
    """The right-hand side of an equation.

    Args:
        equation: its name in EQUATIONS.
        text: the formula.
        declared: names of learned coefficients, noise and masks.

    Raises:
        FormulaError: the formula cannot be read, or reads what the equation cannot.
    """
    names = ("h_prev",) if equation == "recurrent" else NAMES
    try:
        return parse(text, {name: Variable(name) for name in (*names, *declared)})
    except FormulaError as error:
        raise type(error)(
            f"{equation} = ... : {error}" if equation not in ("current", "hidden") else str(error)
        ) from None


def _read(formula: Expression) -> set[str]:
    """The computed names that a formula reads."""
    return names_in(formula) & set(COMPUTED)


def _circle(reads: Mapping[str, set[str]]) -> str:
    """The message for equations none of which can be computed first."""
    path = [next(iter(reads))]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in reads if name in reads[path[-1]]))
    circle = path[path.index(path[-1]) :]
    if len(circle) == 2:
        name = circle[0]
        hint = {"c": "; 'current = ...' alters the c that is handed on", "h": "; 'hidden = ...' alters the output"}
        return (
            f"the equation of {name} reads {name} itself{hint.get(name, f', write a_{name} for its pre-activation')}."
        )
    steps = ", ".join(f"{one} reads {other}" for one, other in itertools.pairwise(circle))
    return f"the equations go in a circle ({steps}): let one of them read {' or '.join(PREVIOUS)} instead."
