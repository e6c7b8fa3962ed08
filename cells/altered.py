"""The base of `LSTM` and `LSTMCell`: a cell in place of torch's, its learned coefficients and its noise."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cells import backends
from cells.equations import CellError
from cells.obstacle import Obstacle
from cells.torchscript.compiler import check_works
from cells.torchscript.equation_cell import EquationCell
from cells.torchscript.user_module import UserModule


def for_this_call(weight: Tensor) -> Tensor:
    """The weight, detached where gradients are off.

    Compiled code that has run with gradients saves every weight for backward, which inference_mode forbids. A trace,
    however, must come out the same whether gradients are on or off.
    """
    return weight if torch.is_grad_enabled() or torch.jit.is_tracing() else weight.detach()


class Altered(nn.Module):
    """The base of `LSTM` and `LSTMCell`, which differ from torch's modules by their recurrence."""

    if TYPE_CHECKING:  # for TorchScript, annotations of a class are declarations of its own
        hidden_size: int
        alteration: str
        recurrence: Any
        _coefficients: int

    @property
    @torch.jit.unused
    def path(self) -> str:
        """The name of the backend that runs the next call, see `cells.backends`."""
        return self._choice()[0].name

    @property
    @torch.jit.unused
    def obstacles(self) -> dict[str, Obstacle]:
        """Why each backend tried earlier cannot run the next call, by name."""
        return self._choice()[1]

    @property
    @torch.jit.unused
    def loop(self) -> str:
        """The way the backend runs the loop over time: "compiled", or "eager" where Python goes step by step."""
        return self._choice()[0].loop(self.recurrence)

    @torch.jit.unused
    def _choice(self) -> tuple[backends.Backend, dict[str, Obstacle]]:
        """The backend of the next call, and the obstacles of those tried earlier: judged from the module alone."""
        return backends.choose(self.recurrence, [], [])

    def _take(self, cell: EquationCell | UserModule, suffixes: list[str]) -> None:
        """Add the cell's learned coefficients, for each suffix, and the probabilities of its noise.

        Raises:
            CellError: a coefficient has the name of an attribute.
        """
        self.alteration = cell.name
        self._noise = [probability for _, probability in cell.noise]
        self._masks = [probability for _, probability in cell.masks]
        self._coefficients = len(cell.learned)
        self._initial = {name + suffix: value for suffix in suffixes for name, value in cell.learned}
        like = next(self.parameters())
        for name, value in self._initial.items():
            if hasattr(self, name) or hasattr(type(self), name):  # a property may fail as yet
                raise CellError(f"learn {name}: {self._get_name()} has an attribute of this name, choose another one.")
            self.register_parameter(name, nn.Parameter(like.new_full([self.hidden_size], value)))

    def __prepare_scriptable__(self) -> "Altered":
        """The module for torch.jit.script, which asks for it first. Raises ScriptingError where that cannot work."""
        check_works(self._get_name())
        return self

    def _draw(self, probabilities: list[float], shape: list[int], like: Tensor) -> Tensor | None:
        """A tensor [number of probabilities, *shape] of zeros and ones; None in evaluation and where there are none."""
        if len(probabilities) == 0 or not self.training:
            return None
        drawn = [
            torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(probability)
            for probability in probabilities
        ]
        return torch.stack(drawn)

    def reset_parameters(self) -> None:
        """U(-1/sqrt(H), 1/sqrt(H)) as in torch for torch's weights, their initial values for learned coefficients.

        The parameters of a user's module are left as they are.
        """
        bound = 1 / math.sqrt(self.hidden_size)
        # torch's constructor calls this method before `_take`.
        initial: dict[str, float] = vars(self).get("_initial", {})
        for name, weight in self.named_parameters(recurse=False):
            if name in initial:
                nn.init.constant_(weight, initial[name])
            else:
                nn.init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """As torch's, and the alteration."""
        return f"{super().extra_repr()}, alteration={self.alteration}"

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"  # one line as torch's, whatever is inside
