"""What makes a resumed run end with the numbers of one that was never interrupted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from datamodules.files import replacing


def seed_of_epoch(seed: int, epoch: int) -> int:
    """What torch's generators begin an epoch with; `seed` is that of the run."""
    return seed * 100_003 + epoch  # which is more than any number of epochs: no two (seed, epoch) share a state


class SeededEpochs(Callback):
    """Every epoch's dropout masks depend on (seed, epoch) alone, as the order of the batches does.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed torch's generators."""
        torch.manual_seed(seed_of_epoch(self.seed, trainer.current_epoch))


class StayStopped(Callback):
    """A run that had stopped early and was killed before its test does not train on when it is resumed.

    Args:
        early: decides when to stop; its state comes back with the checkpoint.
    """

    def __init__(self, early: EarlyStopping):
        self.early = early

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop before the first epoch if early stopping had already decided so."""
        if self.early.wait_count >= self.early.patience:
            trainer.should_stop = True


class TestedEpoch(ModelCheckpoint):
    """Keeps the epoch that will be tested, `model.ckpt`.

    Args:
        folder: of the checkpoints.
        best: the epoch of the lowest validation loss; else the last one.
    """

    def __init__(self, folder: Path, best: bool):
        monitor = "val/loss" if best else None
        super().__init__(folder, "model", monitor=monitor, save_on_train_epoch_end=True, enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in this folder, also where it was called otherwise when the run was interrupted.

        Lightning would forget the best score so far, and take the next epoch for the best.
        """
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})


class LastEpoch(ModelCheckpoint):
    """Keeps `last.ckpt` after every epoch, whatever its score: from there a resumed run goes on exactly.

    Stands behind `TestedEpoch`, whose state it has to hold. Lightning's own `save_last` writes only when the score is
    a better one.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path):
        super().__init__(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)


class OneFileAnEpoch(TorchCheckpointIO):
    """Writes an epoch's weights once, also where two checkpoints keep them: the second is another name of the file.

    Every file comes by rename, so what happens to one name leaves the other alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: tuple[int, Path] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write or link it."""
        step = checkpoint["global_step"]
        if self.written is None or self.written[0] != step or not _linked(self.written[1], Path(path)):
            # Lightning's own way is over /tmp, and where that is another disk a file can come in half.
            with replacing(Path(path)) as temporary, open(temporary, "wb") as file:  # open: a full disk says so
                torch.save(checkpoint, file)
        self.written = step, Path(path)


def _linked(there: Path, path: Path) -> bool:
    """Whether `path` is a second name of the file now; there are file systems without any."""
    try:
        with replacing(path) as temporary:
            os.link(there, temporary)
    except OSError:
        return False
    return True


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Lightning answers Ctrl-C by leaving with exit code 1; let it be a KeyboardInterrupt again."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
