"""Commands that a signal reaches at one place in their training, however fast the machine is."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Done, train_here_in

INTERRUPTED = """
import os, runpy, sys
project, signal, epoch, run = sys.argv.pop(1), *(int(sys.argv.pop(1)) for _ in range(3))
sys.path.insert(0, project)
from lightning.pytorch import LightningModule

def on_train_batch_start(self, batch, number):
    global run
    if (self.current_epoch, number) == (epoch, 2):
        run -= 1
        if not run:
            os.kill(os.getpid(), signal)

LightningModule.on_train_batch_start = on_train_batch_start
runpy.run_path(f"{project}/train.py", run_name="__main__")
"""


def interrupted(folder: Path, how: signal.Signals, *arguments: str, epoch: int, run: int = 1) -> Done:
    """`python train.py ...` in `folder`, which gets a signal in the middle of an epoch.

    Args:
        folder: where it runs.
        how: the signal.
        arguments: of train.py.
        epoch: the number of the epoch, from 0.
        run: the number of the run among those that the process trains, from 1.
    """
    place = [str(PROJECT), *(str(int(number)) for number in (how, epoch, run))]
    command = [sys.executable, "-c", INTERRUPTED, *place, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == (130 if how == signal.SIGINT else -how), done.stdout + done.stderr
    return done


def interrupted_here(folder: Path, *arguments: str, epoch: int, run: int = 1) -> Done:
    """The same within this process, with Ctrl-C."""
    from lightning.pytorch import LightningModule

    left = [run]

    def on_train_batch_start(module: LightningModule, batch: object, number: int) -> None:
        if (module.current_epoch, number) == (epoch, 2):
            left[0] -= 1
            if not left[0]:
                signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LightningModule, "on_train_batch_start", on_train_batch_start)
        return train_here_in(folder, *arguments)
