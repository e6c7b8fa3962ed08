"""Fits per minute of whole commands: one by one, in stacks, in several processes, and with torch's own LSTM."""

import argparse
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from cells.errors import UserError
from datamodules.files import replacing

ROOT = Path(__file__).parent.parent
STOCK, PADDED = "nn.LSTM, packed, one by one", "nn.LSTM, padded, one by one"
ALONE = "ours, one by one"
UNRECORDED = "unrecorded"


def contenders(
    stacks: Sequence[int], workers: int, only_stacks: bool = False, graphs: bool = False
) -> dict[str, list[str]]:
    """Each contender's kind for `changed` ("" for none), then the words it adds to the command.

    Args:
        stacks: sizes.
        workers: processes.
        only_stacks: leave out what is trained one by one.
        graphs: whether there are CUDA graphs, so that stacks are trained without them as well.
    """
    if only_stacks:
        found = {f"ours, stacks of {k}": ["", f"stack={k}"] for k in stacks}
        if graphs:
            found |= {f"ours, stacks of {k}, no CUDA graphs": [UNRECORDED, f"stack={k}"] for k in stacks}
        return found
    joblib = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"]
    found = {STOCK: ["packed"], PADDED: ["padded"], ALONE: [""]}
    found |= {f"ours, stacks of {k}": ["", f"stack={k}"] for k in stacks}
    if workers < 2:
        return found
    found[f"ours, {workers} processes"] = ["", *joblib]
    found |= {f"ours, {workers} processes, stacks of {k}": ["", *joblib, f"stack={k}"] for k in stacks}
    return found


def run(arguments: argparse.Namespace) -> None:
    """Print the table: the contenders take turns, each in a folder of its own."""
    with tempfile.TemporaryDirectory() as cache:
        graphs = torch.cuda.is_available()
        chosen = contenders(arguments.stacks, arguments.workers, arguments.only_stacks, graphs)
        times: dict[str, list[float]] = {name: [] for name in chosen}
        for _ in range(arguments.rounds):
            for name, (kind, *more) in chosen.items():
                times[name].append(_seconds(kind, [*_study(arguments), *more, f"cache_dir={cache}"]))
                print(f"{name}: {times[name][-1]:.1f} s", file=sys.stderr, flush=True)
                _write(arguments, times)
    rates = {name: 60 * arguments.fits / min(of) for name, of in times.items()}
    print(f"{'fits per minute':<40}{'best':>8}{'median':>8}{'over nn.LSTM':>14}")
    for name, rate in rates.items():
        median = 60 * arguments.fits / statistics.median(times[name])
        over = f"{rate / rates[STOCK]:14.2f}" if STOCK in rates else f"{'not measured':>14}"
        print(f"{name:<40}{rate:8.1f}{median:8.1f}{over}")


def _write(arguments: argparse.Namespace, times: dict[str, list[float]]) -> None:
    """Write what is measured so far, since a benchmark may be cut off."""
    if arguments.json:
        with replacing(Path(arguments.json)) as temporary:
            temporary.write_text(json.dumps({"fits": arguments.fits, "seconds": times}, indent=1))


def _study(arguments: argparse.Namespace) -> list[str]:
    """The command's words for these fits, all with the same number of epochs, so that all contenders do equal work."""
    seeds = -(-arguments.fits // 10)
    if arguments.fits > 10 * seeds or arguments.fits % seeds:
        raise UserError(f"--fits {arguments.fits}: give up to 10, or a multiple of 10.")
    swept = [f"seed={','.join(map(str, range(seeds)))}", f"fold={','.join(map(str, range(arguments.fits // seeds)))}"]
    return ["-m", *swept, "patience=null", f"epochs={arguments.epochs}", *(arguments.overrides or ["data=mlma"])]


def _seconds(kind: str, command: Sequence[str]) -> float:
    """The seconds of a command from its start to its end, with an empty folder for its runs."""
    with tempfile.TemporaryDirectory() as runs_dir:
        program = ["-c", f"from benchmarks.fits import changed; changed({kind!r})"] if kind else ["train.py"]
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, *program, *command, f"runs_dir={runs_dir}"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return time.perf_counter() - start


def changed(kind: str) -> None:
    """Run train.py with torch's own LSTM in place of ours, or with steps of stacks that are not recorded.

    Torch's does not show its states, so none are recorded, which saves it that time; everything else is the same.

    Args:
        kind: "packed" or "padded" for torch's, or "unrecorded".
    """
    from models import bilstm
    from training.run import state_logger
    from training.stacks import stacked_task

    if kind == UNRECORDED:
        stacked_task.recorder_for = lambda net, device: None
    else:
        setattr(bilstm, "LSTM", {"packed": StockOnPacked, "padded": StockOnPadded}[kind])  # noqa: B010 (mypy sees the class there)
        state_logger.StateLogger.record = lambda *_: None  # type: ignore[method-assign]  # it has no states to look at
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


class StockOnPacked(nn.LSTM):
    """`nn.LSTM` that takes an alteration and ignores it."""

    def __init__(self, *args: Any, alteration: None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)


class StockOnPadded(StockOnPacked):
    """`nn.LSTM` on the padded batch, which is fast, and another net: it sees the padding."""

    def forward(self, input: PackedSequence, hx: None = None) -> tuple[PackedSequence, Any]:  # type: ignore[override]
        """Outputs of the real steps."""
        padded, lengths = pad_packed_sequence(input, self.batch_first)
        output, states = super().forward(padded, hx)
        return pack_padded_sequence(output, lengths, self.batch_first), states
