"""Cells on a device that is not the CPU: every way to call them, with indices and masks where they belong."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from cells import LSTM, LSTMCell
from cells.draws import Draws
from cells.observe import observe, saturation
from cells.packed import packed
from cells.stack import StackedLSTM

B, T, INPUTS, H = 4, 5, 3, 6
LENGTHS = torch.tensor([3, 5, 0, 1])
OWN = "f = sigmoid(a_f + p * c_prev); learn p = 0.1; zoneout = 0.5; recurrent_dropout = 0.5"


def rows(x: Tensor) -> PackedSequence:
    return pack_padded_sequence(x, LENGTHS.clamp(min=1), batch_first=True, enforce_sorted=False)


CALLS: dict[str, Callable[[LSTM, Tensor], Any]] = {
    "full": lambda lstm, x: lstm(x),
    "list": lambda lstm, x: lstm(x, None, LENGTHS.tolist()),
    "lengths on the CPU": lambda lstm, x: lstm(x, None, LENGTHS),
    "lengths beside x": lambda lstm, x: lstm(x, None, LENGTHS.to(x.device)),
    "packed": lambda lstm, x: lstm(rows(x.cpu()).to(x.device)),
    "states": lambda lstm, x: lstm(x, (x.new_ones(4, B, H), x.new_ones(4, B, H)), LENGTHS),
    "one sequence": lambda lstm, x: lstm(x[0]),
}


def flat(values: Any) -> list[Tensor]:
    """All tensors of a result, those of a PackedSequence by its data."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, PackedSequence):
        return [values.data]
    return [tensor for value in values for tensor in flat(value)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("alteration", ["C1", OWN])
def test_an_lstm_gives_what_it_gives_on_the_cpu(
    call: Callable[[LSTM, Tensor], Any], alteration: str, device: torch.device
) -> None:
    here = LSTM(INPUTS, H, 2, batch_first=True, bidirectional=True, alteration=alteration).eval()
    there = LSTM(INPUTS, H, 2, batch_first=True, bidirectional=True, alteration=alteration, device=device).eval()
    there.load_state_dict(here.state_dict())
    x = torch.randn(B, T, INPUTS)
    results, expected = flat(call(there, x.to(device))), flat(call(here, x))
    sum(result.square().sum() for result in results).backward()
    sum(result.square().sum() for result in expected).backward()
    gradients = [(there.get_parameter(name).grad, weight.grad) for name, weight in here.named_parameters()]
    for result, want in [*zip(results, expected, strict=True), *gradients]:
        assert result.device == there.weight_ih_l0.device
        torch.testing.assert_close(result.cpu(), want)


def test_noise_is_drawn_where_the_rows_are(device: torch.device) -> None:
    alone = [LSTM(INPUTS, H, batch_first=True, bidirectional=True, alteration=OWN).to(device) for _ in range(2)]
    stack, x = StackedLSTM(alone).to(device), torch.randn(2, B, T, INPUTS, device=device)
    stack.draws = Draws([torch.Generator(device).manual_seed(seed) for seed in range(2)])
    for output in (alone[0](x[0], None, LENGTHS)[0], stack(x, None, torch.stack([LENGTHS, LENGTHS]))[0]):
        output.sum().backward()
        assert output.device == x.device
    stack.draws = Draws([torch.Generator("cpu")] * 2)
    with pytest.raises(RuntimeError, match="device type for generator"):
        stack(x)


@pytest.mark.parametrize("lengths", [None, torch.stack([LENGTHS, LENGTHS])], ids=["full", "ragged"])
def test_a_stack_gives_what_it_gives_on_the_cpu(lengths: Tensor | None, device: torch.device) -> None:
    here = StackedLSTM([LSTM(INPUTS, H, batch_first=True, bidirectional=True, alteration="C1") for _ in range(2)])
    x = torch.randn(2, B, T, INPUTS)
    expected = here(x, None, lengths)[0]
    there = here.to(device)
    torch.testing.assert_close(there(x.to(device), None, lengths)[0].cpu(), expected)
    if lengths is not None:
        torch.testing.assert_close(there(x.to(device), None, lengths.to(device))[0].cpu(), expected)


def test_the_states_are_shown_there(device: torch.device) -> None:
    here = LSTM(INPUTS, H, batch_first=True, bidirectional=True, alteration="C1+H2")
    x = torch.randn(B, T, INPUTS)
    expected = observe(here, x, LENGTHS)
    for seen, want in zip(observe(here.to(device), x.to(device), LENGTHS), expected, strict=True):
        for name, values in seen.items():
            assert values.device.type == device.type
            torch.testing.assert_close(values.cpu(), want[name])
        assert saturation("f", seen["f"]) == pytest.approx(saturation("f", want["f"]))


def test_a_single_cell(device: torch.device) -> None:
    here = LSTMCell(INPUTS, H, alteration="H2")
    x = torch.randn(B, INPUTS)
    expected = here(x)
    for result, want in zip(here.to(device)(x.to(device)), expected, strict=True):
        torch.testing.assert_close(result.cpu(), want)


class Relu(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * o.relu(), h


def test_with_torch_s_default_device_set(device: torch.device) -> None:
    x, lengths = torch.randn(B, T, INPUTS), LENGTHS.clone()
    with device:
        lstm = LSTM(INPUTS, H, batch_first=True, bidirectional=True, alteration=Relu())
        assert "torch" not in str(lstm.obstacles.get("llvm", "")), "its formulas are found"
        stack = StackedLSTM([LSTM(INPUTS, H, batch_first=True) for _ in range(2)])
        for given in (LENGTHS.tolist(), lengths, lengths.to(device)):
            assert lstm(x.to(device), None, given)[0].device.type == device.type
        assert stack(torch.randn(2, B, T, INPUTS))[0].device.type == device.type
        layout = packed(lengths, T, device)
        assert layout.places.device.type == layout.lengths.device.type == device.type
        assert layout.sequence(torch.randn(9, INPUTS)).batch_sizes.is_cpu


HALF = torch.full((4,), 0.5)
DRAWING: dict[str, Callable[..., Tensor]] = {
    "rand": lambda **given: torch.rand(4, **given),
    "randn": lambda **given: torch.randn(4, **given),
    "randint": lambda **given: torch.randint(9, (4,), **given),
    "randperm": lambda **given: torch.randperm(4, **given),
    "normal of a size": lambda **given: torch.normal(0.0, 1.0, (4,), **given),
}
DRAWING_OF: dict[str, Callable[..., Tensor]] = {
    "normal": lambda x, **given: torch.normal(x, 1.0, **given),
    "normal of deviations": lambda x, **given: torch.normal(mean=0.0, std=x, **given),
    "bernoulli": lambda x, **given: torch.bernoulli(x, **given),
    "multinomial": lambda x, **given: torch.multinomial(x, 2, **given),
    "poisson": lambda x, **given: torch.poisson(x, **given),
    "binomial": lambda x, **given: torch.binomial(x, x, **given),
    "the method bernoulli": lambda x, **given: x.bernoulli(**given),
    "the method multinomial": lambda x, **given: x.multinomial(2, **given),
    **{
        name: functools.partial(lambda x, name, **given: getattr(x.clone(), name)(**given), name=name)
        for name in ("bernoulli_", "normal_", "uniform_", "random_", "exponential_", "cauchy_", "log_normal_")
    },
    "geometric_": lambda x, **given: x.clone().geometric_(0.5, **given),
}


@pytest.mark.parametrize("name", DRAWING)
def test_a_generator_there_draws_nothing_on_the_cpu(name: str, device: torch.device) -> None:
    draw, generator = DRAWING[name], torch.Generator(device)
    with pytest.raises(RuntimeError, match="device type for generator"):
        draw(generator=generator)
    assert draw(generator=generator, device=device).device.type == device.type
    assert draw(generator=torch.Generator()).device.type == "cpu"


@pytest.mark.parametrize("name", DRAWING_OF)
def test_a_generator_draws_nothing_for_a_tensor_elsewhere(name: str, device: torch.device) -> None:
    draw, there = DRAWING_OF[name], HALF.to(device)
    generator = torch.Generator(device)
    for values, wrong in ((HALF, generator), (there, torch.Generator())):
        with pytest.raises(RuntimeError, match="device type for generator"):
            draw(values, generator=wrong)
    assert draw(there, generator=generator).device.type == device.type
    assert draw(HALF, generator=torch.Generator()).device.type == "cpu"
