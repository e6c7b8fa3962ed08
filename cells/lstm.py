"""`LSTM` and `LSTMCell`: torch's modules, with one more argument, `alteration`."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from cells import backends
from cells.alteration_module import alteration_module
from cells.alterations import Spec
from cells.obstacle import Obstacle
from cells.recurrence import Step, Unroll, Weights


def _for_this_call(weight: Tensor) -> Tensor:
    """The weight, detached where gradients are off.

    Compiled code that has run with gradients saves every weight for backward, which inference_mode forbids. A trace,
    however, must come out the same whether gradients are on or off.
    """
    return weight if torch.is_grad_enabled() or torch.jit.is_tracing() else weight.detach()


class _Altered(nn.Module):
    """The part that both modules share: they differ from torch's by their recurrence."""

    if TYPE_CHECKING:  # for TorchScript, annotations of a class are declarations of its own
        hidden_size: int
        alteration: str
        recurrence: Any

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
        """How the backend runs the loop over time: "compiled", or "eager" where Python goes step by step."""
        return self._choice()[0].loop(self.recurrence)

    @torch.jit.unused
    def _choice(self) -> tuple[backends.Backend, dict[str, Obstacle]]:
        """The backend of the next call, and the obstacles of those tried earlier: judged from the module alone."""
        return backends.choose(self.recurrence, [], [])

    def reset_parameters(self) -> None:
        """U(-1/sqrt(H), 1/sqrt(H)) as in torch, for the cell's own weights and not for those of a user's module."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters(recurse=False):
            nn.init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, alteration={self.alteration}"

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"  # one line as torch's, whatever is inside


class LSTM(_Altered, nn.LSTM):
    """`torch.nn.LSTM` with an altered cell: same arguments, weights, states and results.

    Scripted by torch.jit.script it takes padded batches (with or without lengths) and no PackedSequence. The state_dict
    has torch's keys, and those of a module that alters the cell if it has parameters.

    Args:
        alteration: a name of Table 1, a formula or a module (c, h, o) -> (c, h), see `cells.alterations.resolve`. With
            proj_size it acts on the h [B, H] before the projection.

    Attributes:
        alteration: its name.
        path: the backend that runs the next call.
        obstacles: why each backend tried earlier cannot run the next call, by name.
        loop: how that backend runs the loop over time.
    """

    def __init__(self, *args: Any, alteration: Spec = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        step = Step(alteration_module(alteration))
        self.alteration = step.alteration
        self.recurrence = Unroll(step)

    @torch.jit.unused
    def _choice(self) -> tuple[backends.Backend, dict[str, Obstacle]]:
        weights = [own for layer in range(self.num_layers) for own in self._weights(layer)]
        return backends.choose(self.recurrence, [], weights)

    def forward(  # type: ignore[override]
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """-> output, (h_n, c_n), all as torch.nn.LSTM has them.

        lengths [B] (int64, 0 to T) says how many steps of each row of a padded batch are real. Behind them the output
        is exactly zero; the reverse direction starts at the last of them; and the final states are those of a row's
        last real step, or its initial states if it has no step: as with a PackedSequence.

        Raises what torch.nn.LSTM raises, and ValueError for lengths that do not fit the input.
        """
        if not torch.jit.is_scripting():
            self._update_flat_weights()
            if isinstance(input, PackedSequence):
                return self._forward_packed(input, hx, lengths)
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        if hx is not None and (hx[0].dim() != input.dim() or hx[1].dim() != input.dim()):
            kind = "batched" if input.dim() == 3 else "unbatched"
            raise RuntimeError(
                f"For {kind} {input.dim()}-D input, hx and cx should also be {input.dim()}-D "
                f"but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        if input.dim() == 3:
            return self._forward_padded(input, hx, lengths)
        if lengths is not None:
            raise ValueError("lengths are for batches: a 2-D input is one sequence")
        if hx is not None:
            hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
        batch_dim = 0 if self.batch_first else 1
        output, (h, c) = self._forward_padded(input.unsqueeze(batch_dim), hx, None)
        return output.squeeze(batch_dim), (h.squeeze(1), c.squeeze(1))

    def _forward_packed(
        self, packed: PackedSequence, hx: tuple[Tensor, Tensor] | None, lengths: Tensor | None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        if lengths is not None:
            raise ValueError("a PackedSequence brings its own lengths")
        data, batch_sizes, order, back = packed
        if hx is not None and order is not None:
            hx = self.permute_hidden(hx, order)
        hx = self._initial_states(data, batch_sizes, hx)
        output, hx = self._layers(data, batch_sizes.tolist(), hx)
        return PackedSequence(output, batch_sizes, order, back), self.permute_hidden(hx, back)

    def _forward_padded(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None, lengths: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hx = self._initial_states(input, None, hx)
        if self.batch_first:
            input = input.transpose(0, 1)
        steps, batch = input.size(0), input.size(1)
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        rows = input.reshape(steps * batch, input.size(2))
        sizes = [batch] * steps
        order, places = torch.empty(0), torch.empty(0)
        if lengths is not None:
            order, places, sizes = pack(lengths, steps, batch)
        if sizes[-1] == batch:  # all rows have all steps
            output, hx = self._layers(rows, sizes, hx)
        else:
            order, places = order.to(input.device), places.to(input.device)
            real, hx = self._layers(rows.index_select(0, places), sizes, self.permute_hidden(hx, order))
            output = torch.zeros(steps * batch, real.size(1), dtype=real.dtype, device=real.device)
            output = output.index_copy(0, places, real)
            hx = self.permute_hidden(hx, torch.argsort(order))
        output = output.view(steps, batch, output.size(1))
        return output.transpose(0, 1) if self.batch_first else output, hx

    def _initial_states(
        self, input: Tensor, batch_sizes: Tensor | None, hx: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """hx or zeros, checked as torch checks them."""
        if hx is None:
            h_shape = self.get_expected_hidden_size(input, batch_sizes)
            c_shape = self.get_expected_cell_size(input, batch_sizes)
            h = torch.zeros(h_shape, dtype=input.dtype, device=input.device)
            c = torch.zeros(c_shape, dtype=input.dtype, device=input.device)
            hx = (h, c)
        self.check_forward_args(input, hx, batch_sizes)
        return hx

    def _layers(
        self, rows: Tensor, sizes: list[int], hx: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All layers and directions over packed rows [N, I] -> [N, D H]."""
        directions = 2 if self.bidirectional else 1
        h, c = hx[0].split(directions), hx[1].split(directions)
        final_h: list[Tensor] = []
        final_c: list[Tensor] = []
        for layer in range(self.num_layers):
            rows, last_c, last_h = self._run(rows, sizes, c[layer], h[layer], self._weights(layer))
            final_h.append(last_h)
            final_c.append(last_c)
            if layer < self.num_layers - 1:
                rows = F.dropout(rows, self.dropout, self.training)
        return rows, (torch.cat(final_h), torch.cat(final_c))

    def _run(
        self, rows: Tensor, sizes: list[int], c: Tensor, h: Tensor, weights: list[Weights]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One layer, as `Unroll.forward`, which runs itself where there is only TorchScript."""
        if not torch.jit.is_scripting():
            return backends.layer(self.recurrence, rows, sizes, c, h, weights)
        return self.recurrence(rows, sizes, c, h, weights)

    def _weights(self, layer: int) -> list[Weights]:
        """The weights of each direction of a layer."""
        directions = 2 if self.bidirectional else 1
        count = 2 + (2 if self.bias else 0) + (1 if self.proj_size > 0 else 0)
        result: list[Weights] = []
        for k in range(layer * directions, (layer + 1) * directions):
            flat = self._flat_weights[k * count : (k + 1) * count]
            own = [_for_this_call(weight) for weight in flat]  # type: ignore[arg-type]
            bias_ih: Tensor | None = None
            bias_hh: Tensor | None = None
            hr: Tensor | None = None
            if self.bias:
                bias_ih, bias_hh = own[2], own[3]
            if self.proj_size > 0:
                hr = own[-1]
            result.append(Weights(own[0], own[1], bias_ih, bias_hh, hr))
        return result


def pack(lengths: Tensor, steps: int, batch: int) -> tuple[Tensor, Tensor, list[int]]:
    """How the real steps of a padded batch lie when packed, for lengths [B].

    -> order [B]: the rows, longest first; places [N]: where each packed row is in the flat [T B]; sizes [T].
    """
    if lengths.dtype != torch.int64 or lengths.dim() != 1 or lengths.size(0) != batch:
        got = f"{lengths.dtype} of shape {list(lengths.shape)}"
        raise ValueError(f"lengths must be int64 of shape [{batch}], not {got}")
    lengths, order = torch.sort(lengths.cpu(), descending=True, stable=True)
    if batch > 0 and (int(lengths[0]) > steps or int(lengths[-1]) < 0):
        raise ValueError(f"lengths must be from 0 to T = {steps}, not {int(lengths[-1])} to {int(lengths[0])}")
    step = torch.arange(steps).unsqueeze(1)
    real = step < lengths  # [T, B]
    sizes: list[int] = real.sum(1).tolist()
    return order, (step * batch + order)[real], sizes


class LSTMCell(_Altered, nn.LSTMCell):
    """`torch.nn.LSTMCell` (same arguments, weights, states and results), altered: see `LSTM`."""

    def __init__(self, *args: Any, alteration: Spec = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        step = Step(alteration_module(alteration))
        self.alteration = step.alteration
        self.recurrence = step

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
            if list(state.shape) != shape:
                raise RuntimeError(f"LSTMCell: Expected hx[{index}] of shape {shape}, got {list(state.shape)}")
        h, c = hx
        weight_ih, weight_hh = _for_this_call(self.weight_ih), _for_this_call(self.weight_hh)
        gates = F.linear(input, weight_ih, self.bias_ih) + F.linear(h, weight_hh, self.bias_hh)
        c, h = self._step(gates, c)
        return h, c

    def _step(self, gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """As `Step.forward`, which runs itself where there is only TorchScript."""
        if not torch.jit.is_scripting():
            return backends.step(self.recurrence, gates, c)
        return self.recurrence(gates, c)
