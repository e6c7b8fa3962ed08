"""The LSTM-CS paper's classifier, layer by layer and beside Table 14."""

import pytest
import torch
from torch import Tensor

from cells import LSTM
from cells.alterations import CURRENT, HIDDEN
from cells.packed import packed
from conf.compose import composed
from models.bilstm import BiLSTMClassifier
from training.run.net import make_net


def small(alteration: str | None = None, dropout: float = 0.0) -> BiLSTMClassifier:
    torch.manual_seed(0)
    return BiLSTMClassifier(vocabulary=20, classes=3, embedding=5, hidden=4, dropout=dropout, alteration=alteration)


TOKENS = torch.tensor([[3, 7, 1, 12], [5, 2, 0, 0], [0, 0, 0, 0]])
LENGTHS = torch.tensor([4, 2, 0])


@pytest.mark.slow
@pytest.mark.parametrize("alteration", [None, *CURRENT, *HIDDEN])
def test_padding_does_not_change_a_documents_logits(alteration: str | None) -> None:
    net = small(alteration)
    together = net(TOKENS, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            alone = net(TOKENS[row : row + 1, :length], LENGTHS[row : row + 1])
            torch.testing.assert_close(alone[0], together[row])


def test_the_content_of_the_padding_does_not_matter() -> None:
    net = small("C1")
    filled = TOKENS.where(TOKENS > 0, torch.tensor(9))
    torch.testing.assert_close(net(filled, LENGTHS), net(TOKENS, LENGTHS))


def test_a_document_without_words_gets_the_bias_and_finite_gradients() -> None:
    net = small()
    with torch.no_grad():
        net.dense.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    logits = net(TOKENS, LENGTHS)
    torch.testing.assert_close(logits[2], torch.tensor([1.0, 2.0, 3.0]))
    logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_logits_by_hand_from_torchs_own_layers() -> None:
    net = small()
    x = net.embedding(TOKENS[:1])
    for lstm in (net.lstm_1, net.lstm_2):
        stock = torch.nn.LSTM(lstm.input_size, lstm.hidden_size, batch_first=True, bidirectional=True)
        stock.load_state_dict(lstm.state_dict())
        x, _ = stock(x)
    pooled = torch.cat([x.max(1).values, x.mean(1)], 1)
    torch.testing.assert_close(net(TOKENS[:1], LENGTHS[:1]), net.dense(pooled))


@pytest.mark.parametrize("alteration", [*CURRENT, *HIDDEN])
def test_every_alteration_reaches_the_logits(alteration: str) -> None:
    assert not torch.allclose(small(alteration)(TOKENS, LENGTHS), small()(TOKENS, LENGTHS))


def test_spatial_dropout_drops_whole_features_and_only_in_training() -> None:
    net = small(dropout=0.5)
    seen: list[Tensor] = []
    net.lstm_1.register_forward_pre_hook(lambda _, args: seen.append(args[0].data))
    net(TOKENS, LENGTHS)
    layout = packed(LENGTHS, TOKENS.size(1))
    dropped = seen[0] == 0
    assert dropped.any()
    for row in layout.owners.unique():
        of_row = dropped[layout.owners == row]
        assert torch.equal(of_row, of_row[:1].expand_as(of_row))
    net.eval()
    torch.testing.assert_close(net(TOKENS, LENGTHS), net(TOKENS, LENGTHS))
    assert not (seen[-1] == 0).any()


def test_weights_start_as_keras_starts_them() -> None:
    torch.manual_seed(0)
    lstm = BiLSTMClassifier(vocabulary=500, classes=3, embedding=40, hidden=32, dropout=0.0).lstm_1
    limit = (6 / (40 + 4 * 32)) ** 0.5  # Glorot, with the four gates as one kernel
    kernel = lstm.weight_ih_l0_reverse.detach()
    assert 0.98 * limit < kernel.abs().max() <= limit
    recurrent = lstm.weight_hh_l0.detach()
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(32), atol=1e-5, rtol=0)
    bias = lstm.bias_ih_l0.detach().view(4, 32)  # i f g o
    assert bias.tolist() == [[0.0] * 32, [1.0] * 32, [0.0] * 32, [0.0] * 32]
    assert not lstm.bias_hh_l0.any()
    assert not lstm.bias_hh_l0.requires_grad


def test_trainable_parameters_are_those_of_the_keras_model() -> None:
    config = composed("model=bilstm")
    vocabulary, classes, e, h = 7837, 11, config.model.embedding, config.model.hidden  # CROWD, fold 0
    net = make_net(config, {"vocabulary": vocabulary, "classes": classes})
    keras = (vocabulary + 1) * e + 2 * 4 * h * (e + h + 1) + 2 * 4 * h * (2 * h + h + 1) + (4 * h + 1) * classes
    trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert trainable == keras
    assert abs(trainable / 940_596 - 1) < 0.01  # Table 14: LSTM-CS on CROWD


def test_the_scripted_net_gives_the_same_logits() -> None:
    net = small("C4+H2").eval()
    scripted = torch.jit.script(net)
    torch.testing.assert_close(scripted(TOKENS, LENGTHS), net(TOKENS, LENGTHS))


def test_both_layers_carry_the_alteration() -> None:
    layers = [module for module in small("H3").modules() if isinstance(module, LSTM)]
    assert len(layers) == 2
    assert all("H3" in repr(layer) for layer in layers)
