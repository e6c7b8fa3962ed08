"""Padded batches with lengths: values behind a row's end change nothing, in any direction and layer."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence

from cells import LSTM
from cells.packed import packed
from cells.stack import StackedLSTM

LENGTHS = torch.tensor([3, 5, 0, 1, 5])  # of a batch of 5 rows with 5 steps


@pytest.mark.parametrize("alteration", ["baseline", "C4", "H2", "current = c + h * o; hidden = c * h"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_every_row_of_a_padded_batch_is_computed_as_if_alone(
    alteration: str, layers: int, bidirectional: bool, batch_first: bool
) -> None:
    lstm = LSTM(3, 4, layers, True, batch_first, 0.0, bidirectional, alteration=alteration).double()
    x = torch.randn(5, 5, 3, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        x[row, length:] = torch.nan  # must change nothing
    h, c = torch.randn(2, layers * (1 + bidirectional), 5, 4, dtype=torch.float64)
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
    arguments = {"num_layers": 2, "bidirectional": True, "proj_size": proj_size, "dtype": torch.float64}
    stock, ours = nn.LSTM(3, 4, **arguments), LSTM(3, 4, **arguments)
    ours.load_state_dict(stock.state_dict())
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
    lstm = LSTM(1, 1, layers, bidirectional=True, alteration="hidden = c").double()
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


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 5, 5])])
def test_full_rows_are_not_copied(lengths: Tensor | None, monkeypatch: pytest.MonkeyPatch) -> None:
    lstm, x = LSTM(3, 4, bidirectional=True, alteration="C1"), torch.randn(5, 3, 3)
    expected = lstm(x)
    inputs, layers = [], LSTM._layers

    def noted(self: LSTM, rows: Tensor, *rest: Any) -> Any:
        inputs.append(rows.data_ptr())
        return layers(self, rows, *rest)

    monkeypatch.setattr(LSTM, "_layers", noted)
    output, states = lstm(x, lengths=lengths)
    assert inputs == [x.data_ptr()]
    assert torch.equal(output, expected[0])
    assert all(torch.equal(one, other) for one, other in zip(states, expected[1], strict=True))


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


def test_lengths_without_a_padded_batch() -> None:
    with pytest.raises(ValueError, match="a PackedSequence brings its own lengths"):
        LSTM(3, 4)(pack_sequence([torch.randn(2, 3)]), lengths=torch.tensor([2]))
    with pytest.raises(ValueError, match="lengths are for batches"):
        LSTM(3, 4)(torch.randn(2, 3), lengths=torch.tensor([2]))


def test_lengths_may_be_a_list() -> None:
    lstm, x = LSTM(3, 4, bidirectional=True), torch.randn(5, 5, 3)
    assert torch.equal(lstm(x, lengths=LENGTHS.tolist())[0], lstm(x, lengths=LENGTHS)[0])
    assert lstm(torch.randn(5, 0, 3), lengths=[])[0].shape == (5, 0, 8)
    for lengths in ([1.0, 2.0, 3.0, 4.0, 5.0], [True] * 5):
        with pytest.raises(ValueError, match=r"lengths must be int64 of shape \[5\]"):
            lstm(x, lengths=lengths)


def test_another_default_device_does_not_concern_the_lengths() -> None:
    """The indices are where the batch is: "meta" stands for a GPU."""
    lstm, x = LSTM(3, 4, bidirectional=True), torch.randn(5, 5, 3)
    stack, of_two = StackedLSTM([LSTM(3, 4, batch_first=True) for _ in range(2)]), torch.stack([LENGTHS, LENGTHS])
    both = torch.stack([x, x])
    expected = lstm(x, lengths=LENGTHS)[0], stack(both, lengths=of_two)[0]
    with torch.device("meta"):
        assert torch.equal(lstm(x, lengths=LENGTHS)[0], expected[0])
        assert torch.equal(lstm(x, lengths=LENGTHS.tolist())[0], expected[0])
        assert torch.equal(stack(both, lengths=of_two)[0], expected[1])
        assert stack(both)[0].shape == (2, 5, 5, 4)
        packed(LENGTHS, 5).sequence(torch.zeros(14, 3, device="cpu"))
