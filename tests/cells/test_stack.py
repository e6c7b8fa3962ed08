"""K modules run as one compute what each computes alone: cells, parts of nets, whole nets, gradients."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from cells import LSTM, backend
from cells.alterations import NAMED
from cells.draws import Draws
from cells.obstacle import ObstacleKind
from cells.packed import StackedSequence, packed
from cells.stack import StackedLSTM
from models.bilstm import BiLSTMClassifier
from models.dropout import SpatialDropout, StackedSpatialDropout
from models.forecasters import ConvolutionLSTM, WindowLSTM
from models.tfidf import TfIdf
from models.transformer import Transformer
from training.stacks import nets

K, B, T, INPUTS, H = 3, 5, 7, 4, 6
LENGTHS = torch.tensor([[7, 3, 0, 5, 1], [0, 0, 0, 0, 0], [2, 2, 7, 7, 4]])


def lstms(alteration: str | None, bidirectional: bool, dtype: torch.dtype) -> list[LSTM]:
    torch.manual_seed(1)
    options = {"batch_first": True, "bidirectional": bidirectional, "alteration": alteration}
    return [LSTM(INPUTS, H, **options).to(dtype) for _ in range(K)]


def gradients(modules: Sequence[nn.Module], name: str) -> Tensor:
    return torch.stack([module.get_parameter(name).grad for module in modules])


@pytest.mark.slow
@pytest.mark.parametrize("alteration", [None, *NAMED, "c * relu(o) + 0.1 * tanh(h)"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("path", ["llvm", "torchscript"])
def test_a_stack_computes_what_each_lstm_computes(alteration: str | None, bidirectional: bool, path: str) -> None:
    alone = lstms(alteration, bidirectional, torch.float64)
    together = StackedLSTM(alone)
    x = torch.randn(K, B, T, INPUTS, dtype=torch.float64)
    inputs, own_inputs = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = torch.stack([lstm(own_inputs[k], None, LENGTHS[k])[0] for k, lstm in enumerate(alone)])
    with backend(path):
        assert together.path == path
        outputs, _ = together(inputs, None, LENGTHS)
    if path == "llvm":
        assert torch.equal(outputs, expected)  # by the same loops as each of them alone
    else:
        torch.testing.assert_close(outputs, expected, atol=1e-12, rtol=0)
    weights = torch.randn_like(expected)
    (outputs * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(inputs.grad, own_inputs.grad, atol=1e-11, rtol=0)
    for name, weight in together.named_parameters():
        torch.testing.assert_close(weight.grad, gradients(alone, name), atol=1e-11, rtol=0)


def test_torchscript_says_why_and_computes_the_same() -> None:
    alone = lstms("C1", True, torch.float32)
    together = StackedLSTM(alone).to(torch.bfloat16)
    assert together.path == "torchscript"
    kind, reason = together.obstacles["llvm"]
    assert kind is ObstacleKind.CALL
    assert reason.startswith("it is in torch.bfloat16")
    x = torch.randn(K, B, T, INPUTS)
    outputs, _ = together(x.bfloat16(), None, LENGTHS)
    expected = torch.stack([lstm(x[k], None, LENGTHS[k])[0] for k, lstm in enumerate(alone)])
    torch.testing.assert_close(outputs.float(), expected, atol=0.02, rtol=0)


def test_a_row_that_has_ended_does_not_overflow_on_torchscript() -> None:
    alone = [LSTM(1, 1, batch_first=True, alteration="c * 1000000").double() for _ in range(2)]
    together = StackedLSTM(alone)
    x = torch.ones(2, 1, 60, 1, dtype=torch.float64, requires_grad=True)
    with backend("torchscript"):
        together(x, None, torch.tensor([[2], [3]]))[0].sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_rows_behind_the_real_ones_change_nothing() -> None:
    layout = packed(LENGTHS, T)
    together = StackedLSTM(lstms("H2", True, torch.float64))
    rows = layout.pick(torch.randn(K, B, T, INPUTS, dtype=torch.float64))
    spoilt = rows.clone()
    for k, sizes in enumerate(layout.sizes):
        spoilt[k, sum(sizes) :] = float("nan")
    spoilt.requires_grad_()
    outputs = together(StackedSequence(spoilt, layout))[0].data
    torch.testing.assert_close(layout.pad(outputs), layout.pad(together(StackedSequence(rows, layout))[0].data))
    layout.pad(outputs).sum().backward()
    assert all((spoilt.grad[k, sum(sizes) :] == 0).all() for k, sizes in enumerate(layout.sizes))


def test_lstms_that_differ_cannot_be_stacked() -> None:
    with pytest.raises(ValueError, match="same sizes and the same alteration"):
        StackedLSTM([LSTM(3, 4, batch_first=True), LSTM(3, 4, batch_first=True, alteration="C1")])
    with pytest.raises(ValueError, match="one layer"):
        StackedLSTM([LSTM(3, 4, 2, batch_first=True)] * 2)


ONE = torch.ones(K, B, dtype=torch.int64)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (ONE * (T + 1), r"lengths must be from 0 to T = 7, not 8 to 8"),
        (ONE * -1, r"lengths must be from 0 to T = 7, not -1 to -1"),
        (ONE.double(), r"lengths must be int64 of shape \[3, 5\], not torch.float64 of shape \[3, 5\]"),
        (ONE[0], r"lengths must be int64 of shape \[3, 5\], not torch.int64 of shape \[5\]"),
        (ONE[:, 1:], r"lengths must be int64 of shape \[3, 5\], not torch.int64 of shape \[3, 4\]"),
    ],
)
def test_lengths_that_do_not_fit(lengths: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StackedLSTM(lstms("C1", False, torch.float32))(torch.randn(K, B, T, INPUTS), lengths=lengths)


@pytest.mark.parametrize("lengths", [ONE * (T + 1), ONE * -1, ONE.double()])
def test_lengths_that_cannot_be_packed(lengths: Tensor) -> None:
    with pytest.raises(ValueError, match="lengths must be"):
        packed(lengths, T)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "message"),
    [
        ((K, T, INPUTS), torch.float32, ValueError, "StackedLSTM: Expected input to be 4D, got 3D instead"),
        ((K - 1, B, T, INPUTS), torch.float32, ValueError, "StackedLSTM: Expected input of 3 models, got 2 instead"),
        ((K, B, 0, INPUTS), torch.float32, RuntimeError, "Expected sequence length to be larger than 0 in RNN"),
        ((K, B, T, 3), torch.float32, RuntimeError, "input.size(-1) must be equal to input_size. Expected 4, got 3"),
        (
            (K, B, T, INPUTS),
            torch.float64,
            ValueError,
            "RNN input dtype (torch.float64) does not match weight dtype (torch.float32)",
        ),
    ],
)
def test_an_input_that_does_not_fit(
    shape: tuple[int, ...], dtype: torch.dtype, kind: type[Exception], message: str
) -> None:
    together, x = StackedLSTM(lstms("C1", False, torch.float32)), torch.zeros(shape, dtype=dtype)
    with pytest.raises(kind) as caught:
        together(x)
    assert str(caught.value) == message
    if "RNN" in message or "input_size" in message:  # the others are a stack's own
        with pytest.raises(kind) as caught:
            LSTM(INPUTS, H, batch_first=True)(x[0])
        assert str(caught.value).startswith(message)  # some versions of torch add what to do


def test_a_stack_takes_neither_states_nor_lengths_twice() -> None:
    together, layout = StackedLSTM(lstms("C1", False, torch.float32)), packed(LENGTHS, T)
    rows = StackedSequence(torch.zeros(K, len(layout.places) // K, INPUTS), layout)
    with pytest.raises(ValueError, match="leave hx out"):
        together(torch.zeros(K, B, T, INPUTS), (torch.zeros(1), torch.zeros(1)))
    with pytest.raises(ValueError, match="a StackedSequence brings its own lengths"):
        together(rows, lengths=LENGTHS)
    with pytest.raises(RuntimeError, match="Expected 4, got 3"):
        together(rows._replace(data=rows.data[..., :3]))


def test_lengths_may_be_lists() -> None:
    together, x = StackedLSTM(lstms("C1", True, torch.float64)), torch.randn(K, B, T, INPUTS, dtype=torch.float64)
    assert torch.equal(together(x, lengths=LENGTHS.tolist())[0], together(x, lengths=LENGTHS)[0])


@pytest.mark.parametrize("lengths", [None, torch.zeros(K, 0, dtype=torch.int64), [[]] * K])
@pytest.mark.parametrize("path", ["llvm", "torchscript", "eager"])
def test_a_batch_may_be_empty(path: str, lengths: Tensor | list[list[int]] | None) -> None:
    alone = lstms("C1; zoneout = 0.2; recurrent_dropout = 0.4", True, torch.float64)
    together, x = StackedLSTM(alone), torch.zeros(K, 0, T, INPUTS, dtype=torch.float64, requires_grad=True)
    with backend(path):
        outputs, _ = together(x, None, lengths)
    assert outputs.shape == (K, *alone[0](x[0])[0].shape) == (K, 0, T, 2 * H)
    outputs.sum().backward()
    assert all((weight.grad == 0).all() for weight in together.parameters())


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[0], torch.zeros(3, dtype=torch.int64)])
def test_packed_rows_are_the_real_steps_longest_sample_first(lengths: Tensor) -> None:
    layout = packed(lengths, T)
    place = torch.arange(lengths.numel() * T).view(*lengths.shape, T)
    real = torch.arange(T) < lengths.unsqueeze(-1)
    assert torch.equal(layout.pad(layout.pick(place)), place * real)
    for k, of_model in enumerate(lengths.view(-1, lengths.size(-1)).tolist()):
        assert layout.sizes[k] == [sum(length > t for length in of_model) for t in range(max(of_model))]


def test_a_stack_drops_what_each_net_drops() -> None:
    together = StackedSpatialDropout([SpatialDropout(0.4)] * K)
    layout = packed(LENGTHS[[0, 2, 2]], T)
    x = torch.ones(K, len(layout.places) // K, 9)
    together.draws = Draws([torch.Generator().manual_seed(seed) for seed in (5, 6, 7)])
    for _ in range(2):  # the second batch goes on where the first one stopped
        got = together.rows(x, layout)
    for k, seed in enumerate((5, 6, 7)):
        own = packed(layout.lengths[k], T)
        torch.manual_seed(seed)
        for _ in range(2):
            expected = SpatialDropout(0.4).rows(torch.ones(len(own.places), 9), own)
        assert torch.equal(got[k, : len(expected)], expected)
    together.eval()
    assert together.rows(x, layout) is x


NOISY = "C1; zoneout = 0.2; recurrent_dropout = 0.4; mask m = 0.7; o = sigmoid(a_o + m * c_prev)"


@pytest.mark.parametrize("path", ["llvm", "torchscript"])
def test_each_model_of_a_stack_draws_the_noise_that_it_would_draw_alone(path: str) -> None:
    """Some rows and one model have no steps. The second of two calls goes on where the first one stopped."""
    alone = lstms(NOISY, True, torch.float64)
    together = StackedLSTM(alone)
    together.draws = Draws([torch.Generator().manual_seed(seed) for seed in (5, 6, 7)])
    x = torch.randn(K, B, T, INPUTS, dtype=torch.float64)
    with backend(path):
        got = [together(x, None, LENGTHS)[0] for _ in range(2)]
        in_evaluation = together.eval()(x, None, LENGTHS)[0]
    assert not torch.allclose(*got)
    for k, seed in enumerate((5, 6, 7)):
        torch.manual_seed(seed)
        for outputs in got:
            torch.testing.assert_close(outputs[k], alone[k](x[k], None, LENGTHS[k])[0], atol=1e-12, rtol=0)
        own = alone[k].eval()(x[k], None, LENGTHS[k])[0]
        torch.testing.assert_close(in_evaluation[k], own, atol=1e-12, rtol=0)


def text_nets() -> list[nn.Module]:
    torch.manual_seed(0)
    return [BiLSTMClassifier(words, 3, 5, 4, 0.0, "C1") for words in (9, 11, 10)]  # each fold has its own vocabulary


def market_nets(kind: str) -> list[nn.Module]:
    torch.manual_seed(0)
    return [WindowLSTM(INPUTS, H, "H1") if kind == "lstm" else ConvolutionLSTM(INPUTS, 3, 3, H, "H1") for _ in range(K)]


@pytest.mark.parametrize("kind", ["text", "lstm", "cnn_lstm"])
def test_a_stack_of_nets_has_each_nets_outputs_and_gradients(kind: str) -> None:
    alone = [net.double() for net in (text_nets() if kind == "text" else market_nets(kind))]
    together = nets.stack_nets(alone)
    if kind == "text":
        inputs: tuple[Tensor, ...] = (torch.randint(1, 9, (K, B, T)), LENGTHS)
    else:
        inputs = (torch.randn(K, B, T, INPUTS, dtype=torch.float64),)
    expected = torch.stack([net(*(value[k] for value in inputs)) for k, net in enumerate(alone)])
    outputs = together(*inputs)
    torch.testing.assert_close(outputs, expected, atol=1e-12, rtol=0)
    weights = torch.randn_like(expected)
    (outputs * weights).sum().backward()
    (expected * weights).sum().backward()
    for k, net in enumerate(alone):
        for name, weight in net.named_parameters():
            if weight.requires_grad:
                grad = together.get_parameter(name).grad
                torch.testing.assert_close(grad[k, : len(weight)], weight.grad, atol=1e-11, rtol=0)


def test_the_weights_of_one_net_come_back_as_they_were() -> None:
    alone = text_nets()
    together = nets.stack_nets(alone)
    for k, net in enumerate(alone):
        back = nets.weights_of(together.state_dict(), k, net)
        assert back.keys() == net.state_dict().keys()
        assert all(torch.equal(back[name], value) for name, value in net.state_dict().items())


def test_a_stack_trains_what_its_nets_train() -> None:
    alone, together = text_nets()[0], nets.stack_nets(text_nets())
    frozen = {name for name, weight in alone.named_parameters() if not weight.requires_grad}
    assert {name for name, weight in together.named_parameters() if not weight.requires_grad} == frozen != set()


def test_a_net_that_cannot_be_stacked_says_why() -> None:
    sizes = {"vocabulary": 9, "classes": 3, "max_length": 7}
    net = Transformer(**sizes, embedding=4, heads=2, feedforward=4, dropout=0.0, bilstm=False, hidden=4)
    assert "MultiheadAttention has no stacked form" in nets.obstacle(net)
    assert "not trained by gradient descent" in nets.obstacle(TfIdf(9, 3))
    assert not nets.obstacle(text_nets()[0])
