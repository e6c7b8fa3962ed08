"""Opening a finished run: its net and all that the net needs, from the run's folder alone."""

import re
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from cells.errors import UserError
from conf.kinds import TEXTS, is_own
from inference.saved_run import SavedRun
from training.run.folder.checkpoints import DamagedError, read
from training.run.folder.run_folder import CONFIG, FAILED, RunFolder
from training.run.net import make_net

NAMED_RUNS = 4
"""Runs that one message names at most."""

OWN_TARGETS = {
    "model": r"models\.\w+\.\w+",
    "sentiment": r"datamodules\.sentiment\.\w+",
    "messages": r"datamodules\.sentiment\.\w+",
}
"""The code that `_target_` may name: a folder from somebody else says which code of this project runs, and no other."""


def load(path: Path) -> SavedRun:
    """The run in a folder, or the only one below it. Needs neither its data nor a network, and unpickles no code.

    Raises:
        UserError: there is no such run, or it is unfinished, damaged, or too old.
    """
    folder = find(path)
    config = folder.record.config
    for group, own in OWN_TARGETS.items():
        target = str(config.get(group, {}).get("_target_", ""))
        if target and not re.fullmatch(own, target):
            raise UserError(
                f"{folder.path}: {group}._target_={target} is not code of this project and was not executed; "
                "choose another run."
            )
    made: type[SavedRun]
    if folder.record.kind is TEXTS:  # imported here, because each imports libraries that the other has no use for
        from inference.classify import SavedClassifier

        made = SavedClassifier
    elif is_own(config):
        from inference.next_value import SavedSeries

        made = SavedSeries
    else:
        from inference.next_close import SavedForecaster

        made = SavedForecaster
    checkpoint = _checkpoint(folder)
    data = checkpoint.get(made.data_module)
    if not isinstance(data, dict) or not made.needed(config) <= set(data):
        raise UserError(
            f"{folder.path} was trained by an older version that did not save what predictions need; {_repeat(folder)}"
        )
    return made(folder, config, data, _net(config, data, checkpoint, folder))


def find(path: Path) -> RunFolder:
    """The finished run in a folder, or the only one below it.

    Raises:
        UserError: there is none, or there are several.
    """
    if not path.is_dir():
        raise UserError(f"there is no folder {path}; give that of a finished run, below runs.")
    below = RunFolder.finished_below(path)
    if len(below) == 1:
        return RunFolder.at(below[0])
    if below:
        more = f" and {len(below) - NAMED_RUNS} more" if len(below) > NAMED_RUNS else ""
        raise UserError(f"{path} holds {len(below)} runs, name one: {', '.join(map(str, below[:NAMED_RUNS]))}{more}.")
    if not (path / CONFIG).exists():
        raise UserError(f"{path} holds no finished run; python train.py trains one.")
    RunFolder.at(path)
    failed = path / FAILED
    if failed.exists():
        first = (failed.read_text(encoding="utf-8", errors="replace").splitlines() or ["no reason given"])[0]
        raise UserError(f"{path} failed ({first.rstrip('.')}); the command that began it tries again.")
    raise UserError(f"{path} is not finished; the command that began it goes on where it stopped.")


def _checkpoint(folder: RunFolder) -> dict[str, Any]:
    path = folder.tested_checkpoint
    if not path.exists():
        raise UserError(f"{path} is missing; {_repeat(folder)}")
    try:
        checkpoint = read(path)
    except DamagedError as error:
        raise UserError(f"{path} is damaged, or holds more than weights ({error.reason}); {_repeat(folder)}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); allow it, or choose another run.") from error
    if "state_dict" not in checkpoint:
        raise UserError(f"{path} is not a checkpoint of a run; {_repeat(folder)}")
    return checkpoint


def _net(config: DictConfig, data: dict[str, Any], checkpoint: dict[str, Any], folder: RunFolder) -> nn.Module:
    net = make_net(config, data["sizes"])
    weights = {
        name.removeprefix("net."): weight
        for name, weight in checkpoint["state_dict"].items()
        if name.startswith("net.")
    }
    if not all(torch.isfinite(weight).all() for weight in weights.values() if weight.is_floating_point()):
        raise UserError(f"{folder.tested_checkpoint} holds weights that are not finite numbers; {_repeat(folder)}")
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).split(":", 1)[-1].strip().splitlines()[0].rstrip(". ")
        raise UserError(
            f"{folder.tested_checkpoint} does not fit the net that config.yaml describes ({first}); {_repeat(folder)}"
        ) from error
    return net.eval()


def _repeat(folder: RunFolder) -> str:
    return f"remove {folder.path} and repeat the command that trained it."
