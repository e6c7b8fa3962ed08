"""Checkpoints and seeds that let a resumed run end with the numbers of one that was never interrupted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from datamodules.files import replacing
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


class TestedEpoch(ModelCheckpoint):
    """Keeps the epoch that will be tested as `model.ckpt`.

    Args:
        folder: of the checkpoints.
        monitored: the score by which the best epoch is kept; None: the last epoch is kept.
    """

    def __init__(self, folder: Path, monitored: Monitored | None):
        by = {} if monitored is None else {"monitor": monitored.score, "mode": monitored.mode}
        super().__init__(folder, "model", **by, save_on_train_epoch_end=True, enable_version_counter=False)  # type: ignore[arg-type]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, even if the folder has another name than when the run was interrupted.

        Lightning would forget the best score so far, and take the next epoch for the best one.
        """
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})


class LastEpoch(ModelCheckpoint):
    """Keeps every epoch as `last.ckpt`, whatever its score, so that a resumed run goes on from there exactly.

    Comes after `TestedEpoch` in the list of callbacks, because it must include its updated state. Lightning's
    own `save_last` writes only after an epoch with a better score.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path):
        super().__init__(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)


class LinkedCheckpointIO(TorchCheckpointIO):
    """Writes the weights of an epoch once, even if two checkpoints keep them: the second is a hard link to the first.

    Every file is put in place by rename, so that replacing one of the two leaves the other alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: tuple[int, Path] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write the checkpoint, or link to the one of the same step."""
        step = checkpoint["global_step"]
        if self.written is None or self.written[0] != step or not _linked(self.written[1], Path(path)):
            # Lightning itself writes by way of /tmp, and if that is another disk a file may be half-written.
            with replacing(Path(path)) as temporary, open(temporary, "wb") as file:  # open(): it reports a full disk
                torch.save(checkpoint, file)
        self.written = step, Path(path)


def _linked(there: Path, path: Path) -> bool:
    """Make `path` a hard link to a file; False: the file system has none."""
    try:
        with replacing(path) as temporary:
            os.link(there, temporary)
    except OSError:
        return False
    return True


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Turn the SystemExit by which Lightning answers Ctrl-C back into a KeyboardInterrupt."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
