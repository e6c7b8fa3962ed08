"""What makes a resumed run end with the numbers of one that was never interrupted."""

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping


class SeededEpochs(Callback):
    """Every epoch's dropout masks depend on (seed, epoch) alone, as the order of the batches does.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed torch's generators."""
        # 100,003 is more than any number of epochs: no two (seed, epoch) share a state
        torch.manual_seed(self.seed * 100_003 + trainer.current_epoch)


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
