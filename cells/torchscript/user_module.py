"""The cell with a user's own module in place of equation 7."""

import functools
import io
import logging
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cells.equations import CellEquations, parsed
from cells.language.canonical import canonical_text
from cells.language.module_reader import Formulas, Reader, UnreadableError, misfit
from cells.language.tree import Expression
from cells.recurrence import KnownCell
from cells.torchscript.compiler import compiled, first_line
from cells.torchscript.equation_cell import equation_cell

log = logging.getLogger(__name__)


class UserModule(nn.Module):
    """The paper's equations 1-6 and a user's module (c, h, o) -> (c, h), as `cells.recurrence.Step` takes it.

    The module is compiled when it is given: parameters and buffers are shared with the original, but a Python
    attribute set on it later goes unnoticed.

    Attributes:
        why_eager: why TorchScript cannot compile the module, so that it runs in Python; empty if it is compiled.
    """

    if TYPE_CHECKING:
        unaltered: Any
        module: Any

    learned = noise = masks = ()
    """It declares no names, see `EquationCell`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.name = getattr(module, "original_name", type(module).__name__)
        self.why_eager = ""
        self.unaltered = equation_cell("baseline", CellEquations.of({}))
        self.module = module
        try:
            compiled(self)
            self.module = compiled(module)
        except Exception as error:  # whatever the compiler meets in code it does not know
            reason = _reasons.setdefault(type(module), first_line(error))
            self.why_eager = f"TorchScript cannot compile {self.name} ({reason})"
            log.warning("%s, so the loop over time runs in Python", self.why_eager)

    def forward(
        self, gates: Tensor, c: Tensor, h: Tensor, learned: Tensor | None, noise: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `Step.forward`. Raises ValueError if the module changes the shape of c and h."""
        result = self.states(gates, c, h, learned, noise, masks)
        return result[0], result[1]

    def states(
        self, gates: Tensor, c: Tensor, h: Tensor, learned: Tensor | None, noise: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The altered c and h, then i f g o."""
        c, h, i, f, g, o = self.unaltered.states(gates, c, h, learned, noise, masks)
        altered_c, altered_h = self.module(c, h, o)
        if altered_c.shape != c.shape or altered_h.shape != h.shape:
            raise ValueError("an alteration must return c and h in the shape it got them")
        return altered_c, altered_h, i, f, g, o

    def recurrent(self, h: Tensor, learned: Tensor | None, masks: Tensor | None) -> Tensor:
        """h itself."""
        return h

    def known(self) -> KnownCell:
        """The equations that the module computes. Raises UnreadableError if none are known."""
        if self.why_eager:
            raise UnreadableError(f"{self.name} runs in Python")
        reader = _readers.get(self)
        if reader is None or not reader.still_holds():
            reader = _readers[self] = self._read()
        return _known(reader.formulas(), {})

    def known_at_mean(self) -> KnownCell:
        """The same: it draws no noise."""
        return self.known()

    def _read(self) -> Reader:
        reader = Reader(self.module, self.name)
        if reader.error is None:
            try:
                _check(reader.formulas(), self.module, self.name)
            except UnreadableError as error:
                reader.error = error
        return reader

    # A compiled module cannot be pickled: it travels as its TorchScript archive.
    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if not self.why_eager:
            archive = io.BytesIO()
            torch.jit.save(self.module, archive)
            state["_modules"] = state["_modules"] | {"module": archive.getvalue()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not self.why_eager:
            self._modules["module"] = torch.jit.load(io.BytesIO(state["_modules"]["module"]))


_readers: "weakref.WeakKeyDictionary[nn.Module, Reader]" = weakref.WeakKeyDictionary()

# Why a class could not be compiled: the compiler says so the first time only.
_reasons: dict[type[nn.Module], str] = {}


def _known(formulas: Formulas, equations: Mapping[str, str]) -> KnownCell:
    """The cell with the formulas for equation 7 and the given ones for others."""
    own = {name: parsed(name, text) for name, text in equations.items()}
    own |= {"current": formulas.current, "hidden": formulas.hidden}
    return KnownCell(_equations(tuple(own.items()), len(formulas.tensors)), formulas.tensors, formulas.dtypes)


@functools.lru_cache(maxsize=256)
def _equations(own: tuple[tuple[str, Expression], ...], tensors: int) -> CellEquations:
    """The paper's cell with `own` equations over p0, p1, ...; the same object at every call, with what it computed."""
    return CellEquations.of(dict(own), [f"p{k}" for k in range(tensors)])


def _check(formulas: Formulas, module: nn.Module, name: str) -> None:
    """Raise UnreadableError unless the formulas give what the module gives, for random states."""
    tensors = formulas.tensors
    width = max((tensor.size(-1) for tensor in tensors if tensor.dim()), default=1)
    if reason := misfit(name, tensors, width):
        raise UnreadableError(reason)
    generator = torch.Generator("cpu").manual_seed(0)
    like = tensors[0] if tensors else torch.empty(0, dtype=next(iter(formulas.dtypes), torch.float32), device="cpu")
    c, h, o = ((4 * torch.rand(5, width, generator=generator, device="cpu") - 2).to(like) for _ in "cho")
    cell = equation_cell(name, _known(formulas, {"c": "c_prev", "h": "h_prev", "o": "a_o"}).equations)
    learned = torch.stack([tensor.expand(1, width) for tensor in tensors]) if tensors else None
    try:
        with torch.no_grad():
            found = cell(torch.cat([o, o, o, o], 1), c, h, learned, None, None)
            wanted = module(c.clone(), h.clone(), o.clone())
    except RuntimeError as error:
        raise UnreadableError(f"{name} fails for random states") from error
    for one, other in zip(found, wanted, strict=True):
        if one.shape != other.shape or not torch.allclose(one.double(), other.double(), equal_nan=True):
            texts = f"{canonical_text(formulas.current)}; {canonical_text(formulas.hidden)}"
            raise UnreadableError(f"{name} does not give what the formulas {texts} give")
