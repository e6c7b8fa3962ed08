"""The problem of a run with `data=`: to classify texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig
from torch import Tensor, nn

from cells.errors import UserError
from conf.kinds import GIVEN
from datamodules.texts.corpora import Origin
from datamodules.texts.text_datamodule import TextDataModule
from models.fitted import FittedNet
from training.run.confusions import Confusions
from training.run.folder.record import TEST_PART, TEXT_SCORES
from training.run.problem import Problem, Results
from training.run.state_logger import StateLogger
from training.run.tasks.classification import Classification, FittedClassification

MOST_COLUMNS = 1000
"""Classes up to which predictions.csv has a probability of each: with 10,000 it would have about a gigabyte."""

SHOWN_CLASSES = 5
"""The most probable classes of each document, if there are more."""


class TextProblem(Problem):
    """See `Problem`; the constructor reads or downloads the texts.

    Args:
        config: of the run.

    Raises:
        UserError: loss=softmax for multi-label data, or no word occurs often enough.
        DataError: the data set's file is missing or broken, or there is no such encoder.
    """

    data: TextDataModule
    compared = ("data", "model", "cell", "seed", "fold")
    scores = TEXT_SCORES
    printed = ("accuracy", "top1", "macro_f1", "micro_f1", "loss")
    warnings = ()

    def __init__(self, config: DictConfig):
        self.data = TextDataModule.from_config(config)
        if config.loss == "softmax" and self.data.multilabel:
            raise UserError(f"loss=softmax: {config.data.name} is multi-label, use loss=sigmoid.")
        if not self.data.vocabulary:
            raise UserError(
                f"preprocess.min_count={config.preprocess.min_count}: no word occurs that often in the training part; "
                "give a smaller number."
            )
        self.loss = config.loss
        self.notes = self.data.report
        self.columns = {TEST_PART: GIVEN} if "test" in (self.data.corpus.parts or ()) else {}
        self.sizes = self.data.sizes

    @property
    def longest(self) -> int:
        """Words of the longest document."""
        return self.data.max_length

    def task(self, net: nn.Module, lr: float) -> Classification:
        """Classification, by gradient descent unless the net is fitted at once."""
        made = FittedClassification if isinstance(net, FittedNet) else Classification
        return made(net, len(self.data.classes), self.loss, lr)

    def callbacks(self) -> list[Callback]:
        """Callbacks that log states and gates, the confusion matrix and some texts."""
        return [StateLogger(self.data, lambda net, batch: net(batch.tokens, batch.lengths)), Confusions(self.data)]

    def results(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: Path) -> Results:
        """Scores of the validation and the test part, and the classes of each test document."""
        rows = []
        for split, score in (("val", trainer.validate), ("test", trainer.test)):
            score(task, self.data, ckpt_path=checkpoint, verbose=False)
            scores = {name: trainer.callback_metrics[f"{split}/{name}"].item() for name in TEXT_SCORES}
            rows.append({"split": split, **scores})
        assert isinstance(task, Classification)
        return Results(rows, {"predictions": self._predictions(task)}, {})

    def _predictions(self, task: Classification) -> pd.DataFrame:
        """A row for each test document: its row in the corpus, true and predicted classes, and probabilities.

        Of a user's own texts, also the file and the line that each comes from.
        """
        rows, targets, predicted, probabilities = task.predictions
        columns = probability_columns(probabilities, self.data.classes)
        named = {"truth": self._names(targets), "predicted": self._names(predicted)}
        return pd.DataFrame({"row": rows.numpy(), **self._origins(rows), **named, **columns})

    def _origins(self, rows: Tensor) -> dict[str, list[str | int]]:
        """The columns `file` and `line` of these documents; none where no origins are known."""
        if (origins := self.data.corpus.origins) is None:
            return {}
        return {name: [getattr(origins[row], name) for row in rows.tolist()] for name in Origin._fields}

    def _names(self, chosen: Tensor) -> list[str]:
        """The chosen classes of each row of `chosen [N, C]`, joined by |."""
        return ["|".join(self.data.classes[c] for c in row.nonzero().flatten()) for row in chosen]


def probability_columns(probabilities: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """The columns of predictions.csv made of `probabilities [N, C]`.

    Returns:
        "p(NAME)" of each class; with more than MOST_COLUMNS of them "top1", "p(top1)" to "top5", "p(top5)": the most
        probable ones with their probabilities.
    """
    if len(classes) <= MOST_COLUMNS:
        return {f"p({name})": probabilities[:, c].numpy() for c, name in enumerate(classes)}
    shares, numbers = probabilities.topk(SHOWN_CLASSES)
    columns: dict[str, Any] = {}
    for place in range(SHOWN_CLASSES):
        columns[f"top{place + 1}"] = [classes[number] for number in numbers[:, place].tolist()]
        columns[f"p(top{place + 1})"] = shares[:, place].numpy()
    return columns
