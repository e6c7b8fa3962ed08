"""`cells.LSTM` and `cells.LSTMCell` in place of torch's: same results, same errors, same weights."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from cells import LSTM, LSTMCell

LENGTHS = torch.tensor([3, 5, 0, 1, 5])  # of a batch of 5 rows with 5 steps


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
    """Everything the module returns and the gradients of all weights and inputs by a weighting of it."""
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


def test_a_packed_result_is_packed_as_the_input() -> None:
    stock, ours = twins()
    packed = pack_sequence([torch.randn(n, 3).double() for n in (2, 4, 1)], enforce_sorted=False)
    for one, other in zip(ours(packed)[0], stock(packed)[0], strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["output", "h_n", "c_n"])
def test_gradients_of_a_part_of_the_result(which: int) -> None:
    stock, ours = twins(num_layers=2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    for _ in range(4):  # TorchScript optimises on the way, and that must not change them
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


# lengths


@pytest.mark.parametrize("alteration", ["baseline", "C4", "H2", "c = c + h * o; h = c * h"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_every_row_of_a_padded_batch_is_as_if_alone(
    alteration: str, layers: int, bidirectional: bool, batch_first: bool
) -> None:
    lstm = LSTM(3, 4, layers, True, batch_first, 0.0, bidirectional, alteration=alteration).double()
    x = torch.randn(5, 5, 3, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        x[row, length:] = torch.nan  # whatever stands behind the end must not matter
    h, c = (tensor.detach() for tensor in states(5, layers * (1 + bidirectional), torch.float64))
    output, (h_n, c_n) = lstm(x if batch_first else x.transpose(0, 1), (h, c), LENGTHS)
    if not batch_first:
        output = output.transpose(0, 1)
    output.sum().backward()
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.all(output[row, length:] == 0)
        if length == 0:
            assert torch.equal(h_n[:, row], h[:, row])
            assert torch.equal(c_n[:, row], c[:, row])
            continue
        alone, (alone_h, alone_c) = lstm(x[row, :length], (h[:, row], c[:, row]))
        torch.testing.assert_close(output[row, :length], alone)
        torch.testing.assert_close(h_n[:, row], alone_h)
        torch.testing.assert_close(c_n[:, row], alone_c)
    assert all(parameter.grad.isfinite().all() for parameter in lstm.parameters())


@pytest.mark.parametrize("proj_size", [0, 2])
def test_lengths_give_what_torch_gives_for_the_packed_sequence(proj_size: int) -> None:
    stock, ours = twins(num_layers=2, bidirectional=True, proj_size=proj_size)
    x, lengths = torch.randn(5, 4, 3, dtype=torch.float64), torch.tensor([1, 5, 3, 5])
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    expected, expected_states = stock(packed)
    output, got_states = ours(x, lengths=lengths)
    torch.testing.assert_close(pack_padded_sequence(output, lengths, enforce_sorted=False).data, expected.data)
    torch.testing.assert_close(got_states, expected_states)


def counter(layers: int = 1) -> LSTM:
    """An LSTM whose c counts the steps at which its first input is above 2.5, and whose output is c.

    f and g are always 1, i is 1 or 0; the saturated sigmoid and tanh of float64 give these numbers exactly.
    """
    lstm = LSTM(1, 1, layers, bidirectional=True, alteration="h = c").double()
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            parameter.zero_()
            if name.startswith("bias_ih"):
                parameter.copy_(torch.tensor([-2.5e4, 1e4, 1e4, 0.0]))
            if name.startswith("weight_ih"):
                parameter[0, 0] = 1e4
    return lstm


def test_counting_steps_in_both_directions() -> None:
    x = torch.full((5, 5, 1), 3.0, dtype=torch.float64)
    output, (h_n, c_n) = counter()(x, lengths=LENGTHS)
    forward, reverse = output.unbind(2)
    assert forward.T.tolist() == [
        [1, 2, 3, 0, 0],
        [1, 2, 3, 4, 5],
        [0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 2, 3, 4, 5],
    ]
    assert reverse.T.tolist() == [
        [3, 2, 1, 0, 0],
        [5, 4, 3, 2, 1],
        [0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [5, 4, 3, 2, 1],
    ]
    assert h_n.squeeze(2).tolist() == c_n.squeeze(2).tolist() == [[3, 5, 0, 1, 5]] * 2


def test_counting_begins_at_the_initial_states() -> None:
    x = torch.full((5, 5, 1), 3.0, dtype=torch.float64)
    h_0 = torch.full((2, 5, 1), 7.0, dtype=torch.float64)
    c_0 = torch.tensor([10.0, 20.0], dtype=torch.float64).view(2, 1, 1).expand(2, 5, 1)
    output, (h_n, c_n) = counter()(x, (h_0, c_0), LENGTHS)
    assert output[:, 0].tolist() == [[11, 23], [12, 22], [13, 21], [0, 0], [0, 0]]
    assert c_n.squeeze(2).tolist() == [[13, 15, 10, 11, 15], [23, 25, 20, 21, 25]]
    assert h_n.squeeze(2).tolist() == [[13, 15, 7, 11, 15], [23, 25, 7, 21, 25]]


def test_counting_what_the_layer_below_counted() -> None:
    x = torch.full((5, 5, 1), 3.0, dtype=torch.float64)
    output, (_, c_n) = counter(layers=2)(x, lengths=LENGTHS)
    forward, reverse = output.unbind(2)
    # The layer below counts 1 2 3 4 5, so its third, fourth and fifth step are above 2.5.
    assert forward.T.tolist() == [
        [0, 0, 1, 0, 0],
        [0, 0, 1, 2, 3],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 1, 2, 3],
    ]
    assert reverse.T[:2].tolist() == [[1, 1, 1, 0, 0], [3, 3, 3, 2, 1]]
    assert c_n.squeeze(2).tolist() == [[3, 5, 0, 1, 5]] * 2 + [[1, 3, 0, 0, 3]] * 2


def test_a_batch_of_empty_rows_and_an_empty_batch() -> None:
    lstm = LSTM(3, 4, bidirectional=True)
    output, (h_n, _) = lstm(torch.randn(5, 2, 3), lengths=torch.zeros(2, dtype=torch.int64))
    assert torch.all(output == 0)
    assert torch.all(h_n == 0)
    output, (h_n, _) = lstm(torch.randn(5, 0, 3), lengths=torch.zeros(0, dtype=torch.int64))
    assert output.shape == (5, 0, 8)
    assert h_n.shape == (2, 0, 4)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([1, 6]), r"lengths must be from 0 to T = 5, not 1 to 6"),
        (torch.tensor([-1, 2]), r"lengths must be from 0 to T = 5, not -1 to 2"),
        (torch.tensor([1, 2, 3]), r"lengths must be int64 of shape \[2\], not torch.int64 of shape \[3\]"),
        (torch.tensor([[1, 2]]), r"lengths must be int64 of shape \[2\], not torch.int64 of shape \[1, 2\]"),
        (torch.tensor([1.0, 2.0]), r"lengths must be int64 of shape \[2\], not torch.float32"),
    ],
)
def test_lengths_that_do_not_fit(lengths: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSTM(3, 4)(torch.randn(5, 2, 3), lengths=lengths)


def test_lengths_where_they_have_no_place() -> None:
    with pytest.raises(ValueError, match="a PackedSequence brings its own lengths"):
        LSTM(3, 4)(pack_sequence([torch.randn(2, 3)]), lengths=torch.tensor([2]))
    with pytest.raises(ValueError, match="lengths are for batches"):
        LSTM(3, 4)(torch.randn(2, 3), lengths=torch.tensor([2]))


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
    [
        {"hidden_size": 0},
        {"num_layers": 0},
        {"dropout": 2.0},
        {"bias": 1},
        {"proj_size": 4},
    ],
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
    assert repr(LSTMCell(3, 4, alteration="c*relu(o)")) == "LSTMCell(3, 4, alteration=c = c * relu(o))"


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * self.scale, h


class ScaledInPython(Scaled):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return (lambda x: x * self.scale)(c), h


ALTERATIONS = ["C1", "c = c * relu(o); h = h * o", Scaled, ScaledInPython]


@pytest.mark.parametrize("cell", [LSTM, LSTMCell])
@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_is_equal_and_independent(cell: type[nn.Module], alteration: object, copied: object) -> None:
    original = cell(3, 4, alteration=alteration() if isinstance(alteration, type) else alteration)
    x = torch.randn(2, 3)
    original(x)
    twin = copied(original)  # type: ignore[operator]
    assert repr(twin) == repr(original)
    assert twin.path == original.path
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
        one.recurrence.step.alter.module.scale.fill_(3)
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


def test_flatten_parameters_and_moving_are_harmless() -> None:
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


@pytest.mark.parametrize("alteration", ["C4", "H2", "c = c + h * o; h = c * h"])
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
    ],
    ids=range(7),
)
def test_a_wrong_call_of_the_cell_fails_as_torchs(arguments: tuple[object, ...]) -> None:
    assert error_of(LSTMCell(3, 4), *arguments)[0] is error_of(nn.LSTMCell(3, 4), *arguments)[0]
