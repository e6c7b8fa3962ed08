"""Noise: drawn by torch's generator in training, its mean in evaluation, the same however a batch is given."""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from cells import LSTM, LSTMCell, backend
from cells.equations import CellError

ZONEOUT, DROPOUT = "C1; zoneout = 0.3", "recurrent_dropout = 0.4"
SPECS = [ZONEOUT, DROPOUT, "current = z * c * m; noise z = 0.8; mask m = 0.5"]
LENGTHS = torch.tensor([2, 5, 0, 4])


def seeded(lstm: LSTM, *arguments: object, seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    output, _ = lstm(*arguments)
    return output if isinstance(output, Tensor) else output.data


@pytest.mark.parametrize("spec", SPECS)
def test_the_seed_decides(spec: str) -> None:
    lstm, x = LSTM(3, 4, 2, bidirectional=True, alteration=spec), torch.randn(5, 4, 3)
    assert torch.equal(seeded(lstm, x), seeded(lstm, x))
    assert not torch.allclose(seeded(lstm, x), seeded(lstm, x, seed=2))
    lstm.eval()
    before = torch.get_rng_state()
    assert torch.equal(lstm(x)[0], lstm(x)[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spec", SPECS)
def test_every_backend_has_the_same(spec: str) -> None:
    lstm, x = LSTM(3, 4, 2, bidirectional=True, alteration=spec), torch.randn(5, 4, 3)
    outputs = []
    for name in ("llvm", "torchscript"):
        with backend(name):
            outputs.append(seeded(lstm, x, None, LENGTHS))
    torch.testing.assert_close(*outputs)


@pytest.mark.parametrize("spec", SPECS)
def test_padded_and_packed_batches_draw_the_same(spec: str) -> None:
    lstm, x = LSTM(3, 4, bidirectional=True, alteration=spec), torch.randn(5, 4, 3)
    some = LENGTHS > 0
    packed = pack_padded_sequence(x[:, some], LENGTHS[some], enforce_sorted=False)
    padded = seeded(lstm, x, None, LENGTHS)
    again = pack_padded_sequence(padded[:, some], LENGTHS[some], enforce_sorted=False).data
    torch.testing.assert_close(again, seeded(lstm, packed))


def test_in_evaluation_the_mean_takes_the_place_of_noise() -> None:
    x = torch.randn(5, 4, 3)
    for spec, mean in (
        (ZONEOUT, "current = 0.3 * c_prev + 0.7 * c * o; hidden = 0.3 * h_prev + 0.7 * h"),
        (DROPOUT, "baseline"),
        (SPECS[2], "current = 0.8 * c * 0.5"),
    ):
        lstm, expected = LSTM(3, 4, alteration=spec).eval(), LSTM(3, 4, alteration=mean)
        expected.load_state_dict(lstm.state_dict())
        torch.testing.assert_close(lstm(x)[0], expected(x)[0])


def test_zoneout_keeps_previous_states_as_often_as_it_says() -> None:
    lstm = LSTM(2, 200, alteration="zoneout = 0.3")
    h = torch.randn(1, 50, 200)
    output, (_, c_n) = lstm(torch.randn(1, 50, 2), (h, h + 1))
    for state, before in ((output, h), (c_n, h + 1)):
        kept = state == before
        assert abs(float(kept.float().mean()) - 0.3) < 0.02
    assert 0.06 < float(((output == h) & (c_n == h + 1)).float().mean()) < 0.12  # of both states by itself


def test_recurrent_dropout_hides_the_same_units_at_all_steps_of_a_row() -> None:
    """Only h_prev reaches the gates, each unit its own, so a unit's output never changes where it is hidden."""
    lstm = LSTM(1, 30, alteration="o = a_o; hidden = 1 + o; recurrent_dropout = 0.4")
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            parameter.zero_()
            if name.startswith("weight_hh"):
                parameter[90:] = torch.eye(30)
    output = lstm(torch.zeros(6, 7, 1))[0]
    hidden = (output == 1).all(0)
    scale = 1 / 0.6
    shown = torch.tensor([sum(scale**k for k in range(t + 1)) for t in range(6)])
    assert torch.allclose(output[:, ~hidden], shown.unsqueeze(1))
    assert 0.3 < float(hidden.float().mean()) < 0.5
    assert not torch.equal(hidden[0], hidden[1])


def test_gradients_flow_where_noise_lets_them() -> None:
    lstm = LSTM(2, 20, alteration="zoneout = 0.5")
    h = torch.zeros(1, 3, 20, requires_grad=True)
    c = torch.zeros(1, 3, 20, requires_grad=True)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
    _, (h_n, _) = lstm(torch.ones(1, 3, 2), (h, c))
    (d_h,) = torch.autograd.grad(h_n.sum(), h)
    assert set(d_h.unique().tolist()) == {0.0, 1.0}


def test_a_single_step_draws_noise_and_has_no_mask() -> None:
    cell, x = LSTMCell(3, 4, alteration="zoneout = 0.5"), torch.randn(6, 3)
    torch.manual_seed(1)
    one = cell(x)
    torch.manual_seed(1)
    assert torch.equal(cell(x)[0], one[0])
    assert not torch.equal(cell(x)[0], one[0])
    assert torch.equal(cell.eval()(x)[0], cell(x)[0])
    with pytest.raises(CellError, match=r"has a mask that stays the same over a sequence: .* use LSTM"):
        LSTMCell(3, 4, alteration="recurrent_dropout = 0.5")


@pytest.mark.parametrize(
    "spec", ["zoneout = 0.5", "recurrent_dropout = 0.5", "o = h_prev", "recurrent = p; learn p = 1"]
)
def test_with_a_projection_no_equation_reads_h_prev(spec: str) -> None:
    with pytest.raises(CellError, match=r"read h_prev, which has fewer units than h: leave proj_size out"):
        LSTM(3, 4, proj_size=2, alteration=spec)


def test_a_projection_allows_every_other_equation() -> None:
    lstm = LSTM(3, 4, proj_size=2, alteration="NOG; f = 1 - i; hidden = h * p + z; learn p = 2; noise z = 0.5")
    assert lstm(torch.randn(5, 2, 3))[0].shape == (5, 2, 2)
