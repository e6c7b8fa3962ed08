"""What becomes of a job's runs: found finished, made, or failed, which stops no other run of the same command."""

import csv
import functools
import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cells.alterations import Alteration
from conf.command_line import MISTAKES, TRACEBACKS_WANTED, message, one_of_several, report
from conf.configuration import check
from training.run import startup
from training.run.errors import DiskFullError, HeldError, is_full
from training.run.folder import FAILED, Member, RunFolder
from training.run.leases import Wait, holder
from training.studies.launchers import check_place
from training.studies.progress import REPLACE, remaining

log = logging.getLogger("lstm-cs")

SCORES = ("macro_f1", "rmse")
"""What the line of a run shows; each kind of run has one of them."""

_full: list[DiskFullError] = []
"""Why this process makes no more runs."""


class Outcome(NamedTuple):
    """What became of a run.

    Attributes:
        run: its name.
        state: "elsewhere": another process makes it; "full": it was not made or not finished for want of disk space.
        error: why there is no result, in one line.
    """

    run: str
    state: Literal["finished", "failed", "elsewhere", "full"]
    error: str = ""


def work(config: DictConfig) -> list[Outcome]:
    """Make the runs of one job of the command line, but for the finished ones.

    The error of a single run is the command's. That of one among several is shown and returned, and the others go on.
    A run's folder keeps the error if it is there by then: among several it is made first, for a single run when the
    training begins.

    Args:
        config: of the job.
    """
    if one_of_several():
        return _several(config)
    try:
        _alone(config)
    except MISTAKES as error:
        if TRACEBACKS_WANTED:
            raise
        sys.exit(f"Error: {message(error)}")  # raised further, Hydra would print a line of its own first
    return []


def _alone(config: DictConfig) -> None:
    (member,) = _members(config)
    folder = member.folder
    if not folder.is_finished() and (there := holder(folder.path)) is not None:
        log.info("%s is being made by %s; waiting whether that still lives.", folder.path, there)
        if not Wait().until_one_is_free({folder.path}):
            raise HeldError(folder.path, there)
    if folder.is_finished():
        log.info("%s is finished; nothing to do.", folder.path)
    else:
        _make([member])


def _members(config: DictConfig) -> list[Member]:
    """The runs that a job's configuration stands for."""
    hydra = HydraConfig.get()
    check(config, hydra.overrides.task)
    together = hydra.sweeper.get("together") or [[config.seed, config.fold]]
    members = []
    for seed, fold in together:
        one = config.copy()
        one.seed, one.fold = seed, fold
        check(one)
        members.append(Member(one, RunFolder.of(one)))
    return members


def _make(members: Sequence[Member]) -> None:
    """Make runs; those that an error leaves without a result have failed, unless it is the disk's."""
    try:
        with _disk_errors_once():
            _fit(members)
    except HeldError:
        raise
    except Exception as error:
        if is_full(error):
            raise DiskFullError(members[0].folder.path) from error
        for member in members:
            if not member.folder.is_over:
                member.folder.fail(report(error))
        raise
    finally:
        for member in members:
            member.folder.release()


def _fit(members: Sequence[Member]) -> None:
    # Torch and Lightning take seconds to import: only after everything that can be refused was refused.
    log.info("Loading torch and Lightning ...")
    startup.import_lightning()
    if len(members) > 1 or members[0].folder.stack_checkpoint.exists():
        from training.stacks import trainer

        trainer.fit(members)
    else:
        from training.run.fit import fit

        fit(*members[0])


@contextmanager
def _disk_errors_once() -> Iterator[None]:
    """TensorBoard's thread prints that the disk is full, with a traceback, and then raises it where it is seen."""
    before = threading.excepthook
    threading.excepthook = lambda given: None if is_full(given.exc_value) else before(given)
    try:
        yield
    finally:
        threading.excepthook = before


def _several(config: DictConfig) -> list[Outcome]:
    try:
        check_place(HydraConfig.get().sweeper.place)
        members = _members(config)
    except MISTAKES as error:
        outcome = Outcome(" ".join(HydraConfig.get().overrides.task), "failed", message(error))
        _say(0, outcome)
        return [outcome] * max(1, len(HydraConfig.get().sweeper.together))
    taken = [_taken(member) for member in members]
    mine = [member for member, outcome in zip(members, taken, strict=True) if outcome is None]
    ended_by = _tried(mine) if mine else None
    outcomes = [outcome or _outcome(member, ended_by) for member, outcome in zip(members, taken, strict=True)]
    for k, (member, outcome) in enumerate(zip(members, outcomes, strict=True)):
        _say(k, outcome, _result(member) if outcome.state == "finished" else "")
    return outcomes


def _taken(member: Member) -> Outcome | None:
    """What keeps a run from being made here, or None: it is claimed."""
    folder, name = member.folder, _name(member.folder)
    try:
        if _full:
            raise _full[0]
        if not folder.is_finished():
            folder.claim()
        if folder.is_finished():  # by another command, since this one began
            folder.release()
            return Outcome(name, "finished")
    except MISTAKES as error:
        return _without_result(folder, error)
    return None


def _tried(members: Sequence[Member]) -> Exception | None:
    """Make runs; the error that ended it."""
    if sys.stdout.isatty():
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        print(f"{REPLACE}{_place(0)} {_name(members[0].folder)}{more} ...", end="", flush=True)
    try:
        with _quiet():
            _make(members)
    except Exception as error:
        if isinstance(error, DiskFullError):
            _full.append(error)
        return error
    return None


def _outcome(member: Member, error: Exception | None) -> Outcome:
    """Of a run that was tried."""
    folder = member.folder
    if folder.is_finished():
        return Outcome(_name(folder), "finished")
    if error is None:
        return Outcome(_name(folder), "failed", folder.failure or "it ended without a result")
    return _without_result(folder, error)


def _without_result(folder: RunFolder, error: Exception) -> Outcome:
    name, text = _name(folder), folder.failure or message(error)
    if isinstance(error, HeldError) and not folder.is_over:
        return Outcome(name, "elsewhere", text)
    if isinstance(error, DiskFullError) and not folder.is_over:
        return Outcome(name, "full", text)
    kept = "" if isinstance(error, MISTAKES) else f" (traceback in {folder.path / FAILED})"
    return Outcome(name, "failed", f"{text}{kept}")


def _name(folder: RunFolder) -> str:
    run = folder.identity
    learnt_from = run["features" if "features" in run else "data"]["name"]
    window = f" window {run['window']}" if "window" in run else ""
    cell = Alteration(**run["cell"]).name
    return f"{learnt_from} {run['model']['name']} {cell}{window} seed {run['seed']} fold {run['fold']}"


def _result(member: Member) -> str:
    """Of a finished run; what has to be known of its data is said once."""
    with open(member.folder.path / "metrics.csv", newline="", encoding="utf-8") as file:
        *_, row = csv.DictReader(file)
    for note in (row.get("warning"), member.config.get("data", {}).get("note")):
        if note:
            _say_once(note)
    score = next(score for score in SCORES if score in row)
    return f"{score} {float(row[score]):.3f}, {float(row['seconds']):.1f} s"


@functools.cache
def _say_once(line: str) -> None:
    _print(line)


def _say(k: int, outcome: Outcome, result: str = "") -> None:
    """The line of the job's run number `k`."""
    says = {
        "finished": f"{outcome.run}: {result}",
        "failed": f"{outcome.run} FAILED: {outcome.error.rstrip('.')}",
        "elsewhere": f"{outcome.run}: left to another process",
        "full": f"{outcome.run}: not made, the disk is full",
    }
    _print(f"{_place(k)} {says[outcome.state]}{_time_left(k)}")


def _print(line: str) -> None:
    print((REPLACE if sys.stdout.isatty() else "") + line, flush=True)


def _place(k: int) -> str:
    place = HydraConfig.get().sweeper.place
    return f"[{place.number + k}/{place.total}]"


def _time_left(k: int) -> str:
    """At the speed of this command's runs so far."""
    place = HydraConfig.get().sweeper.place
    done, left = place.number + k - place.finished, place.total - place.number - k
    return f"; {remaining((time.time() - place.since) / done * left)}" if left else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """A run among others has one line; TensorBoard shows its epochs."""
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)
