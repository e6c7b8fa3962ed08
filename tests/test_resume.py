import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn

from training.resume import SeededEpochs, StayStopped


def trainer(epoch: int = 0) -> pl.Trainer:
    made = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    made.fit_loop.epoch_progress.current.completed = epoch
    return made


def masks(seed: int, epoch: int) -> torch.Tensor:
    SeededEpochs(seed).on_train_epoch_start(trainer(epoch), pl.LightningModule())
    return nn.functional.dropout(torch.ones(1000), 0.5)


def test_dropout_depends_on_seed_and_epoch_alone() -> None:
    first = masks(seed=1, epoch=2)
    torch.rand(17)  # whatever was drawn in between
    assert torch.equal(masks(seed=1, epoch=2), first)
    assert not torch.equal(masks(seed=1, epoch=3), first)
    assert not torch.equal(masks(seed=2, epoch=2), first)


def test_a_run_that_had_stopped_early_stays_stopped() -> None:
    early = EarlyStopping("val/loss", patience=3)
    running = trainer()
    early.wait_count = 2
    StayStopped(early).on_train_start(running, pl.LightningModule())
    assert not running.should_stop
    early.wait_count = 3
    StayStopped(early).on_train_start(running, pl.LightningModule())
    assert running.should_stop
