"""Learned coefficients as parameters of modules, beside torch's weights."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from cells import LSTM, LSTMCell
from cells.equations import CellError
from cells.stack import StackedLSTM
from models.bilstm import BiLSTMClassifier

SPEC = "C1; o = sigmoid(a_o + p * c); i = sigmoid(a_i + q_l0 * c_prev); learn p = 0.25; learn q_l0 = -1"
OF_LSTM = [f"{name}_l{k}{way}" for k in (0, 1) for way in ("", "_reverse") for name in ("p", "q_l0")]


def deep(alteration: str = SPEC, **options: object) -> LSTM:
    return LSTM(3, 4, 2, bidirectional=True, alteration=alteration, **options)


def of(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.named_parameters() if not name.startswith(("weight", "bias"))}


def trained(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-1, 1)
    return module


def is_cell(module: nn.Module) -> bool:
    return "lstmcell" in str(getattr(module, "original_name", type(module).__name__)).lower()  # also of a scripted one


def result(module: nn.Module, x: Tensor) -> Tensor:
    """The output for x [2, 3], of an LSTMCell from states that are not zero."""
    output, _ = module(x, (torch.ones(2, 4), torch.ones(2, 4))) if is_cell(module) else module(x)
    return output


def test_they_stand_behind_torchs_keys_with_their_initial_values() -> None:
    for module, names, stock in (
        (deep(), OF_LSTM, nn.LSTM(3, 4, 2, bidirectional=True)),
        (LSTMCell(3, 4, alteration=SPEC), ["p", "q_l0"], nn.LSTMCell(3, 4)),
    ):
        assert list(module.state_dict()) == [*stock.state_dict(), *names]
        for name, value in of(module).items():
            assert torch.equal(value, torch.full([4], 0.25 if name.startswith("p") else -1.0))
        assert sum(p.numel() for p in module.parameters()) - sum(p.numel() for p in stock.parameters()) == 4 * len(
            names
        )


def test_torchs_weights_start_as_without_them_and_reset_restores_the_initial_values() -> None:
    torch.manual_seed(5)
    stock = nn.LSTM(3, 4, 2, bidirectional=True)
    torch.manual_seed(5)
    lstm = deep()
    for name, value in stock.named_parameters():
        assert torch.equal(lstm.get_parameter(name), value)
    expected = {name: value.clone() for name, value in of(lstm).items()}
    trained(lstm).reset_parameters()
    assert all(torch.equal(value, expected[name]) for name, value in of(lstm).items())


def test_models_start_with_their_initial_values() -> None:
    net = BiLSTMClassifier(9, 3, 5, 4, 0.0, SPEC)
    assert torch.equal(net.lstm_1.p_l0_reverse, torch.full([4], 0.25))
    assert torch.equal(net.lstm_2.q_l0_l0, torch.full([4], -1.0))


@pytest.mark.parametrize("make", [deep, lambda: LSTMCell(3, 4, alteration=SPEC)])
def test_copies_and_loaded_modules_have_them(make) -> None:
    module, x = trained(make()), torch.randn(2, 3)
    twins = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), make(), copy.deepcopy(module).double().float()]
    twins[2].load_state_dict(module.state_dict())
    expected = result(module, x).detach()
    trained(module)
    for twin in twins:
        assert list(twin.state_dict()) == list(module.state_dict())
        assert torch.equal(result(twin, x), expected)
        result(twin, x).sum().backward()
        assert all(value.grad is not None and value.grad.any() for value in of(twin).values())


@pytest.mark.parametrize("make", [deep, lambda: LSTMCell(3, 4, alteration=SPEC)])
def test_they_learn_and_may_be_given_from_outside(make) -> None:
    module, x = make(), torch.randn(2, 3)
    arguments = (x, (torch.ones(2, 4), torch.ones(2, 4))) if is_cell(module) else (x,)
    before = result(module, x).detach()
    optimizer = torch.optim.SGD(module.parameters(), 0.5)
    result(module, x).sum().backward()
    optimizer.step()
    for name in of(module):  # each of them matters
        other = {key: value.detach().clone() for key, value in module.named_parameters()}
        now = functional_call(module, other, arguments)[0]
        other[name] += 1
        assert not torch.allclose(functional_call(module, other, arguments)[0], now), name
    assert not torch.allclose(result(module, x), before)


@pytest.mark.parametrize("make", [deep, lambda: LSTMCell(3, 4, alteration=SPEC)])
def test_a_scripted_module_shares_them(make) -> None:
    module = make()
    scripted = torch.jit.script(module)
    x = torch.randn(2, 3)
    trained(module)
    torch.testing.assert_close(result(scripted, x), result(module, x))
    result(scripted, x).sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in of(module).values())


def test_a_cell_called_step_by_step_is_the_lstm() -> None:
    lstm, cell = trained(LSTM(3, 4, alteration=SPEC)), LSTMCell(3, 4, alteration=SPEC)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    x = torch.randn(5, 2, 3)
    h = c = torch.zeros(2, 4)
    for t, expected in enumerate(lstm(x)[0]):
        h, c = cell(x[t], (h, c))
        torch.testing.assert_close(h, expected)


def test_a_stack_has_them_for_each_model() -> None:
    alone = [trained(LSTM(3, 4, batch_first=True, bidirectional=True, alteration=SPEC)) for _ in range(3)]
    stack = StackedLSTM(alone)
    assert list(stack.state_dict()) == list(alone[0].state_dict())
    assert torch.equal(stack.p_l0_reverse, torch.stack([lstm.p_l0_reverse for lstm in alone]))
    x = torch.randn(3, 2, 5, 3)
    torch.testing.assert_close(stack(x)[0], torch.stack([lstm(own)[0] for lstm, own in zip(alone, x, strict=True)]))


def test_data_type_and_device_are_those_of_the_weights() -> None:
    assert {value.dtype for value in of(deep(dtype=torch.float64)).values()} == {torch.float64}
    assert deep(device="meta")(torch.zeros(5, 2, 3, device="meta"))[0].shape == (5, 2, 8)


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (LSTMCell, "training", "learn training: LSTMCell has an attribute of this name, choose another one"),
        (LSTMCell, "recurrence", "LSTMCell has an attribute of this name"),
        (LSTMCell, "path", "LSTMCell has an attribute of this name"),
        (LSTM, "weight_ih", "learn weight_ih: the name weight_ih is taken"),
        (LSTM, "weight_ih2", "learn weight_ih2: the name weight_ih2 is taken"),
        (LSTM, "learned", "learn learned: the name learned is taken"),
    ],
)
def test_a_name_that_is_taken_is_refused(cls: type, name: str, message: str) -> None:
    with pytest.raises(CellError, match=message):
        cls(3, 4, alteration=f"o = {name}; learn {name} = 0")


def test_an_initial_value_is_as_bounded_as_the_numbers_of_a_formula() -> None:
    with pytest.raises(CellError, match=r"learn p = 1e\+39: give a number up to 1,000,000"):
        LSTM(3, 4, alteration="o = p * c; learn p = 1e39")


def test_any_other_name_of_the_target_language_is_allowed() -> None:
    names = ("self", "torch", "gates", "like", "noise1", "x")
    spec = f"hidden = h * ({' + '.join(names)})" + "".join(f"; learn {name} = 0.5" for name in names)
    lstm, plain = LSTM(3, 4, alteration=spec), LSTM(3, 4, alteration="hidden = h * 3")
    plain.load_state_dict({name: lstm.state_dict()[name] for name in plain.state_dict()})
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(lstm(x)[0], plain(x)[0])
    torch.testing.assert_close(torch.jit.script(lstm)(x)[0], plain(x)[0])
