"""The formats of a net in one file, for programs without this project: TorchScript, and ONNX (extra `export`)."""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops import scan  # the place that torch's documentation names
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from cells import LSTM
from cells.errors import UserError
from cells.torchscript.compiler import check_works
from datamodules.files import replacing

FACTS = "facts.json"
"""The name under which a file keeps the facts that programs need beside the net."""


class ExportError(UserError):
    """A format cannot express a net.

    Args:
        net: the one to export.
        format: its name.
        reason: of the compiler, in a few words.
    """

    def __init__(self, net: nn.Module, format: str, reason: str):
        super().__init__(
            f"{format} cannot express {type(net).__name__} ({reason}); change its code or choose another format."
        )


def to_torchscript(net: nn.Module, path: Path, facts: Mapping[str, Any]) -> None:
    """Write `net` for `torch.jit.load(path)`, where torch is all that is needed.

    The file computes what the net computes in evaluation mode, on the CPU (`torch.jit.load(path, "cuda")` moves it). It
    is not meant for further training. `facts` are in its extra file FACTS.

    Raises:
        ExportError: the net cannot be compiled.
        ScriptingError: nothing can, on this Python.
    """
    check_works(type(net).__name__)
    with _export_errors(net, "TorchScript"):
        scripted = torch.jit.script(_for_inference(net))
    content = scripted.save_to_buffer(_extra_files={FACTS: json.dumps(facts)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)  # on a full disk torch's own writer ends the process


def to_onnx(net: nn.Module, path: Path, facts: Mapping[str, Any]) -> None:
    """Write a text classifier as ONNX, weights included, and `facts` as its metadata FACTS.

    Inputs `tokens [batch, time]` and `lengths [batch]` (int64), output `logits [batch, classes]` as in evaluation mode.
    Batch and time can have any size. Lengths are from 0 to time, which the file does not check.

    Raises:
        ExportError: the net cannot be exported.
        UserError: the extra `export` is missing.
    """
    try:
        from onnxscript.ir.passes import common
    except ModuleNotFoundError as error:
        raise UserError('ONNX export needs more packages: pip install -e ".[export]".') from error

    net = _for_inference(net)
    for name, module in list(net.named_modules()):
        if isinstance(module, LSTM):
            net.set_submodule(name, ScanLSTM(module))
    with _quiet(), _export_errors(net, "ONNX"):
        program = torch.onnx.export(
            net,
            (torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 1])),
            dynamo=True,
            # AUTO: naming the second batch dimension, which equals the first, raises a warning.
            dynamic_shapes=({0: "batch", 1: "time"}, {0: torch.export.Dim.AUTO}),
            input_names=["tokens", "lengths"],
            output_names=["logits"],
            external_data=False,
            verbose=False,
        )
    assert program is not None  # only dynamo=False returns None
    common.ClearMetadataAndDocStringPass()(
        program.model
    )  # removes stack traces with the paths of this machine, most of the file
    program.model.metadata_props[FACTS] = json.dumps(facts)
    with replacing(path) as temporary:
        program.save(str(temporary))


class ScanLSTM(nn.Module):
    """`cells.LSTM` on padded batches in evaluation mode, with the loop over time as one operator.

    The loop of `cells.recurrence` runs over packed batches, whose shapes depend on the values of the lengths. A file
    for all lengths computes the steps behind a row's end and discards them. The cell's equations are those of the
    LSTM's Step, traced.
    """

    def __init__(self, lstm: LSTM):
        super().__init__()
        self.batch_first, self.layers = lstm.batch_first, lstm.num_layers
        self.suffixes = ["", "_reverse"] if lstm.bidirectional else [""]
        self.sizes = lstm.hidden_size, lstm.proj_size or lstm.hidden_size
        for name, weight in lstm.named_parameters(recurse=False):
            self.register_parameter(name, weight)
        self.learned = [name for name, _ in lstm.recurrence.step.cell.learned]
        self.step, self.recurrent = _traced(lstm)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """See `cells.LSTM.forward`; for batches `[B, T, I]` or `[T, B, I]` only, and without a check of the lengths."""
        if input.dim() != 3:
            raise ValueError(f"an LSTM in an ONNX file takes padded batches, not a {input.dim()}-D input")
        x = input.transpose(0, 1) if self.batch_first else input
        steps, batch = x.shape[:2]
        ended = torch.zeros(steps, batch, 1, dtype=torch.bool, device=x.device)
        if lengths is not None:
            ended = (torch.arange(steps, device=x.device).unsqueeze(1) >= lengths).unsqueeze(2)
        if hx is None:
            cells = self.layers * len(self.suffixes)
            hx = x.new_zeros(cells, batch, self.sizes[1]), x.new_zeros(cells, batch, self.sizes[0])
        # c before h, as in the cells; `scan` requires the first states to have the memory layout of later ones
        states = [(c.contiguous(), h.contiguous()) for h, c in zip(*hx, strict=True)]
        for layer in range(self.layers):
            outputs = []
            for direction, suffix in enumerate(self.suffixes):
                k = layer * len(self.suffixes) + direction
                output, states[k] = self._direction(x, ended, states[k], f"l{layer}{suffix}")
                outputs.append(output)
            x = torch.cat(outputs, 2)
        c, h = (torch.stack(state) for state in zip(*states, strict=True))
        return x.transpose(0, 1) if self.batch_first else x, (h, c)

    def _direction(
        self, x: Tensor, ended: Tensor, states: tuple[Tensor, Tensor], name: str
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Outputs `[T, B, H]` and the final c and h of the layer and direction called `name`, such as "l0_reverse"."""
        weights = dict(self.named_parameters(recurse=False))
        weight_hh, weight_hr = weights[f"weight_hh_{name}"], weights.get(f"weight_hr_{name}")
        gates = F.linear(x, weights[f"weight_ih_{name}"])
        if f"bias_ih_{name}" in weights:
            gates = gates + weights[f"bias_ih_{name}"] + weights[f"bias_hh_{name}"]
        learned = x.new_zeros(0, self.sizes[0])
        if self.learned:
            learned = torch.stack([weights[f"{own}_{name}"] for own in self.learned])

        def step(states: tuple[Tensor, Tensor], now: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
            (c, h), (gates, ended) = states, now
            gates = torch.addmm(gates, self.recurrent(h, learned), weight_hh.t())
            next_c, next_h = self.step(gates, c, h, learned)
            if weight_hr is not None:
                next_h = next_h @ weight_hr.t()
            return (torch.where(ended, c, next_c), torch.where(ended, h, next_h)), torch.where(ended, 0.0, next_h)

        states, output = scan(step, states, (gates, ended), reverse=name.endswith("_reverse"))
        return output, states


def _traced(lstm: LSTM) -> tuple[nn.Module, nn.Module]:
    """The LSTM's Step, and what it multiplies W_hh by, as graphs of torch's own operators.

    For torch.export, which does not look into TorchScript. Both take the learned coefficients [P, H] last.
    """
    weight_hh, step = lstm.get_parameter("weight_hh_l0"), lstm.recurrence.step
    c, h = weight_hh.new_zeros(2, lstm.hidden_size), weight_hh.new_zeros(2, weight_hh.size(1))
    learned = weight_hh.new_zeros(len(step.cell.learned), lstm.hidden_size)

    def whole(gates: Tensor, c: Tensor, h: Tensor, learned: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = step(gates, c, h, learned, None, None)
        return result

    def recurrent(h: Tensor, learned: Tensor) -> Tensor:
        result: Tensor = step.recurrent(h, learned, None)
        return result

    with torch.no_grad():
        return make_fx(whole)(torch.cat([c, c, c, c], 1), c, h, learned), make_fx(recurrent)(h, learned)


def _for_inference(net: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode and without gradients."""
    return copy.deepcopy(net).cpu().eval().requires_grad_(False)


@contextmanager
def _export_errors(net: nn.Module, format: str) -> Iterator[None]:
    """Turn the errors of compilers, which are of many kinds and many lines long, into an ExportError."""
    try:
        yield
    except Exception as error:
        reason = str(error).strip().splitlines()[0].split(". ")[0].rstrip(":.")
        raise ExportError(net, format, reason) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter logs about missing packages such as torchvision, and its warning about torch itself."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\).* is deprecated", FutureWarning)
            yield
    finally:
        log.setLevel(level)
