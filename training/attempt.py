"""What becomes of a run: found finished, made, or failed, which stops no other run of the same command."""

import csv
import functools
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cells.alterations import Alteration

from .command_line import MISTAKES, TRACEBACKS_WANTED, message, one_of_several
from .configuration import check
from .errors import UserError
from .folder import FAILED, RunFolder

log = logging.getLogger("lstm-cs")

Fit = Callable[[DictConfig, RunFolder], None]

SCORES = ("macro_f1", "rmse")
"""What the line of a run shows; each kind of run has one of them."""

REPLACE = "\r\033[K"
"""Begins a line in place of the terminal's last one."""


class Failure(NamedTuple):
    """A run without a result: its name, and why, in one line."""

    run: str
    error: str


def attempt(config: DictConfig, fit: Fit) -> Failure | None:
    """Make one run of the command line, unless it is finished.

    The error of a single run is the command's. That of one among several is shown and returned, and the others go on.
    The run's folder keeps it, which one among several has from the beginning, a single one when its training begins.

    Args:
        config: of the run.
        fit: makes it, in its folder.
    """
    if one_of_several():
        return _among_others(config, fit)
    try:
        folder = _folder(config)
        if folder.is_finished():
            log.info("%s is finished; nothing to do.", folder.path)
        else:
            _make(config, folder, fit)
    except MISTAKES as error:
        if TRACEBACKS_WANTED:
            raise
        sys.exit(f"Error: {message(error)}")  # raised further, Hydra would print a line of its own first
    return None


def _folder(config: DictConfig) -> RunFolder:
    check(config, HydraConfig.get().overrides.task)
    return RunFolder.of(config)


def _make(config: DictConfig, folder: RunFolder, fit: Fit) -> None:
    try:
        fit(config, folder)
    except Exception as error:
        folder.fail(f"{message(error)}\n\n{traceback.format_exc()}")
        raise


def _among_others(config: DictConfig, fit: Fit) -> Failure | None:
    try:
        folder = _folder(config)
    except MISTAKES as error:
        return _failed(" ".join(HydraConfig.get().overrides.task), message(error))
    name = _name(folder)
    if sys.stdout.isatty():
        print(f"{REPLACE}{_place()} {name} ...", end="", flush=True)
    try:
        if not folder.is_finished():  # by another command, since this one began
            folder.claim()
            with _quiet():
                _make(config, folder, fit)
    except MISTAKES as error:
        return _failed(name, message(error))
    except Exception as error:
        return _failed(name, f"{message(error)} (traceback in {folder.path / FAILED})")
    _say(f"{name}: {_result(config, folder)}")
    return None


def _failed(name: str, error: str) -> Failure:
    _say(f"{name} FAILED: {error.rstrip('.')}")
    return Failure(name, error)


def _name(folder: RunFolder) -> str:
    run = folder.identity
    learnt_from = run["features" if "features" in run else "data"]["name"]
    window = f" window {run['window']}" if "window" in run else ""
    cell = Alteration(**run["cell"]).name
    return f"{learnt_from} {run['model']['name']} {cell}{window} seed {run['seed']} fold {run['fold']}"


def _result(config: DictConfig, folder: RunFolder) -> str:
    """Of a finished run; what has to be known of its data is said once."""
    with open(folder.path / "metrics.csv", newline="", encoding="utf-8") as file:
        *_, row = csv.DictReader(file)
    for note in (row.get("warning"), config.get("data", {}).get("note")):
        if note:
            _say_once(note)
    score = next(score for score in SCORES if score in row)
    return f"{score} {float(row[score]):.3f}, {float(row['seconds']):.1f} s"


@functools.cache
def _say_once(line: str) -> None:
    _print(line)


def _say(line: str) -> None:
    _print(f"{_place()} {line}{_time_left()}")


def _print(line: str) -> None:
    print((REPLACE if sys.stdout.isatty() else "") + line, flush=True)


def _place() -> str:
    hydra = HydraConfig.get()
    return f"[{hydra.sweeper.place.finished + hydra.job.num + 1}/{hydra.sweeper.place.total}]"


def _time_left() -> str:
    """At the speed of this command's runs so far."""
    hydra = HydraConfig.get()
    place, done = hydra.sweeper.place, hydra.job.num + 1
    left = place.total - place.finished - done
    return f"; {remaining((time.time() - place.since) / done * left)}" if left else ""


def remaining(seconds: float) -> str:
    """In words, no more exact than an estimate is."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes} min left"


@contextmanager
def _quiet() -> Iterator[None]:
    """A run among others has one line; TensorBoard shows its epochs."""
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)


def announce(todo: int, finished: int) -> None:
    """Say what a command is about to do.

    Args:
        todo: number of runs.
        finished: number of those that another command has made.
    """
    if not todo:
        print(f"All {finished} runs are finished; nothing to do.")
    elif finished:
        print(f"{todo + finished} runs, of which {finished} are finished.", flush=True)
    else:
        print(f"{todo} run{'s' if todo > 1 else ''}.", flush=True)


def end(results: Sequence[Failure | None]) -> None:
    """Say what a command has not done.

    Args:
        results: of its runs.

    Raises:
        UserError: some failed. They have been listed.
    """
    failures = [result for result in results if result is not None]
    for failure in failures:
        print(f"{failure.run}: {failure.error}", file=sys.stderr)
    if failures:
        raise UserError(f"{len(failures)} of {len(results)} runs failed, see above; the same command tries them again.")
