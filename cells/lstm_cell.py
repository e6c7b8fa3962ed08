"""`LSTMCell`: torch's module with one more argument, `alteration`."""

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cells import backends
from cells.alterations import Spec
from cells.altered import Altered, for_this_call
from cells.cell_module import cell_module
from cells.equations import CellError
from cells.recurrence import Step


class LSTMCell(Altered, nn.LSTMCell):
    """`torch.nn.LSTMCell` (same arguments, weights, states and results), altered: see `cells.LSTM`."""

    _noise: list[float]
    _flat_learned: list[Tensor]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        alteration: Spec = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        cell = cell_module(alteration)
        if cell.masks:
            raise CellError(
                f"{cell.name} has a mask that stays the same over a sequence: an LSTMCell sees one step, use LSTM."
            )
        self.recurrence = Step(cell)
        self._take(cell, [""])
        self._flat_learned = []

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """input [B, I] or [I], hx two of [B, H] or [H] -> h, c of the next step, shaped alike."""
        if input.dim() not in (1, 2):
            raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.size(-1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.size(-1)} expected {self.input_size}")
        shape = [input.size(0), self.hidden_size] if input.dim() == 2 else [self.hidden_size]
        if hx is None:
            zeros = torch.zeros(shape, dtype=input.dtype, device=input.device)
            hx = (zeros, zeros)
        for index, state in enumerate(hx):
            if state.dim() not in (1, 2):
                raise ValueError(f"LSTMCell: Expected hx[{index}] to be 1D or 2D, got {state.dim()}D instead")
        if not torch.jit.is_scripting():
            hx = self._two_states(input, hx)
        for index, state in enumerate(hx):
            if not torch.jit.is_scripting():  # noqa: SIM102 (TorchScript skips the call only if this stands alone)
                if list(state.shape) != shape:
                    self._fail_as_torch(input, hx)
            self._check_state(state, index, shape)
        h, c = hx
        weight_ih, weight_hh = for_this_call(self.weight_ih), for_this_call(self.weight_hh)
        learned = self._learned()
        recurrent = self.recurrence.recurrent(h, learned, None)
        gates = F.linear(input, weight_ih, self.bias_ih) + F.linear(recurrent, weight_hh, self.bias_hh)
        c, h = self._step(gates, c, h, learned, self._draw(self._noise, shape, input))
        return h, c

    @torch.jit.unused
    def _two_states(self, input: Tensor, hx: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The states as torch takes them from `hx`. Raises what torch itself raises where they are not two."""
        if input.dim() == 1:
            return hx[0], hx[1]
        if not isinstance(hx, tuple | list) or len(hx) != 2:
            torch.lstm_cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return hx

    @torch.jit.unused
    def _fail_as_torch(self, input: Tensor, hx: tuple[Tensor, Tensor]) -> None:
        """Raise what torch itself raises for such states, in the words of its version, unless it stumbles over them."""
        rows = [tensor if input.dim() == 2 else tensor.unsqueeze(0) for tensor in (input, *hx)]
        with suppress(IndexError), torch.no_grad():
            torch.lstm_cell(rows[0], rows[1:], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def _check_state(self, state: Tensor, index: int, shape: list[int]) -> None:
        """Raise RuntimeError with the words of torch 2.13 unless the state has this shape."""
        batch, own = shape[0] if len(shape) == 2 else 1, state if len(shape) == 2 else state.unsqueeze(0)
        if own.size(0) != batch:
            raise RuntimeError(f"Input batch size {batch} doesn't match hidden{index} batch size {own.size(0)}")
        size = own.size(1) if own.dim() > 1 else own.size(0)
        if size != self.hidden_size:
            raise RuntimeError(f"hidden{index} has inconsistent hidden_size: got {size}, expected {self.hidden_size}")
        if state.dim() != len(shape):
            raise RuntimeError(f"LSTMCell: Expected hx[{index}] of shape {shape}, got {list(state.shape)}")

    def __prepare_scriptable__(self) -> "LSTMCell":
        """As `Altered` has it; and torch.jit.script finds no parameters by computed names."""
        super().__prepare_scriptable__()
        self._flat_learned = [self.get_parameter(name) for name in self._initial]
        return self

    def _learned(self) -> Tensor | None:
        """The learned coefficients [P, H], in the order of `CellEquations.learned`."""
        if self._coefficients == 0:
            return None
        flat = self._flat_learned
        if not torch.jit.is_scripting():
            flat = [getattr(self, name) for name in self._initial]
        return torch.stack([for_this_call(weight) for weight in flat])

    def _step(
        self, gates: Tensor, c: Tensor, h: Tensor, learned: Tensor | None, noise: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `Step.forward`, which runs itself where there is only TorchScript."""
        if not torch.jit.is_scripting():
            return backends.step(self.recurrence, gates, c, h, learned, noise, None)
        return self.recurrence(gates, c, h, learned, noise, None)
