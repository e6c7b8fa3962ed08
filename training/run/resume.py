"""Checkpoints and seeds that let a resumed run end with the numbers of one that was never interrupted."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from training.run.folder import checkpoints
from training.run.folder.run_folder import RunFolder
from training.run.seeds import seed_of_epoch


class SeededEpochs(Callback):
    """Makes the dropout masks of an epoch depend on (seed, epoch) alone, as the order of its batches does.

    Args:
        seed: of the net.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed torch's generators."""
        torch.manual_seed(seed_of_epoch(self.seed, trainer.current_epoch))


class StayStopped(Callback):
    """If a run stopped early and was killed before its test, keeps it from training further.

    Args:
        early: decides when to stop; the checkpoint restores its state.
    """

    def __init__(self, early: EarlyStopping):
        self.early = early

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop before the first epoch if early stopping had already decided to."""
        if self.early.wait_count >= self.early.patience:
            trainer.should_stop = True


class Monitored(NamedTuple):
    """The score by which epochs are compared; of two equal ones, the earlier is the better.

    Attributes:
        score: its name.
        mode: "min" if lower is better, "max" if higher is.
    """

    score: str
    mode: Literal["min", "max"]


MONITORED = {"loss": Monitored("val/loss", "min"), "accuracy": Monitored("val/accuracy", "max")}
"""The score that each value of `monitor=` stands for."""


PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")
"""The entries of a ModelCheckpoint's state that are paths, beside its folder."""


class KeptEpoch(ModelCheckpoint):
    """Keeps an epoch, and a state that knows files by their names alone.

    The folder may have another name than when the run was interrupted, where Lightning would forget the best score so
    far and take the next epoch for the best one; and a whole path tells a user's name.
    """

    def state_dict(self) -> dict[str, Any]:
        """The state."""
        state = super().state_dict()
        names = {key: Path(state[key]).name for key in PATHS}
        best = {Path(path).name: score for path, score in state["best_k_models"].items()}
        return {**state, **names, "best_k_models": best, "dirpath": ""}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state; older versions saved whole paths."""
        paths = {key: self._here(state_dict[key]) for key in PATHS}
        best = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})

    def _here(self, path: str) -> str:
        return str(Path(self.dirpath or "", Path(path).name)) if path else ""


class TestedEpoch(KeptEpoch):
    """Keeps the epoch that will be tested as `model.ckpt`.

    Args:
        folder: of the checkpoints.
        monitored: the score by which the best epoch is kept; None: the last epoch is kept.
    """

    def __init__(self, folder: Path, monitored: Monitored | None):
        by = {} if monitored is None else {"monitor": monitored.score, "mode": monitored.mode}
        super().__init__(folder, "model", **by, save_on_train_epoch_end=True, enable_version_counter=False)  # type: ignore[arg-type]


class LastEpoch(ModelCheckpoint):
    """Keeps every epoch as `last.ckpt`, whatever its score, so that a resumed run goes on from there exactly.

    Comes after `TestedEpoch` in the list of callbacks, because it must include its updated state. Lightning's
    own `save_last` writes only after an epoch with a better score. It has no state: the checkpoint that both callbacks
    keep is made before this one knows of it, so that a resumed run would have another state than an undisturbed one.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path):
        super().__init__(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)

    def state_dict(self) -> dict[str, Any]:
        """The state: none."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Leave out the state that older versions saved."""


class SharedCheckpointIO(TorchCheckpointIO):
    """Makes the checkpoint of an epoch once, even if two files keep it: the second is a copy of the first.

    It is no link, so that one fault of the disk cannot take both.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder
        self.written: tuple[int, Path] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write the checkpoint, or copy the one of the same step."""
        step = checkpoint["global_step"]
        if self.written is not None and self.written[0] == step:
            with self.folder.replacing(Path(path)) as temporary:
                shutil.copyfile(self.written[1], temporary)
        else:
            checkpoints.save(checkpoint, Path(path), self.folder)
        self.written = step, Path(path)

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """Read the bytes that were checked: of a file with a damaged directory torch may read others."""
        return checkpoints.read(Path(path))


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Turn the SystemExit by which Lightning answers Ctrl-C back into a KeyboardInterrupt."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
