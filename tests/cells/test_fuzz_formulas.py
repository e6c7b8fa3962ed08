"""Formulas that nobody would write: each is a cell that can be named and derived, or refused in one short line."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from soak import examples
from within_limits import within_limits

import cells
from cells import LSTM
from cells.alterations import CURRENT, HIDDEN, NAMED, Alteration, resolve
from cells.declared import DECLARED, PROBABILITIES
from cells.equations import EQUATIONS, NAMES
from cells.errors import UserError
from cells.language.functions import KNOWN
from cells.language.parser import MAX_DEPTH

IN_AN_EXAMPLE = 100
"""Formulas, since each takes a tenth of what hypothesis does around an example."""

LONGEST_MESSAGE = 900

SIGNS = ["+", "-", "*", "/", "(", ")", ",", "**", "=", ";", " ", "\n", "\t", "'", '"', "[", "]", ".", "_", "%", "@"]
NUMBERS = [
    "0",
    "1",
    "2",
    "0.5",
    ".5",
    "1.",
    "1e-3",
    "1e999",
    "-1e999",
    "1e-320",
    "nan",
    "inf",
    "0x1F",
    "1_0",
    "9" * 5000,
]
STRANGE = [
    "\0",
    "\ud800",
    "\ufeff",
    "\u0441",
    "\u2212",
    "\u0663",
    "\xb2",
    "\u202e",
    "e",
    "lambda",
    "__import__",
    "a" * 99_999,
]
NASTY = [
    *(f"c**{number}" for number in NUMBERS),
    *("(" * 10_000, ")" * 10_000, "-" * 10_000, "sigmoid(" * 10_000, ";" * 10_000, "+" * 10_000, "=" * 10_000),
    "(" * MAX_DEPTH + "c" + ")" * MAX_DEPTH,
    "-".join("c" * 50),
    "/".join("c" * 50),
    "h = o * tanh(c); c = h",
    "learn p = 1e999",
    "noise z = nan",
    "zoneout = -0.1",
    "C1+",
    "+C1",
    "C1+C2",
    "C1; c * o",
]
WORDS = [*NAMES, *EQUATIONS, *KNOWN, *NAMED, *DECLARED.values(), *PROBABILITIES, "p", "z", "h_prev"]
VALID = [
    *CURRENT.values(),
    *HIDDEN.values(),
    "o = sigmoid(a_o + p * c); learn p = 0; zoneout = 0.1",
    "current = z * c + (1 - z) * c_prev**2; noise z = 0.9",
    "recurrent = m * tanh(h_prev); mask m = 0.8; recurrent_dropout = 0.25",
    "g = clamp(a_g, -1, 1); h = o * leaky_relu(c, 0.2)",
]


def strange(chance: random.Random) -> str:
    """A text that is nearly a formula, or a few words of the language in any order."""
    pieces = [WORDS] * 6 + [SIGNS] * 6 + [NUMBERS[:6]] * 2 + [NUMBERS, STRANGE, NASTY]
    if chance.random() < 0.3:
        return chance.choice(["", " "]).join(chance.choice(chance.choice(pieces)) for _ in range(chance.randint(0, 20)))
    text = chance.choice(VALID)
    for _ in range(chance.randint(0, 3)):
        at = chance.randint(0, len(text))
        end = min(len(text), at + chance.choice([0, 0, 1, 2, 5]))
        text = text[:at] + chance.choice(["", chance.choice(chance.choice(pieces))]) + text[end:]
    return text


def read_or_refused(text: str) -> Alteration | None:
    """The alteration that a text names; None if it was refused in one sentence."""
    made, message = None, ""
    try:
        made = within_limits(lambda: resolve(text))
    except UserError as error:
        message = str(error)
    assert len(message) <= LONGEST_MESSAGE, ascii(text[:500])
    assert made is None or isinstance(made, Alteration)
    return made


@examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_formulas(seed: int) -> None:
    chance, read = random.Random(seed), 0
    for _ in range(IN_AN_EXAMPLE):
        made = read_or_refused(strange(chance))
        if made is not None:
            read += 1
            assert resolve(made.name) == made
            if chance.random() < 0.1:
                made.cell.forward("current", "hidden")
                assert all(
                    name in NAMES or "d_" in name or name in dict(made.learned) for name in made.cell.backward.kept
                )
    assert 0 < read < IN_AN_EXAMPLE


@pytest.mark.parametrize("text", NASTY + STRANGE + NUMBERS, ids=lambda text: ascii(text[:20]))
def test_each_nasty_text_alone(text: str) -> None:
    for whole in (
        text,
        f"c * {text}",
        f"f = {text}",
        f"learn {text} = 1",
        f"learn p = {text}; c * p",
        f"zoneout = {text}",
    ):
        read_or_refused(whole)


@examples(2)
@given(seed=st.integers(0, 2**32 - 1))
def test_cells(seed: int) -> None:
    """Every cell that can be read runs in the backends, which agree wherever both have numbers."""
    chance = random.Random(seed)
    made = None
    while made is None:
        made = read_or_refused(strange(chance))
    torch.manual_seed(seed)
    lstm, x = LSTM(2, 3, alteration=made, dtype=torch.float64), torch.randn(4, 2, 2, dtype=torch.float64)
    answers = []
    for backend in (lstm.path, "torchscript"):
        torch.manual_seed(seed)
        with cells.backend(backend):
            answers.append(lstm(x)[0].detach())
    one, other = answers
    both = one.isfinite() & other.isfinite()
    torch.testing.assert_close(one[both], other[both], rtol=1e-6, atol=1e-9)
