"""The states and gates of every step, by each backend."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from cells import LSTM, backend
from cells.backends import BACKENDS, observed
from cells.llvm.backend import LLVM
from cells.observe import observe, saturation
from cells.torchscript.backend import TorchScript

LENGTHS = torch.tensor([2, 5, 0])
NAMES = [candidate.name for candidate in BACKENDS if "triton" not in candidate.name]  # see triton_cases.py


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


def test_all_backends_show_the_same_states() -> None:
    lstm = LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True, alteration="C4+H2")
    x = torch.randn(3, 5, 3)
    shown = []
    for name in NAMES:
        with backend(name):
            shown.append(observe(lstm, x, LENGTHS))
    for entries in shown[1:]:
        for one, other in zip(entries, shown[0], strict=True):
            assert one.keys() == other.keys()
            for gate in "chifgo":
                torch.testing.assert_close(one[gate], other[gate], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("cls", "other"), [(LLVM, TorchScript), (TorchScript, LLVM)])
def test_the_backend_that_runs_shows_the_states(cls: type, other: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other, "layer", lambda *_: pytest.fail(f"{other.name} runs"))
    lstm, x = LSTM(3, 4, 2, alteration="C1"), torch.randn(5, 2, 3)
    with backend(cls.name):
        assert len(observe(lstm, x)) == 2


def test_a_batch_without_any_step() -> None:
    (seen,) = observe(LSTM(3, 4), torch.randn(5, 2, 3), torch.zeros(2, dtype=torch.int64))
    assert {name: values.shape for name, values in seen.items()} == dict.fromkeys("chifgo", (0, 4))


def test_packed_input() -> None:
    lstm = LSTM(3, 4, bidirectional=True)
    x, lengths = torch.randn(5, 2, 3), torch.tensor([5, 2])
    for packed, padded in zip(observe(lstm, pack_padded_sequence(x, lengths)), observe(lstm, x, lengths), strict=True):
        assert all(torch.equal(packed[name], padded[name]) for name in "chifgo")


@pytest.mark.parametrize("name", NAMES)
def test_observing_leaves_the_module_as_it_was(name: str) -> None:
    lstm = LSTM(3, 4, alteration="C1")
    x = torch.randn(5, 2, 3)
    with backend(name):
        before, keys, alter = lstm(x)[0], list(lstm.state_dict()), lstm.recurrence.step.cell
        assert all(not values.requires_grad for values in observe(lstm, x)[0].values())
        with pytest.raises(RuntimeError, match=r"input\.size"):
            observe(lstm, torch.randn(5, 2, 9))
        assert lstm.recurrence.step.cell is alter
        assert list(lstm.state_dict()) == keys
        assert torch.equal(lstm(x)[0], before)
    assert lstm.path == "llvm"


class Narrow(nn.Module):
    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c[:, :1], h


def test_an_error_inside_a_step_leaves_the_module_as_it_was() -> None:
    lstm = LSTM(3, 4, alteration=Narrow())
    alter = lstm.recurrence.step.cell
    with pytest.raises(Exception, match="an alteration must return c and h in the shape it got them"):
        observe(lstm, torch.randn(5, 2, 3))
    assert lstm.recurrence.step.cell is alter


def test_only_what_runs_inside_the_with_statement_is_seen() -> None:
    lstm, x = LSTM(3, 4), torch.randn(5, 2, 3)
    with observed() as seen:
        lstm(x)
        with observed() as inner:
            lstm(x)
        assert (len(seen), len(inner)) == (1, 1)
    lstm(x)
    assert (len(seen), len(inner)) == (1, 1)


def test_saturation() -> None:
    values = torch.tensor([0.01, 0.04, 0.5, 0.96])
    assert saturation("f", values) == 0.75
    assert saturation("g", values) == 0.25
    assert saturation("g", -values) == 0.25
    assert math.isnan(saturation("o", torch.empty(0)))
