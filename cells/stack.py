"""K LSTMs of equal sizes, each with its own weights, run as one."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cells import backends
from cells.lstm import LSTM
from cells.packed import Packed, StackedSequence, packed
from cells.recurrence import Formula, Step, Unroll, Weights, runner


class StackedUnroll(nn.Module):
    """All steps of D K recurrences side by side: `Unroll` with one product for all of them in a step, and a mask."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, gates: Tensor, live: Tensor, weight_hh: Tensor) -> Tensor:
        """Outputs [T, D K, B, H], zero where a row is not live, from zero states.

        Args:
            gates: W_ih x + b of all steps, [T, D K, B, 4 H].
            live: whether a row goes on at a step, [T, D K, B, 1]; a row that has ended stays so.
            weight_hh: [D K, 4 H, H].
        """
        transposed = weight_hh.transpose(1, 2)
        h = gates.new_zeros(gates.size(1), gates.size(2), weight_hh.size(2))
        c = h
        outputs: list[Tensor] = []
        for t in range(gates.size(0)):
            step_c, step_h = self.step(torch.baddbmm(gates[t], h, transposed), c)
            # Left to run on, a row that has ended could overflow, and 0 times infinity is no gradient.
            c, h = torch.where(live[t], step_c, c), torch.where(live[t], step_h, h)
            outputs.append(h)
        return torch.where(live, torch.stack(outputs), 0.0)


class StackedLSTM(nn.Module):
    """K `cells.LSTM` with batch_first and one layer, as one.

    The parameters have the names of `LSTM` and a leading K: `weight_ih_l0 [K, 4 H, I]` and so on. On the CPU in float32
    and float64 the compiled loops run, each model computing what it would alone; elsewhere a loop with one product for
    all models and directions in a step.

    Args:
        lstms: the K modules, whose weights are copied.

    Raises:
        ValueError: they differ in sizes or alteration, or are of a kind that the project's nets do not have.
    """

    def __init__(self, lstms: Sequence[LSTM]) -> None:
        super().__init__()
        first = lstms[0]
        if len({lstm.extra_repr() for lstm in lstms}) > 1:
            raise ValueError("LSTMs of one stack have the same sizes and the same alteration")
        if not first.batch_first or first.num_layers > 1 or first.proj_size or not first.bias:
            raise ValueError("an LSTM of a stack is batch_first, and has one layer, biases and no projection")
        if not isinstance(first.recurrence.step.alter, Formula):
            raise ValueError("an LSTM of a stack has an alteration that is a formula")
        self.bidirectional = first.bidirectional
        self.alteration = first.alteration
        step = Step(first.alteration)
        self.recurrence = Unroll(step)
        self.stacked_recurrence = StackedUnroll(step)
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
            lengths: [K, B] of the samples, all of them T if not given; behind them the outputs are zero.
        """
        if isinstance(input, StackedSequence):
            return StackedSequence(self._rows(*input), input.packed), None
        steps = input.size(2)
        rows = packed(torch.full(input.shape[:2], steps) if lengths is None else lengths, steps)
        return rows.pad(self._rows(rows.pick(input), rows)), None

    @property
    def path(self) -> str:
        """Which loop the next call takes, and why if it is not the fast one."""
        reason = backends.obstacle(self.recurrence, [], self._weights())
        return f"masked loop: {reason}" if reason else "fast (compiled loops)"

    def _weights(self) -> list[Weights]:
        suffixes = ("_l0", "_l0_reverse") if self.bidirectional else ("_l0",)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [Weights._make([*(self.get_parameter(name + s) for name in names), None]) for s in suffixes]

    def _rows(self, rows: Tensor, how: Packed) -> Tensor:
        """[K, N, D H] of rows [K, N, I]."""
        weights = self._weights()
        if not backends.takes(self.recurrence, [rows], weights, "the masked path"):
            return how.pick(self._masked(how.pad(rows), how.lengths.to(rows.device), weights))
        from cells.llvm import stacked_layer  # here, because there may be no llvmlite

        return stacked_layer.layer(self.recurrence, rows, how.sizes, weights)

    def _masked(self, input: Tensor, lengths: Tensor, weights: list[Weights]) -> Tensor:
        models, batch, steps, _ = input.shape
        step = torch.arange(steps, device=input.device)
        live = step < lengths.unsqueeze(2)  # [K, B, T]
        # In reverse a row is read from its last real step on; the steps behind that stay where they are.
        backwards = torch.where(live, lengths.unsqueeze(2) - 1 - step, step)
        gates = []
        for direction, own in enumerate(weights):
            assert own.bias_ih is not None
            assert own.bias_hh is not None
            rows = input if direction == 0 else _along_time(input, backwards)
            product = torch.baddbmm((own.bias_ih + own.bias_hh).unsqueeze(1), rows.flatten(1, 2), own.ih.mT)
            gates.append(product.view(models, batch, steps, -1))
        weight_hh = torch.cat([own.hh for own in weights])
        both = torch.cat(gates).permute(2, 0, 1, 3)  # [T, D K, B, 4 H]
        mask = live.permute(2, 0, 1).repeat(1, len(weights), 1).unsqueeze(3)
        outputs = runner(self.stacked_recurrence)(both.contiguous(), mask, weight_hh).permute(1, 2, 0, 3)
        if len(weights) == 1:
            return outputs
        forward, reverse = outputs.chunk(2)
        return torch.cat([forward, _along_time(reverse, backwards)], 3)


def _along_time(values: Tensor, order: Tensor) -> Tensor:
    """`values [K, B, T, F]` with the steps of each row in `order [K, B, T]`."""
    return values.gather(2, order.unsqueeze(3).expand_as(values))
