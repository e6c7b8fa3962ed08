"""The base class of finished runs in use, and what a command asks of one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from omegaconf import DictConfig
from torch import nn

from training.run.folder.run_folder import RunFolder


class Request(NamedTuple):
    """The question that the command line of predict.py asks.

    Attributes:
        texts: to be labelled; ["-"], or none: the lines of standard input.
        file: with one text per line, or None.
        data_dir: with the market's files, or None.
        end: the last day to use, or None.
        json: whether the answer is to be JSON.
    """

    texts: list[str]
    file: Path | None
    data_dir: str | None
    end: str | None
    json: bool


@dataclass(frozen=True)
class SavedRun(ABC):
    """A finished run in use, of one of the two kinds: `SavedClassifier` or `SavedForecaster`.

    Attributes:
        folder: of the run.
        config: its config.yaml, with every `_target_` named as the code is today.
        data: the state of its data module.
        net: with the tested weights, in evaluation mode, on the CPU.
        data_module: the name of the data module's class, under which Lightning keeps its state.
    """

    folder: RunFolder
    config: DictConfig
    data: dict[str, Any]
    net: nn.Module
    data_module: ClassVar[str]

    @staticmethod
    @abstractmethod
    def needed(config: DictConfig) -> set[str]:
        """The entries of `data` that the run cannot be used without."""

    @abstractmethod
    def answer(self, request: Request) -> Iterator[str]:
        """The answer, in lines to be printed.

        Raises:
            UserError: the request is for a run of the other kind, or cannot be answered.
        """

    @abstractmethod
    def check_export(self, onnx: bool) -> None:
        """Refuse a file that cannot be written: ONNX if `onnx`, else TorchScript.

        Raises:
            UserError: says why.
        """

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Plain data that programs without this project need beside the net: how to prepare inputs and read outputs."""
