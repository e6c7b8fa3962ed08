"""The cost of a stack to a GPU beside its work: not more copies and waits for more nets."""

from collections import Counter
from pathlib import Path

import pytest
from conftest import train_here_in
from lightning.pytorch import LightningModule
from pretend_device import counted, pretend_device

pytestmark = [pytest.mark.slow, pytest.mark.device, pytest.mark.usefixtures("nothing_drawn")]

TEXT = ("data=robo", "model.embedding=4", "model.hidden=4", "cell=C1", "clip=0.5", "batch_size=105", "epochs=1")
MARKET = ("features=btc", "source=synthetic", "start=2015-01-01", "end=2015-12-31", "model.hidden=4", "epochs=1")


def of_a_step(folder: Path, *overrides: str) -> Counter[str]:
    """The copies to the device and the waits from the beginning of a stack's second step to that of its third."""
    seen: list[Counter[str]] = []
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch, pretend_device():
        patch.setattr(LightningModule, "on_train_batch_start", lambda *_: seen.append(Counter(counted)))
        done = train_here_in(folder, *overrides)
    assert done.returncode == 0, done.stderr
    return seen[2] - seen[1]


@pytest.mark.parametrize(
    ("overrides", "copies", "waits"),
    [
        # the five tensors of a batch; its layout is computed there
        (TEXT, 5, 0),
        # the four tensors of a batch; the layout of full batches is kept there
        (MARKET, 4, 0),
    ],
    ids=["text", "market"],
)
def test_a_step_copies_and_waits_as_often_for_four_nets_as_for_two(
    overrides: tuple[str, ...], copies: int, waits: int, tmp_path: Path
) -> None:
    for nets in (2, 4):
        keys = ("stack.folds=1", f"stack.seeds={nets}")
        found = of_a_step(tmp_path / str(nets), *overrides, *keys)
        assert found == Counter({"to the device": copies, "waits": waits}), nets
