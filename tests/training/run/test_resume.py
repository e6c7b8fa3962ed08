"""Seeds and checkpoints that let a resumed run end with the numbers of an uninterrupted one."""

from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn

from training.run.resume import LinkedCheckpointIO, SeededEpochs, StayStopped


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


def test_two_checkpoints_of_an_epoch_are_one_file_until_the_next(tmp_path: Path) -> None:
    model, last, files = tmp_path / "model.ckpt", tmp_path / "last.ckpt", LinkedCheckpointIO()
    files.save_checkpoint({"global_step": 7}, model)
    files.save_checkpoint({"global_step": 7}, last)
    assert model.samefile(last)
    files.save_checkpoint({"global_step": 14}, last)  # a worse epoch, which model.ckpt does not keep
    assert [torch.load(path)["global_step"] for path in (model, last)] == [7, 14]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "model.ckpt"]


def test_without_links_both_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    files = LinkedCheckpointIO()
    for name in ("model.ckpt", "last.ckpt"):
        files.save_checkpoint({"global_step": 7}, tmp_path / name)
    assert [torch.load(path)["global_step"] for path in sorted(tmp_path.iterdir())] == [7, 7]
