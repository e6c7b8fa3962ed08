"""K LSTMs of equal sizes, each with its own weights, run as one."""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cells import backends
from cells.draws import Draw, Draws, Part
from cells.lengths import as_lengths, check_lengths
from cells.lstm import LSTM
from cells.obstacle import Obstacle
from cells.packed import Packed, StackedSequence, packed
from cells.recurrence import StackedUnroll, Step, Weights, by_rows
from cells.torchscript.compiler import ScriptingError
from cells.torchscript.equation_cell import EquationCell

COMMON = (
    *("input_size", "hidden_size", "proj_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"),
    "alteration",
)
"""Attributes of an LSTM that are equal in all LSTMs of a stack."""


class StackedLSTM(nn.Module):
    """K `cells.LSTM` with batch_first and one layer, as one.

    The parameters have the names of `LSTM` and a leading K: `weight_ih_l0 [K, 4 H, I]` and so on. Where `path` is
    "llvm", each model gets the numbers that it would get alone; elsewhere they come from one product for all models and
    directions in a step, and differ by rounding.

    Args:
        lstms: the K modules, whose weights are copied.

    Attributes:
        draws: of each model's noise. Each model draws the numbers that it would draw alone.

    Raises:
        ValueError: they differ in sizes or alteration, or have what no net of this project has: several layers, a
            projection, no biases, time as the first dimension, or a module for an alteration.
    """

    def __init__(self, lstms: Sequence[LSTM]) -> None:
        super().__init__()
        first = lstms[0]
        if len({tuple(getattr(lstm, name) for name in COMMON) for lstm in lstms}) > 1:
            raise ValueError("LSTMs of one stack must have the same sizes and the same alteration")
        if not first.batch_first or first.num_layers > 1 or first.proj_size or not first.bias:
            raise ValueError("an LSTM of a stack must be batch_first and have one layer, biases and no projection")
        cell = first.recurrence.step.cell
        if not isinstance(cell, EquationCell):
            raise ValueError("the alteration of an LSTM of a stack must be given by equations")
        self.bidirectional = first.bidirectional
        self.alteration = first.alteration
        self.hidden_size = first.hidden_size
        self.recurrence = StackedUnroll(Step(cell))
        self.draws = Draws()
        for name, weight in first.named_parameters():
            together = torch.stack([lstm.get_parameter(name).detach() for lstm in lstms])
            self.register_parameter(name, nn.Parameter(together, weight.requires_grad))

    def forward(
        self, input: Tensor | StackedSequence, hx: None = None, lengths: Tensor | None = None
    ) -> tuple[Any, None]:
        """Outputs of every step; no final states. `hx` is there because `LSTM` has it: the states begin at zero.

        Args:
            input: [K, B, T, I], or a StackedSequence; the outputs are of the same kind, with D H in place of I.
            hx: None.
            lengths: [K, B] of the samples (int64 or lists, 0 to T), all of them T if not given; behind them the outputs
                are zero.

        Raises what `LSTM` raises for an input or lengths that do not fit, and ValueError for states.
        """
        if hx is not None:
            raise ValueError("a StackedLSTM begins at zero states: leave hx out")
        if isinstance(input, StackedSequence):
            if lengths is not None:
                raise ValueError("a StackedSequence brings its own lengths")
            self._check(input.data, 3)
            return StackedSequence(self._rows(*input), input.packed), None
        self._check(input, 4)
        models, batch, steps, _ = input.shape
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        if lengths is None:
            rows = _full(models, batch, steps, input.device)
        else:
            lengths = (lengths if isinstance(lengths, Tensor) else as_lengths(lengths)).cpu()
            check_lengths(lengths, steps, [models, batch])
            rows = packed(lengths, steps, input.device)
        return rows.pad(self._rows(rows.pick(input), rows)), None

    def __prepare_scriptable__(self) -> nn.Module:
        """Raise ScriptingError: torch.jit.script, which asks for it first, knows no StackedSequence."""
        raise ScriptingError("a StackedLSTM cannot be compiled by TorchScript: compile the LSTM of each model.")

    def _check(self, input: Tensor, dims: int) -> None:
        """Raise what `LSTM` raises for an input that does not fit the weights."""
        weight = self.get_parameter("weight_ih_l0")
        if input.dim() != dims:
            raise ValueError(f"StackedLSTM: Expected input to be {dims}D, got {input.dim()}D instead")
        if input.size(0) != len(weight):
            raise ValueError(f"StackedLSTM: Expected input of {len(weight)} models, got {input.size(0)} instead")
        if input.size(-1) != weight.size(2):
            got = f"Expected {weight.size(2)}, got {input.size(-1)}"
            raise RuntimeError(f"input.size(-1) must be equal to input_size. {got}")
        if input.dtype != weight.dtype and not torch._C._is_any_autocast_enabled():
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype})")

    @property
    def path(self) -> str:
        """The name of the backend that runs the next call."""
        return backends.choose(self.recurrence, [], self._weights())[0].name

    @property
    def obstacles(self) -> dict[str, Obstacle]:
        """Why each backend tried earlier cannot run the next call, by name."""
        return backends.choose(self.recurrence, [], self._weights())[1]

    @property
    def _cell(self) -> EquationCell:
        cell: EquationCell = self.recurrence.step.cell
        return cell

    def _weights(self) -> list[Weights]:
        """The weights of each direction, without noise."""
        suffixes = ("_l0", "_l0_reverse") if self.bidirectional else ("_l0",)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        result = []
        for suffix in suffixes:
            own = [self.get_parameter(name + suffix) for name in names]
            coefficients: list[Tensor] = [by_rows(self.get_parameter(name + suffix)) for name, _ in self._cell.learned]
            learned = torch.stack(coefficients, 1) if coefficients else None
            result.append(Weights._make([*own, None, learned, None, None]))
        return result

    def _rows(self, rows: Tensor, layout: Packed) -> Tensor:
        """[K, N, D H] of rows [K, N, I]."""
        weights = [self._with_noise(own, rows, layout) for own in self._weights()] if self.training else self._weights()
        return backends.stacked_layer(self.recurrence, rows, layout, weights)

    def _with_noise(self, own: Weights, rows: Tensor, layout: Packed) -> Weights:
        """The weights of one direction with the noise of a call: for each model as `LSTM` draws it."""

        def drawn(of: Part, names: Sequence[tuple[str, float]]) -> Tensor | None:
            draw = Draw(of, tuple(probability for _, probability in names), self.hidden_size)
            return self.draws(draw, layout.counts, rows) if names else None

        noise = drawn("rows", self._cell.noise)  # first, as `LSTM` does
        return own._replace(noise=noise, masks=drawn("running", self._cell.masks))


@functools.lru_cache(maxsize=8)
def _full(models: int, batch: int, steps: int, device: torch.device) -> Packed:
    """The layout of full batches, kept: a CUDA graph cannot hold a copy from the CPU."""
    return packed(torch.full((models, batch), steps, device="cpu"), steps, device)
