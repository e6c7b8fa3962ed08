"""Checkpoints with other bits than were written: each is known as damaged, and unpickles nothing."""

import random
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from soak import examples
from within_limits import within_limits

from training.run.folder import checkpoints
from training.run.folder.checkpoints import DamagedError
from training.run.folder.record import Record
from training.run.folder.run_folder import RunFolder

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoints") / "model.ckpt"
    torch.manual_seed(0)
    state = {"net.weight": torch.randn(7, 5), "net.bias": torch.zeros(3), "net.k": torch.arange(4)}
    checkpoint = {"epoch": 3, "global_step": 40, "state_dict": state, "loops": {}, "optimizer_states": []}
    checkpoints.save(checkpoint, path, RunFolder(path.parent, Record({})))
    return path


def same(one: object, other: object) -> bool:
    if isinstance(one, dict):
        assert isinstance(other, dict)
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other  # type: ignore[arg-type]


@examples(100)
@given(seed=seeds)
@example(seed=670359)  # torch reads other bytes than those with the checksum
@example(seed=3958)  # the archive's directory points before its beginning
def test_a_checkpoint_with_other_bits_is_damaged_or_the_same(written: Path, seed: int, tmp_path: Path) -> None:
    chance, content = random.Random(seed), bytearray(written.read_bytes())
    for _ in range(chance.choice([1, 1, 1, 2, 20])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.2:
        del content[chance.randrange(len(content)) :]
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    try:
        read = within_limits(lambda: checkpoints.read(path))
    except DamagedError:
        return
    assert same(read, checkpoints.read(written))  # a bit that means nothing, such as a time stamp in the archive


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "unpickled")


def test_a_checkpoint_that_carries_code_runs_none(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {}, "epoch": Evil(tmp_path / "here")}, path)
    with pytest.raises(DamagedError):
        checkpoints.read(path)
    assert not (tmp_path / "here").exists()
    assert zipfile.is_zipfile(path)
