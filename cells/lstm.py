"""`LSTM`: torch's module with one more argument, `alteration`."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from cells import backends
from cells.alterations import Spec
from cells.altered import Altered, for_this_call
from cells.cell_module import cell_module
from cells.equations import CellError
from cells.language.tree import Variable, names_in
from cells.lengths import as_lengths, check_lengths
from cells.obstacle import Obstacle
from cells.recurrence import Step, Unroll, Weights
from cells.torchscript.equation_cell import EquationCell


class LSTM(Altered, nn.LSTM):
    """`torch.nn.LSTM` with an altered cell: same arguments, weights, states and results.

    Scripted by torch.jit.script it takes padded batches (with or without lengths) and no PackedSequence. The state_dict
    has torch's keys, then those of learned coefficients (`p_l0`, `p_l0_reverse`, `p_l1`, .. for one named p, [H] each),
    and those of a module that alters the cell if it has parameters.

    Noise is drawn in training as dropout is, by torch's generator, for the real steps and rows of a batch only; in
    evaluation its mean takes its place.

    Args:
        alteration: a name of Table 1, equations or a module (c, h, o) -> (c, h), see `cells.alterations.resolve`. With
            proj_size it acts on the h [B, H] before the projection, and no equation may read h_prev.

    Attributes:
        alteration: its name.
        path: the backend that runs the next call.
        obstacles: why each backend tried earlier cannot run the next call, by name.
        loop: how that backend runs the loop over time.
    """

    _noise: list[float]
    _masks: list[float]

    def __init__(self, *args: Any, alteration: Spec = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cell = cell_module(alteration)
        if self.proj_size > 0 and isinstance(cell, EquationCell):
            _refuse_previous_h(cell)
        layers, ways = range(self.num_layers), ("", "_reverse")[: 1 + self.bidirectional]
        suffixes = [f"_l{layer}{way}" for layer in layers for way in ways]
        self._take(cell, suffixes)
        for suffix, names in zip(suffixes, self._all_weights, strict=True):
            names += [name + suffix for name, _ in cell.learned]
        self._flat_weights_names += self._initial  # behind all of torch's, so that those keep their places
        self._init_flat_weights()
        self.recurrence = Unroll(Step(cell))

    def flatten_parameters(self) -> None:
        """Nothing: it is for cuDNN, which does not run this module and knows no learned coefficients."""

    @torch.jit.unused
    def _choice(self) -> tuple[backends.Backend, dict[str, Obstacle]]:
        self._update_flat_weights()  # the last call may have had others, given from outside
        weights = [own for layer in range(self.num_layers) for own in self._weights(layer)]
        return backends.choose(self.recurrence, [], weights)

    def forward(  # type: ignore[override]
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """-> output, (h_n, c_n), all as torch.nn.LSTM has them.

        lengths [B] (int64 or a list, 0 to T) says how many steps of each row of a padded batch are real. Behind them
        the output is exactly zero; the reverse direction starts at the last of them; and the final states are those of
        a row's last real step, or its initial states if it has no step: as with a PackedSequence.

        Raises what torch.nn.LSTM raises, and ValueError for lengths that do not fit the input.
        """
        if not torch.jit.is_scripting():
            self._update_flat_weights()
            if isinstance(input, PackedSequence):
                return self._forward_packed(input, hx, lengths)
            if lengths is not None and not isinstance(lengths, Tensor):
                lengths = as_lengths(lengths)
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
            weights = [self._with_noise(own, rows, sizes) for own in self._weights(layer)]
            rows, last_c, last_h = self._run(rows, sizes, c[layer], h[layer], weights)
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
        every = directions * self.num_layers
        result: list[Weights] = []
        for k in range(layer * directions, (layer + 1) * directions):
            flat = self._flat_weights[k * count : (k + 1) * count]
            own = [for_this_call(weight) for weight in flat]  # type: ignore[arg-type]
            bias_ih: Tensor | None = None
            bias_hh: Tensor | None = None
            hr: Tensor | None = None
            if self.bias:
                bias_ih, bias_hh = own[2], own[3]
            if self.proj_size > 0:
                hr = own[-1]
            learned: Tensor | None = None
            if self._coefficients > 0:
                first = every * count + k * self._coefficients
                flat = self._flat_weights[first : first + self._coefficients]
                learned = torch.stack([for_this_call(weight) for weight in flat])  # type: ignore[arg-type]
            result.append(Weights(own[0], own[1], bias_ih, bias_hh, hr, learned, None, None))
        return result

    def _with_noise(self, own: Weights, rows: Tensor, sizes: list[int]) -> Weights:
        """The weights of one direction, with the noise of a call. Rows without a step draw none."""
        batch = sizes[0] if len(sizes) > 0 else 0
        noise = self._draw(self._noise, [rows.size(0), self.hidden_size], rows)
        masks = self._draw(self._masks, [batch, self.hidden_size], rows)
        return Weights(own.ih, own.hh, own.bias_ih, own.bias_hh, own.hr, own.learned, noise, masks)


def _refuse_previous_h(cell: EquationCell) -> None:
    """Raise CellError if an equation reads h_prev, which with a projection has other units than all other names."""
    formulas = dict(cell.equations.formulas)
    usual = formulas.pop("recurrent") == Variable("h_prev")
    if not usual or any("h_prev" in names_in(formula) for formula in formulas.values()):
        raise CellError(f"the equations of {cell.name} read h_prev, which has fewer units than h: leave proj_size out.")


def pack(lengths: Tensor, steps: int, batch: int) -> tuple[Tensor, Tensor, list[int]]:
    """How the real steps of a padded batch lie when packed, for lengths [B].

    -> order [B]: the rows, longest first; places [N]: where each packed row is in the flat [T B]; sizes [T].
    """
    lengths = lengths.cpu()
    check_lengths(lengths, steps, [batch])
    lengths, order = torch.sort(lengths, descending=True, stable=True)
    step = torch.arange(steps, device=lengths.device).unsqueeze(1)
    real = step < lengths  # [T, B]
    sizes: list[int] = real.sum(1).tolist()
    return order, (step * batch + order)[real], sizes
