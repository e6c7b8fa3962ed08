"""The LSTM-CS paper's SIMPLE, by hand and beside Table 14."""

import io

import pytest
import torch

from cells import LSTM
from cells.alterations import CURRENT, HIDDEN
from conf.compose import composed
from models.transformer import Transformer
from training.run.net import make_net

SIZES = {"vocabulary": 20, "classes": 3, "max_length": 5, "embedding": 8, "heads": 2, "feedforward": 6, "hidden": 4}
TOKENS = torch.tensor([[3, 7, 1, 12], [5, 2, 0, 0], [0, 0, 0, 0]])
LENGTHS = torch.tensor([4, 2, 0])

both = pytest.mark.parametrize("bilstm", [True, False])


def small(bilstm: bool = True, alteration: str | None = None, dropout: float = 0.0) -> Transformer:
    torch.manual_seed(0)
    return Transformer(**SIZES, dropout=dropout, bilstm=bilstm, alteration=alteration)


@both
def test_logits_by_hand(bilstm: bool) -> None:
    net = small(bilstm)
    x = net.embedding(TOKENS[:1]) + net.position.weight[:4]
    block = net.block
    weights, bias = block.self_attn.in_proj_weight, block.self_attn.in_proj_bias
    projected = x @ weights.T + bias
    q, k, v = (part.view(4, 2, 4).transpose(0, 1) for part in projected.chunk(3, dim=2))
    heads = (q @ k.transpose(1, 2) / 4**0.5).softmax(2) @ v
    x = block.norm1(x + block.self_attn.out_proj(heads.transpose(0, 1).reshape(1, 4, 8)))
    x = block.norm2(x + block.linear2(block.linear1(x).relu()))
    if net.lstm is not None:
        stock = torch.nn.LSTM(8, 4, batch_first=True, bidirectional=True)
        stock.load_state_dict(net.lstm.state_dict())
        x, _ = stock(x)
    pooled = torch.cat([x.max(1).values, x.mean(1)], 1)
    torch.testing.assert_close(net(TOKENS[:1], LENGTHS[:1]), net.dense(pooled))


@both
@pytest.mark.parametrize("training", [True, False])
def test_neither_padding_nor_the_other_documents_change_a_documents_logits(bilstm: bool, training: bool) -> None:
    net = small(bilstm).train(training)
    with torch.set_grad_enabled(training):  # without gradients torch computes attention in another way
        together = net(TOKENS, LENGTHS)
        filled = TOKENS.where(TOKENS > 0, torch.tensor(9))
        torch.testing.assert_close(net(filled, LENGTHS), together)
        for row, length in enumerate([4, 2]):
            alone = net(TOKENS[row : row + 1, :length], LENGTHS[row : row + 1])
            torch.testing.assert_close(alone[0], together[row])


@both
@pytest.mark.parametrize("training", [True, False])
def test_a_document_without_words_gets_the_bias_and_finite_gradients(bilstm: bool, training: bool) -> None:
    net = small(bilstm, dropout=0.5).train(training)
    with torch.no_grad():
        net.dense.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
        torch.testing.assert_close(net(TOKENS, LENGTHS)[2], torch.tensor([1.0, 2.0, 3.0]))
    net(TOKENS, LENGTHS).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@both
def test_the_order_of_the_words_matters(bilstm: bool) -> None:
    net = small(bilstm)
    assert not torch.allclose(net(TOKENS[:1], LENGTHS[:1]), net(TOKENS[:1].flip(1), LENGTHS[:1]))


@both
def test_the_beginning_of_a_longer_document_is_read(bilstm: bool) -> None:
    net = small(bilstm)
    longer = torch.tensor([[3, 7, 1, 12, 4, 9, 9], [5, 2, 0, 0, 0, 0, 0]])
    cut = net(longer[:, :5], torch.tensor([5, 2]))
    torch.testing.assert_close(net(longer, torch.tensor([7, 2])), cut)


@pytest.mark.parametrize("alteration", [*CURRENT, *HIDDEN])
def test_every_alteration_reaches_the_logits(alteration: str) -> None:
    assert not torch.allclose(small(alteration=alteration)(TOKENS, LENGTHS), small()(TOKENS, LENGTHS))


def test_nets_differ_in_nothing_but_the_cell() -> None:
    """Tables 12 and 15: SIMPLE with and without a state modification."""
    baseline, altered = small(), small(alteration="C1")
    torch.testing.assert_close(altered.state_dict(), baseline.state_dict())
    assert [repr(module) for module in altered.modules() if isinstance(module, LSTM)] == [
        "LSTM(8, 4, batch_first=True, bidirectional=True, alteration=C1)"
    ]


def test_trainable_parameters_come_near_table_14() -> None:
    crowd = {"vocabulary": 7837, "classes": 11, "max_length": 23}  # fold 0
    net = make_net(composed("model=transformer"), crowd)
    trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert trainable == 1_190_987
    assert abs(trainable / 1_194_987 - 1) < 0.01


def test_attention_starts_as_dense_layers_do() -> None:
    net = Transformer(20, 3, 5, 64, 4, 32, 0.1, bilstm=False, hidden=4)
    limit = (6 / (64 + 64)) ** 0.5  # Glorot, each kernel on its own
    for kernel in net.block.self_attn.in_proj_weight.detach().chunk(3):
        assert 0.98 * limit < kernel.abs().max() <= limit
    assert not net.block.self_attn.in_proj_bias.any()


@both
def test_the_scripted_net_gives_the_same_logits(bilstm: bool) -> None:
    net = small(bilstm, "C4+H2" if bilstm else None).eval()
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(net), file)
    file.seek(0)
    loaded = torch.jit.load(file)
    with torch.no_grad():
        torch.testing.assert_close(loaded(TOKENS, LENGTHS), net(TOKENS, LENGTHS))


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ({"embedding": 9}, "embedding=9 is not a multiple of heads=2: choose model.heads that divides it"),
        ({"heads": 0}, "heads=0"),
        ({"feedforward": 0}, "feedforward must be at least 1"),
        ({"dropout": 1.0}, "probability below 1"),
        ({"bilstm": False, "alteration": "C1"}, "bilstm=false"),
    ],
)
def test_sizes_out_of_range_are_refused(size: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Transformer(**{**SIZES, "dropout": 0.0, "bilstm": True, **size})
