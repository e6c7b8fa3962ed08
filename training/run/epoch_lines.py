"""The lines of a run on the terminal."""

import logging
import warnings

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

log = logging.getLogger("lstm-cs")


class EpochLines(Callback):
    """Prints one line per epoch, where a progress bar cannot be shown."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the losses and the validation scores."""
        values = trainer.callback_metrics
        shown = ("train/loss", "val/loss", "val/macro_f1", "val/micro_f1", "val/rmse", "val/mae")
        scores = "  ".join(f"{name} {values[name].item():.4f}" for name in shown if name in values)
        log.info("epoch %3d  %s", trainer.current_epoch, scores)


def quiet() -> None:
    """Silence the messages of Lightning that come with every run and that nobody can act on."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.loggers.mlflow").setLevel(logging.ERROR)  # that it makes an experiment
    for message in (
        # batches are slices of tensors in memory; workers would only copy them
        ".*does not have many workers",
        # the checkpoints of an interrupted run belong in its folder
        "Checkpoint directory .* exists and is not empty",
        # a formula's module, which all layers and runs of a process share, keeps its last mode; it has no weights
        r"Found \d+ module\(s\) in eval mode at the start of training",
        # Lightning itself uses what torch deprecates
        r".*isinstance\(treespec, LeafSpec\).* is deprecated",
    ):
        warnings.filterwarnings("ignore", message=message)
