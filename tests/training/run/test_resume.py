"""Seeds and checkpoints that let a resumed run end with the numbers of an uninterrupted one."""

import zipfile
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from checkpoint_bits import bits, checkpoint_bits
from conftest import train_here_in
from interrupting import interrupted_here
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.run import resume
from training.run.folder import checkpoints
from training.run.folder.checkpoints import DamagedError
from training.run.folder.record import Record
from training.run.folder.run_folder import RunFolder
from training.run.resume import MONITORED, SeededEpochs, SharedCheckpointIO, StayStopped


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


class Scored(pl.LightningModule):
    """Has the given scores after each epoch, whatever it learns."""

    def __init__(self, **scores: list[float]):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.scores = scores

    def training_step(self, batch: Tensor, _: int) -> Tensor:
        return (self.weight * batch).sum()

    def on_train_epoch_end(self) -> None:
        for name, values in self.scores.items():
            self.log(f"val/{name}", values[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers")
@pytest.mark.parametrize(("monitor", "tested"), [("loss", 2), ("accuracy", 1)])
def test_the_tested_epoch_is_the_best_by_what_is_monitored(tmp_path: Path, monitor: str, tested: int) -> None:
    """The loss is lowest in epoch 2; the accuracy is highest in epoch 1, and again in epoch 3."""
    task = Scored(loss=[0.9, 0.8, 0.1, 0.5], accuracy=[0.2, 0.7, 0.6, 0.7])
    kept = resume.TestedEpoch(tmp_path, MONITORED[monitor])
    running = pl.Trainer(
        max_epochs=4, callbacks=[kept], logger=False, enable_progress_bar=False, log_every_n_steps=1, accelerator="cpu"
    )
    running.fit(task, DataLoader(torch.ones(1, 1)))
    assert torch.load(tmp_path / "model.ckpt", weights_only=True)["epoch"] == tested


def test_a_run_that_had_stopped_early_stays_stopped() -> None:
    early = EarlyStopping("val/loss", patience=3)
    running = trainer()
    early.wait_count = 2
    StayStopped(early).on_train_start(running, pl.LightningModule())
    assert not running.should_stop
    early.wait_count = 3
    StayStopped(early).on_train_start(running, pl.LightningModule())
    assert running.should_stop


def test_one_fault_does_not_take_both_checkpoints_of_an_epoch(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, Record({}))
    model, last, files = tmp_path / "model.ckpt", tmp_path / "last.ckpt", SharedCheckpointIO(folder)
    files.save_checkpoint({"global_step": 7}, model)
    files.save_checkpoint({"global_step": 7}, last)
    assert model.read_bytes() == last.read_bytes()
    assert not model.samefile(last)
    files.save_checkpoint({"global_step": 14}, last)  # a worse epoch, which model.ckpt does not keep
    assert [torch.load(path)["global_step"] for path in (model, last)] == [7, 14]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "model.ckpt"]


@pytest.mark.usefixtures("nothing_drawn")
@pytest.mark.parametrize("name", ["last", "model"])
def test_a_checkpoint_that_torch_alone_would_misread_leads_to_the_same_numbers(tmp_path: Path, name: str) -> None:
    """A bit of the archive's directory is flipped, which no checksum covers."""
    command = ("cell=C1", "epochs=3", "data=robo", "model.embedding=4", "model.hidden=4", "lr=1.0", "patience=null")
    assert train_here_in(tmp_path, *command, "runs_dir=whole").returncode == 0
    interrupted_here(tmp_path, *command, "runs_dir=broken", epoch=2)
    ((broken,), (whole,)) = (list((tmp_path / each).rglob("checkpoints")) for each in ("broken", "whole"))
    assert checkpoints.read(whole / "model.ckpt")["epoch"] < 2  # the interrupted run has it already
    misread(broken / f"{name}.ckpt")
    resumed = train_here_in(tmp_path, *command, "runs_dir=broken")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming" in resumed.stdout
    found, expected = (checkpoints.read(each / "model.ckpt")["state_dict"] for each in (broken, whole))
    assert bits(found) == bits(expected)
    assert (broken.parent / "predictions.csv").read_bytes() == (whole.parent / "predictions.csv").read_bytes()


def misread(path: Path) -> None:
    """Flip the first bit of a checkpoint's directory that makes torch read it otherwise, or not at all."""
    content = path.read_bytes()
    expected = checkpoint_bits(path)
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    for place in range(8 * start, 8 * len(content)):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            checkpoints.read(path)
        except DamagedError:
            continue
        try:
            torch.load(path, weights_only=True)
        except RuntimeError:
            return
        if checkpoint_bits(path) != expected:
            return
    raise AssertionError("every damage is seen, or harmless")


@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_interrupted_before_its_last_epoch_leaves_the_same_checkpoint(tmp_path: Path) -> None:
    """The first epoch's checkpoints know least of what their callbacks have done."""
    command = ("cell=C1", "epochs=2", "data=robo", "model.embedding=8", "model.hidden=8", "lr=0.01", "patience=null")
    assert train_here_in(tmp_path, *command, "runs_dir=whole").returncode == 0
    interrupted_here(tmp_path, *command, "runs_dir=broken", epoch=1)
    assert "resuming" in train_here_in(tmp_path, *command, "runs_dir=broken").stdout
    (found,), (expected,) = (list((tmp_path / name).rglob("model.ckpt")) for name in ("broken", "whole"))
    assert checkpoint_bits(found) == checkpoint_bits(expected)
