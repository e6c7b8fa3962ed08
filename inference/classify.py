"""What a trained text classifier says of texts that it has not seen."""

import itertools
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch

from cells.errors import UserError
from datamodules.texts.fitted_tokenizer import FittedTokenizer, FittedWordTokenizer
from datamodules.texts.preprocess import PreprocessSettings
from inference.saved_run import Trained
from models.decision import decide, probabilities

SHOWN_CHARACTERS, SHOWN_CLASSES = 50, 3


class Answer(NamedTuple):
    """What is said of one text.

    Attributes:
        text: as it was given.
        predicted: the classes that predictions.csv would call predicted: none, one or several; with loss=softmax one.
        probabilities: of all classes, by name.
        known_words: those of the text that the net knows; without any, all texts are the same to it.
    """

    text: str
    predicted: list[str]
    probabilities: dict[str, float]
    known_words: int

    @property
    def ranking(self) -> list[str]:
        """The classes, the most probable first."""
        return sorted(self.probabilities, key=lambda name: -self.probabilities[name])


def _tokenizer(run: Trained) -> FittedTokenizer:
    """The tokenizer that the run's net was trained with."""
    config = run.config
    if "checkpoint" in config.model:
        from datamodules.texts.wordpieces import WordPieceTokenizer

        return WordPieceTokenizer(config.model.checkpoint)
    return FittedWordTokenizer(
        PreprocessSettings(**config.preprocess), run.data["vocabulary"], config.padding, run.data["sizes"]["max_length"]
    )


def classify(run: Trained, texts: Iterable[str]) -> Iterator[Answer]:
    """An answer to each text, a batch at a time.

    Raises:
        UserError: the net overflows on a text.
    """
    tokenizer, classes, loss = _tokenizer(run), run.data["classes"], run.config.loss
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, run.config.batch_size)):
        tokens, lengths, known = tokenizer.encode(batch)
        with torch.no_grad():
            logits = run.net(torch.from_numpy(tokens).long(), torch.from_numpy(lengths))
        odd = (~torch.isfinite(logits)).any(1).nonzero()
        if len(odd):
            raise UserError(
                f"{run.folder.path} gives no finite number for {batch[int(odd[0])]!r}: its cell overflows on texts as "
                "long as that; shorten it, or train another cell."
            )
        shares, predicted = probabilities(logits, loss).tolist(), decide(logits, loss).tolist()
        for text, share, chosen, words in zip(batch, shares, predicted, known.tolist(), strict=True):
            yield Answer(text, list(itertools.compress(classes, chosen)), dict(zip(classes, share, strict=True)), words)


def as_json(answer: Answer) -> str:
    """One line."""
    return json.dumps({**answer._asdict(), "most_probable": answer.ranking[0]}, allow_nan=False)


def as_table(answers: Sequence[Answer]) -> str:
    """A row for each text: its label, and its most probable classes."""
    rows = [("text", "predicted", "most probable")]
    for answer in answers:
        best = answer.ranking[:SHOWN_CLASSES]
        shares = ", ".join(f"{name} {answer.probabilities[name]:.3f}" for name in best)
        text = textwrap.shorten(answer.text, SHOWN_CHARACTERS, placeholder=" ...")
        rows.append((text + ("" if answer.known_words else " *"), ", ".join(answer.predicted) or "none", shares))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if any(not answer.known_words for answer in answers):
        lines.append("* no word left that the net knows: the probabilities are those of an empty text.")
    return "\n".join(lines)
