"""What texts and markets do each in their own way. All else about a run is the same for both."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import pandas as pd
from lightning.pytorch.callbacks import Callback
from matplotlib.figure import Figure
from torch import nn


class Results(NamedTuple):
    """What is known when the chosen epoch has been scored.

    Attributes:
        rows: of metrics.csv, one for each split: "split", then scores; the last one is the result.
        tables: further CSV files, by name.
        pictures: PNG files, by name; TensorBoard shows them as well.
    """

    rows: list[dict[str, Any]]
    tables: dict[str, pd.DataFrame]
    pictures: dict[str, Figure]


class Problem(ABC):
    """One run's data, and what is particular about them.

    Attributes:
        data: ready for use.
        notes: what is worth knowing before training, in lines.
        warnings: those of them that have to be said beside the result as well.
        labels: columns of metrics.csv that say what was learnt from.
        sizes: what the constructor of a net has to know of the data.
        compared: the hyper-parameters by which TensorBoard's table compares runs.
        scores: the scores in that table.
        headline: the scores that the terminal shows.
    """

    data: pl.LightningDataModule
    notes: Sequence[str]
    warnings: Sequence[str]
    labels: dict[str, Any]
    sizes: dict[str, int]
    compared: tuple[str, ...]
    scores: tuple[str, ...]
    headline: tuple[str, ...]

    def with_seed(self, seed: int) -> "Problem":
        """The same data for a run with another seed."""
        other = copy.copy(self)
        other.data = copy.copy(self.data)
        other.data.seed = seed  # type: ignore[attr-defined]
        return other

    @property
    @abstractmethod
    def longest(self) -> int:
        """Steps of the longest sample."""

    @abstractmethod
    def task(self, net: nn.Module, lr: float) -> pl.LightningModule:
        """What the net is trained for; it keeps it as `net`."""

    @abstractmethod
    def insight(self) -> list[Callback]:
        """What TensorBoard shows beside the curves."""

    @abstractmethod
    def results(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: Path) -> Results:
        """Score the weights of a checkpoint."""
