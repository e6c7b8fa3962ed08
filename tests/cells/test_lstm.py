"""`cells.LSTM` and `cells.LSTMCell` in place of torch's: same results, same errors, same weights."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from cells import LSTM, LSTMCell


def twins(dtype: torch.dtype = torch.float64, **arguments: object) -> tuple[nn.LSTM, LSTM]:
    """torch's LSTM(3, 4) and ours with the same weights."""
    stock = nn.LSTM(3, 4, dtype=dtype, **arguments)
    ours = LSTM(3, 4, dtype=dtype, **arguments)
    ours.load_state_dict(stock.state_dict())
    return stock, ours


def flat(result: object) -> list[Tensor]:
    """All tensors of output, (h_n, c_n)."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, PackedSequence):
        return [result.data]
    return [tensor for part in result for tensor in flat(part)]  # type: ignore[attr-defined]


def results_and_gradients(lstm: nn.Module, x: object, hx: tuple[Tensor, Tensor] | None) -> list[Tensor]:
    """The tensors that the module returns, and the gradients of all weights and inputs by a weighted sum of them."""
    inputs = [tensor for tensor in (*flat(x), *(hx or ())) if tensor.requires_grad]
    results = flat(lstm(x, hx))
    generator = torch.Generator().manual_seed(3)
    loss = sum((torch.rand(r.shape, generator=generator, dtype=r.dtype) * r).sum() for r in results)
    return [*results, *torch.autograd.grad(loss, [*inputs, *lstm.parameters()])]  # type: ignore[arg-type]


def states(batch: int, rows: int, dtype: torch.dtype, proj_size: int = 0) -> tuple[Tensor, Tensor]:
    h = torch.randn(rows, batch, proj_size or 4, dtype=dtype, requires_grad=True)
    return h, torch.randn(rows, batch, 4, dtype=dtype, requires_grad=True)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")  # torch's
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch_kind", ["time first", "batch first", "unbatched", "sorted", "unsorted"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"bias": False},
        {"proj_size": 2},
        {"num_layers": 2},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 3, "bidirectional": True, "bias": False, "proj_size": 2},
    ],
    ids=str,
)
def test_the_baseline_is_torchs(dtype: torch.dtype, batch_kind: str, arguments: dict[str, object]) -> None:
    torch.manual_seed(0)
    stock, ours = twins(dtype, batch_first=batch_kind == "batch first", **arguments)
    x = torch.randn(5, 6, 3, dtype=dtype, requires_grad=True)
    given: Tensor | PackedSequence = x
    if batch_kind == "unbatched":
        given = x[:, 0]
    elif batch_kind == "sorted":
        given = pack_padded_sequence(x, torch.tensor([5, 4, 4, 2, 1, 1]))
    elif batch_kind == "unsorted":
        given = pack_padded_sequence(x, torch.tensor([2, 5, 1, 4, 4, 1]), enforce_sorted=False)
    batch = 5 if batch_kind == "batch first" else 6
    rows = stock.num_layers * (2 if stock.bidirectional else 1)
    hx = states(batch, rows, dtype, stock.proj_size)
    if batch_kind == "unbatched":
        hx = (hx[0][:, 0], hx[1][:, 0])
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-11, "atol": 1e-13}
    for initial in (None, hx):
        expected = results_and_gradients(stock, given, initial)
        got = results_and_gradients(ours, given, initial)
        assert [tensor.shape for tensor in got] == [tensor.shape for tensor in expected]
        for one, other in zip(got, expected, strict=True):
            torch.testing.assert_close(one, other, **tolerance)


def test_a_packed_result_is_packed_like_the_input() -> None:
    stock, ours = twins()
    packed = pack_sequence([torch.randn(n, 3).double() for n in (2, 4, 1)], enforce_sorted=False)
    for one, other in zip(ours(packed)[0], stock(packed)[0], strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["output", "h_n", "c_n"])
def test_gradients_of_a_part_of_the_result(which: int) -> None:
    stock, ours = twins(num_layers=2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    for _ in range(4):  # TorchScript optimises meanwhile, which must not change them
        for lstm in (stock, ours):
            lstm.zero_grad()
            flat(lstm(x))[which].sum().backward()
        for one, other in zip(ours.parameters(), stock.parameters(), strict=True):
            torch.testing.assert_close(one.grad, torch.zeros_like(one) if other.grad is None else other.grad)


def test_dropout_between_layers_is_torchs() -> None:
    stock, ours = twins(num_layers=3, dropout=0.5, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    outputs = []
    for lstm in (stock, ours):
        torch.manual_seed(1)
        outputs.append(lstm(x)[0])
    torch.testing.assert_close(outputs[0], outputs[1])
    assert not torch.allclose(ours(x)[0], outputs[1])
    assert torch.equal(ours.eval()(x)[0], ours(x)[0])


def test_weights_load_both_ways_and_start_as_torchs() -> None:
    arguments = {"num_layers": 2, "bidirectional": True, "proj_size": 2}
    torch.manual_seed(5)
    stock = nn.LSTM(3, 4, **arguments)
    torch.manual_seed(5)
    ours = LSTM(3, 4, alteration="C1", **arguments)
    assert list(ours.state_dict()) == list(stock.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), stock.parameters(), strict=True))
    ours.reset_parameters()
    stock.load_state_dict(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), stock.parameters(), strict=True))


# errors


def error_of(function: object, *arguments: object) -> tuple[type[Exception], str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller compares it with torch's
        function(*arguments)  # type: ignore[operator]
    return caught.type, str(caught.value)


zeros = torch.zeros


@pytest.mark.parametrize(
    "arguments",
    [
        (zeros(3),),
        (zeros(0, 2, 3),),
        (zeros(5, 2, 4),),
        (zeros(5, 2, 3).double(),),
        (zeros(5, 2, 3), (zeros(1, 3, 4), zeros(1, 2, 4))),
        (zeros(5, 2, 3), (zeros(1, 2, 4), zeros(1, 2, 5))),
        (zeros(5, 2, 3), (zeros(2, 4), zeros(2, 4))),
        (zeros(5, 3), (zeros(1, 1, 4), zeros(1, 1, 4))),
    ],
    ids=range(8),
)
def test_a_wrong_call_fails_as_torchs(arguments: tuple[object, ...]) -> None:
    assert error_of(LSTM(3, 4), *arguments) == error_of(nn.LSTM(3, 4), *arguments)


def test_packed_states_are_checked() -> None:
    packed = pack_sequence([zeros(5, 3), zeros(2, 3)])
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(1, 2, 4\), got \[1, 3, 4\]"):
        LSTM(3, 4)(packed, (zeros(1, 3, 4), zeros(1, 3, 4)))


@pytest.mark.parametrize(
    "arguments",
    [{"hidden_size": 0}, {"num_layers": 0}, {"dropout": 2.0}, {"bias": 1}, {"proj_size": 4}],
    ids=str,
)
def test_a_wrong_constructor_fails_as_torchs(arguments: dict[str, object]) -> None:
    def make(cls: type) -> object:
        return cls(**{"input_size": 3, "hidden_size": 4, **arguments})

    assert error_of(make, LSTM) == error_of(make, nn.LSTM)


# as a module


def test_repr_names_the_alteration() -> None:
    assert repr(LSTM(3, 4)) == "LSTM(3, 4, alteration=baseline)"
    assert repr(LSTM(3, 4, 2, alteration="C1+H2")) == "LSTM(3, 4, num_layers=2, alteration=C1+H2)"
    assert repr(LSTMCell(3, 4, alteration="c*relu(o)")) == "LSTMCell(3, 4, alteration=current = c * relu(o))"


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * self.scale, h


class ScaledInPython(Scaled):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return (lambda x: x * self.scale)(c), h


ALTERATIONS = ["C1", "current = c * relu(o); hidden = h * o", Scaled, ScaledInPython]


@pytest.mark.parametrize("cell", [LSTM, LSTMCell])
@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_is_equal_and_independent(cell: type[nn.Module], alteration: object, copied: object) -> None:
    original = cell(3, 4, alteration=alteration() if isinstance(alteration, type) else alteration)
    x = torch.randn(2, 3)
    original(x)
    twin = copied(original)  # type: ignore[operator]
    assert repr(twin) == repr(original)
    assert (twin.path, twin.loop, twin.obstacles) == (original.path, original.loop, original.obstacles)
    assert list(twin.state_dict()) == list(original.state_dict())
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in original.parameters()]
    expected = flat(original(x))
    assert all(torch.equal(a, b) for a, b in zip(flat(twin(x)), expected, strict=True))
    with torch.no_grad():
        for parameter in original.parameters():
            parameter += 1
    assert all(torch.equal(a, b) for a, b in zip(flat(twin(x)), expected, strict=True))
    flat(twin(x))[-1].sum().backward()
    assert all(parameter.grad is not None for parameter in twin.parameters())


def test_a_modules_parameters_are_in_the_state_dict() -> None:
    one, other = LSTM(3, 4, alteration=Scaled()), LSTM(3, 4, alteration=Scaled())
    with torch.no_grad():
        one.recurrence.step.cell.module.scale.fill_(3)
    other.load_state_dict(one.state_dict())
    x = torch.randn(5, 2, 3)
    assert torch.equal(one(x)[0], other(x)[0])


def test_parameters_given_from_outside() -> None:
    lstm = LSTM(3, 4, alteration="C1")
    x = torch.randn(5, 2, 3)
    doubled = {name: (2 * value).detach().requires_grad_() for name, value in lstm.named_parameters()}
    functional_call(lstm, doubled, (x,))[0].sum().backward()
    assert all(value.grad is not None for value in doubled.values())
    assert all(parameter.grad is None for parameter in lstm.parameters())


def test_flatten_parameters_and_moving_change_nothing() -> None:
    lstm = LSTM(3, 4, 2, bidirectional=True, alteration="H3")
    x = torch.randn(5, 2, 3)
    before = lstm(x)[0]
    lstm.flatten_parameters()
    assert torch.equal(lstm(x)[0], before)
    torch.testing.assert_close(lstm.double()(x.double())[0].float(), before)
    assert lstm.float().to("meta")(x.to("meta"))[0].shape == before.shape


# LSTMCell


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (3,)])
def test_the_baseline_cell_is_torchs(dtype: torch.dtype, bias: bool, shape: tuple[int, ...]) -> None:
    stock, ours = nn.LSTMCell(3, 4, bias, dtype=dtype), LSTMCell(3, 4, bias, dtype=dtype)
    ours.load_state_dict(stock.state_dict())
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    h, c = (torch.randn(*shape[:-1], 4, dtype=dtype, requires_grad=True) for _ in range(2))
    for hx in (None, (h, c)):
        expected, got = results_and_gradients(stock, x, hx), results_and_gradients(ours, x, hx)
        for one, other in zip(got, expected, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("alteration", ["C4", "H2", "current = c + h * o; hidden = c * h"])
def test_a_cell_called_step_by_step_is_the_lstm(alteration: str) -> None:
    lstm, cell = LSTM(3, 4, alteration=alteration), LSTMCell(3, 4, alteration=alteration)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    x = torch.randn(5, 2, 3)
    output, (h_n, c_n) = lstm(x)
    h, c = torch.zeros(2, 4), torch.zeros(2, 4)
    for t in range(5):
        h, c = cell(x[t], (h, c))
        torch.testing.assert_close(h, output[t])
    torch.testing.assert_close((h, c), (h_n[0], c_n[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        (zeros(2, 2, 3),),
        (zeros(2, 5),),
        (zeros(2, 3), (zeros(2, 2, 4), zeros(2, 4))),
        (zeros(2, 3), (zeros(3, 4), zeros(2, 4))),
        (zeros(2, 3), (zeros(2, 4), zeros(1, 4))),
        (zeros(2, 3), (zeros(2, 4), zeros(2, 5))),
        (zeros(3), (zeros(1, 4), zeros(1, 4))),
        (zeros(3), (zeros(5), zeros(4))),
        (zeros(3), (zeros(4), zeros(2, 4))),
        (zeros(2, 3), (zeros(2, 5), zeros(3, 4))),
        (zeros(2, 3), (zeros(4), zeros(2, 4))),
        (zeros(2),),
        (zeros(2, 3).double(),),
        (zeros(2, 3), (zeros(2, 4).double(), zeros(2, 4))),
    ],
    ids=range(14),
)
def test_a_wrong_call_of_the_cell_fails_as_torchs(arguments: tuple[object, ...]) -> None:
    assert error_of(LSTMCell(3, 4), *arguments) == error_of(nn.LSTMCell(3, 4), *arguments)


@pytest.mark.parametrize("states", [(zeros(3), zeros(3, 4)), (zeros(4), zeros(4, 4))])
def test_a_state_that_torch_refuses_by_accident_is_named(states: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(RuntimeError, match=r"hidden0 has|of shape|Expected 2D hidden0"):
        LSTMCell(3, 4)(zeros(len(states[1]), 3), states)


HX = {
    "a tensor": torch.zeros(2, 4),
    "a tensor of two": torch.zeros(2, 2, 4),
    "one": (torch.zeros(2, 4),),
    "three": (torch.zeros(2, 4),) * 3,
    "none": (),
    "no tensors": (None, None),
}


@pytest.mark.parametrize("hx", HX)
@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_a_cell_answers_other_than_two_states_as_torch_does(hx: str, shape: tuple[int, ...]) -> None:
    def answer(cell: nn.Module) -> object:
        try:
            return [tuple(state.shape) for state in cell(torch.zeros(shape), HX[hx])]
        except Exception as error:
            return type(error), str(error)

    assert answer(LSTMCell(3, 4, alteration="C1")) == answer(nn.LSTMCell(3, 4))
