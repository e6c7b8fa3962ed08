"""What a run says on the terminal."""

import logging
import warnings

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

log = logging.getLogger("lstm-cs")


class EpochLines(Callback):
    """One line an epoch, where a progress bar cannot be shown."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the losses and the validation scores."""
        values = trainer.callback_metrics
        shown = ("train/loss", "val/loss", "val/macro_f1", "val/micro_f1", "val/rmse", "val/mae")
        scores = "  ".join(f"{name} {values[name].item():.4f}" for name in shown if name in values)
        log.info("epoch %3d  %s", trainer.current_epoch, scores)


def quiet() -> None:
    """Silence what Lightning says of every run and nobody can act on, each by name."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (
        # batches are slices of tensors in memory; workers would only copy them
        ".*does not have many workers",
        # an interrupted run's folder is where its checkpoints belong
        "Checkpoint directory .* exists and is not empty",
        # formulas have no weights: the module of one, which all layers and runs of a process share, keeps its last mode
        r"Found \d+ module\(s\) in eval mode at the start of training",
        # Lightning's own use of torch
        r".*isinstance\(treespec, LeafSpec\).* is deprecated",
    ):
        warnings.filterwarnings("ignore", message=message)
