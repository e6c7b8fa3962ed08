"""A finished run that labels texts which it has not seen."""

import itertools
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError
from conf.kinds import encoder_of
from conf.mistakes import printable
from datamodules.texts.fitted_tokenizer import FittedTokenizer, FittedWordTokenizer
from datamodules.texts.preprocess import PreprocessSettings, lookup_tables
from inference import texts
from inference.saved_run import Request, SavedRun
from models.decision import THRESHOLD, decide, probabilities

SHOWN_CHARACTERS, SHOWN_CLASSES = 50, 3
"""Characters of a text and most probable classes, in a row of the table."""


class Answer(NamedTuple):
    """The answer to one text.

    Attributes:
        text: as it was given.
        predicted: the predicted classes, as in predictions.csv: none, one or several; with loss=softmax one.
        probabilities: of all classes, by name.
        known_words: number of words in the text that the net knows; without any, all texts are the same to it.
    """

    text: str
    predicted: list[str]
    probabilities: dict[str, float]
    known_words: int

    @property
    def ranking(self) -> list[str]:
        """The classes, the most probable first."""
        return sorted(self.probabilities, key=lambda name: -self.probabilities[name])

    @property
    def as_json(self) -> str:
        """The answer as one line of JSON."""
        return json.dumps({**self._asdict(), "most_probable": self.ranking[0]}, allow_nan=False)


@dataclass(frozen=True)
class SavedClassifier(SavedRun):
    """A finished run on texts; see `SavedRun`."""

    data_module = "TextDataModule"

    @staticmethod
    def needed(config: DictConfig) -> set[str]:
        """See `SavedRun`; a pre-trained encoder has its own vocabulary."""
        return {"sizes", "classes"} if encoder_of(config) else {"sizes", "classes", "vocabulary"}

    def answer(self, request: Request) -> Iterator[str]:
        """A line of JSON for each text, or one table of all."""
        if request.data_dir or request.end:
            raise UserError(f"--data-dir and --end are for runs with features=; {self.folder.path} labels texts.")
        answers = self.classify(texts.read(request.texts, request.file))
        if request.json:
            yield from (answer.as_json for answer in answers)
        else:
            yield as_table(list(answers))

    def classify(self, texts: Iterable[str]) -> Iterator[Answer]:
        """An answer to each text, computed in batches.

        Raises:
            UserError: the net overflows on a text.
        """
        tokenizer, classes, loss = self._tokenizer(), self.data["classes"], self.config.loss
        remaining = iter(texts)
        while batch := list(itertools.islice(remaining, self.config.batch_size)):
            tokens, lengths, known = tokenizer.encode(batch)
            with torch.no_grad():
                logits = self.net(torch.from_numpy(tokens).long(), torch.from_numpy(lengths))
            odd = (~torch.isfinite(logits)).any(1).nonzero()
            if len(odd):
                raise UserError(
                    f"{self.folder.path} gives no finite number for {batch[int(odd[0])]!r}: its cell overflows on "
                    "texts as long as that; shorten it, or train another cell."
                )
            shares, predicted = probabilities(logits, loss).tolist(), decide(logits, loss).tolist()
            for text, share, chosen, words in zip(batch, shares, predicted, known.tolist(), strict=True):
                labels = list(itertools.compress(classes, chosen))
                yield Answer(text, labels, dict(zip(classes, share, strict=True)), words)

    def _tokenizer(self) -> FittedTokenizer:
        """The tokenizer that the run's net was trained with."""
        encoder = encoder_of(self.config)
        if encoder is not None:
            from datamodules.texts.wordpieces import WordPieceTokenizer

            return WordPieceTokenizer(encoder)
        settings = PreprocessSettings(**self.config.preprocess)
        return FittedWordTokenizer(
            settings, self.data["vocabulary"], self.config.padding, self.data["sizes"]["max_length"]
        )

    def check_export(self, onnx: bool) -> None:
        """See `SavedRun`; no format takes a pre-trained encoder."""
        if encoder_of(self.config) is not None:
            name = self.config.model.name
            raise UserError(f"model={name} cannot be written as one file: its encoder is code of transformers.")

    @property
    def facts(self) -> dict[str, Any]:
        """See `SavedRun`."""
        config = self.config
        return {
            **self.data,
            "loss": config.loss,
            "threshold": THRESHOLD if config.loss == "sigmoid" else None,
            "padding": config.padding,
            "preprocess": OmegaConf.to_container(config.preprocess),
            "tables": lookup_tables(PreprocessSettings(**config.preprocess)),
        }


def as_table(answers: Sequence[Answer]) -> str:
    """A row for each text: its label, and its most probable classes."""
    rows = [("text", "predicted", "most probable")]
    for answer in answers:
        best = answer.ranking[:SHOWN_CLASSES]
        shares = ", ".join(f"{name} {answer.probabilities[name]:.3f}" for name in best)
        text = printable(textwrap.shorten(answer.text, SHOWN_CHARACTERS, placeholder=" ..."))
        rows.append((text + ("" if answer.known_words else " *"), ", ".join(answer.predicted) or "none", shares))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if any(not answer.known_words for answer in answers):
        lines.append("* no word left that the net knows: the probabilities are those of an empty text.")
    return "\n".join(lines)
