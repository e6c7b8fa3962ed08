"""The problem that a run solves: its data, and everything that differs between texts and the market."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lightning.pytorch as pl
import pandas as pd
from lightning.pytorch.callbacks import Callback
from torch import nn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Results(NamedTuple):
    """The results of the chosen epoch.

    Attributes:
        rows: of metrics.csv, one for each split: "split", then scores; the last one is the run's result.
        tables: further CSV files, by name.
        pictures: PNG files, by name; TensorBoard shows them as well.
    """

    rows: list[dict[str, Any]]
    tables: dict[str, pd.DataFrame]
    pictures: dict[str, "Figure"]


class Problem(ABC):
    """The data of one run, with the task, the callbacks and the results that belong to their kind.

    Attributes:
        data: ready for use.
        notes: lines to print before training.
        warnings: the notes to print again with the result.
        columns: columns of metrics.csv that only the loaded data decide; see `record.Record.columns` for the others.
        sizes: facts about the data that the constructor of a net may need.
        compared: the columns of metrics.csv by which TensorBoard's table compares runs.
        scores: the scores in that table.
        printed: the scores of the result on the terminal.
    """

    data: pl.LightningDataModule
    notes: Sequence[str]
    warnings: Sequence[str]
    columns: dict[str, Any]
    sizes: dict[str, int]
    compared: tuple[str, ...]
    scores: tuple[str, ...]
    printed: tuple[str, ...]

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
        """The task to train a net for; it keeps the net as its attribute `net`."""

    @abstractmethod
    def callbacks(self) -> list[Callback]:
        """Callbacks that log more than curves for TensorBoard."""

    @abstractmethod
    def results(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: Path) -> Results:
        """Score the weights of a checkpoint."""
