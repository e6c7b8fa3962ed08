"""The loops around the Triton kernels on a device that is not the CPU; the kernels in Triton's interpreter."""

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from pretend_device import DeviceTensor
from torch import Tensor

from cells import backends
from cells.cell_module import cell_module
from cells.packed import packed, packed_on_device
from cells.recurrence import StackedUnroll, Step, Unroll, Weights

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton: pip install -e '.[triton]'"),
    pytest.mark.skipif(not os.environ.get("TRITON_INTERPRET"), reason="needs TRITON_INTERPRET=1"),
]

K, B, T, INPUTS, H = 2, 3, 4, 3, 20
LENGTHS = torch.tensor([[4, 3, 0], [2, 2, 1]])
PLACES = 9  # two more than there are real rows
DECLARED = "learn p = 0.1; noise z = 0.5; mask m = 0.5"
CELL = "f = sigmoid(a_f + p * c_prev); recurrent = m * tanh(h_prev); hidden = h * z; " + DECLARED


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Triton's interpreter run kernels on tensors of the device that pretends, which all have to be there."""
    from cells.triton.compiler import Kernel

    def launch(kernel: Kernel, grid: Any, tensors: Mapping[str, Tensor], sizes: Mapping[str, int], **how: Any) -> None:
        given = {name: tensors[name] for name in kernel.tensors}
        assert len({tensor.device for tensor in given.values()}) == 1, given
        inner = {name: tensor.inner if isinstance(tensor, DeviceTensor) else tensor for name, tensor in given.items()}
        kernel.function[grid](**inner, **sizes, **how)

    monkeypatch.setattr(Kernel, "launch", launch)


def weights_of(generator: torch.Generator, models: int, rows: int, batch: int) -> list[Weights]:
    """In float64, of two directions, with a leading K."""

    def random(*shape: int) -> Tensor:
        return 0.3 * torch.randn(models, *shape, generator=generator, dtype=torch.float64)

    def drawn(*shape: int) -> Tensor:
        return torch.randint(0, 2, (models, *shape), generator=generator).double()

    return [
        Weights(
            *(random(4 * H, INPUTS), random(4 * H, H), random(4 * H), random(4 * H), None, random(1, H)),
            *(drawn(1, rows, H), drawn(1, batch, H)),
        )
        for _ in range(2)
    ]


def moved(own: Weights, device: torch.device, dtype: torch.dtype) -> Weights:
    return Weights._make(None if t is None else t.to(device, dtype).requires_grad_() for t in own)


def found(name: str, device: torch.device, dtype: torch.dtype, kind: str) -> list[Tensor]:
    """The results by a backend's loops, and the gradients of the weights."""
    generator = torch.Generator().manual_seed(3)
    stacked = kind != "layer"
    lengths = LENGTHS if stacked else LENGTHS[:1]
    real = int(lengths.sum(1).max())
    rows = torch.randn(len(lengths), PLACES, INPUTS, generator=generator, dtype=torch.float64)
    weights = weights_of(generator, len(lengths), PLACES, B if stacked else 2)
    if kind == "rounded":
        layout = packed_on_device(lengths.to(device), T, PLACES, None)
    else:
        layout, rows = packed(lengths, T, device), rows[:, :real]
        weights = [own._replace(noise=own.noise[:, :, :real]) for own in weights if own.noise is not None]
    weights = [moved(own, device, dtype) for own in weights]
    rows = rows.to(device, dtype)
    chosen = next(backend for backend in backends.BACKENDS if backend.name == name)
    step = Step(cell_module(CELL))
    if stacked:
        output = chosen.stacked_layer(StackedUnroll(step), rows, layout, weights)
        results = [output[k, : int(n)] for k, n in enumerate(lengths.sum(1))]
    else:
        states = torch.zeros(2, 2, B, H, device=device, dtype=dtype)
        own = [Weights._make(None if t is None else t[0] for t in each) for each in weights]
        assert layout.sizes is not None
        results = list(chosen.layer(Unroll(step), rows[0], layout.sizes[0], *states, own))
    by = [t for own in weights for t in (own.ih, own.hh, own.bias_ih, own.learned)]
    loss = sum(result.square().sum() for result in results)
    return [*results, *torch.autograd.grad(loss, by)]


@pytest.mark.parametrize("kind", ["stack", "rounded", "layer"])
@pytest.mark.parametrize("name", ["triton", "triton-steps"])
def test_the_loops_give_what_the_definition_gives_in_float64(name: str, kind: str, device: torch.device) -> None:
    wanted = found("eager", torch.device("cpu"), torch.float64, "layer" if kind == "layer" else "stack")
    for result, want in zip(found(name, device, torch.float32, kind), wanted, strict=True):
        assert result.device.type == device.type
        torch.testing.assert_close(result.cpu().double(), want, atol=1e-5 * float(want.detach().abs().max()), rtol=0)
