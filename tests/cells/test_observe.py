"""Looking inside the cells."""

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from cells import LSTM
from cells.observe import _by_reference, observe, saturation

LENGTHS = torch.tensor([2, 5, 0])


def test_a_full_batch_shows_the_states_that_are_handed_on() -> None:
    lstm = LSTM(3, 4, alteration="C1+H2")
    x = torch.randn(5, 2, 3)
    output, (_, c_n) = lstm(x)
    (seen,) = observe(lstm, x)
    assert {name: values.shape for name, values in seen.items()} == dict.fromkeys("chifgo", (10, 4))
    torch.testing.assert_close(seen["h"].view(5, 2, 4), output)
    torch.testing.assert_close(seen["c"][-2:], c_n[0])


def test_gates_are_shown_after_their_nonlinearity() -> None:
    lstm = LSTM(3, 4)
    x = torch.randn(1, 2, 3)
    (seen,) = observe(lstm, x)
    i, f, g, o = (x[0] @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4, 1)
    for name, value in {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}.items():
        torch.testing.assert_close(seen[name], value)
    torch.testing.assert_close(seen["c"], i.sigmoid() * g.tanh())


def test_one_entry_per_layer_and_direction_with_real_steps_only() -> None:
    lstm = LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True, alteration="H1")
    x = torch.randn(3, 5, 3)
    output, (h_n, _) = lstm(x, lengths=LENGTHS)
    seen = observe(lstm, x, LENGTHS)
    assert [entry["h"].shape for entry in seen] == [(7, 4)] * 4
    real = output[LENGTHS[:, None] > torch.arange(5)]
    for direction, values in enumerate(real.split(4, 1)):  # the last layer's h is the output
        torch.testing.assert_close(seen[2 + direction]["h"].sort(0).values, values.sort(0).values)
    torch.testing.assert_close(seen[1]["h"][:2], h_n[1, [1, 0]])  # a reverse direction ends at the first step


def test_the_compiled_loops_show_what_the_reference_shows() -> None:
    lstm = LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True, alteration="C4+H2")
    x = torch.randn(3, 5, 3)
    assert lstm.path.startswith("fast")
    for fast, reference in zip(observe(lstm, x, LENGTHS), _by_reference(lstm, x, LENGTHS), strict=True):
        assert fast.keys() == reference.keys()
        for name in "chifgo":
            torch.testing.assert_close(fast[name], reference[name], atol=1e-6, rtol=0)


def test_packed_input() -> None:
    lstm = LSTM(3, 4, bidirectional=True)
    x, lengths = torch.randn(5, 2, 3), torch.tensor([5, 2])
    for packed, padded in zip(observe(lstm, pack_padded_sequence(x, lengths)), observe(lstm, x, lengths), strict=True):
        assert all(torch.equal(packed[name], padded[name]) for name in "chifgo")


def test_observing_leaves_the_module_as_it_was() -> None:
    lstm = LSTM(3, 4, alteration="C1")
    x = torch.randn(5, 2, 3)
    before, names = lstm(x)[0], list(lstm.state_dict())
    assert all(not values.requires_grad for values in observe(lstm, x)[0].values())
    with pytest.raises(RuntimeError, match=r"input\.size"):
        observe(lstm, torch.randn(5, 2, 9))
    assert lstm.path == "fast (compiled loops)"
    assert list(lstm.state_dict()) == names
    assert torch.equal(lstm(x)[0], before)


def test_saturation() -> None:
    values = torch.tensor([0.01, 0.04, 0.5, 0.96])
    assert saturation("f", values) == 0.75
    assert saturation("g", values) == 0.25
    assert saturation("g", -values) == 0.25
    assert math.isnan(saturation("o", torch.empty(0)))
