"""The worker: does the runs of one job, except finished ones. A run that fails stops no other run of the command."""

import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cells.errors import UserError
from conf.checks import check
from conf.compose import in_multirun
from conf.keys import check_expanded, check_keys, refuse_hydras_keys_of_files
from conf.mistakes import exit_on_mistake, is_mistake, message, report
from conf.permissions import refuse_denied
from training.run import startup, termination
from training.run.folder import provenance
from training.run.folder.errors import (
    DiskFullError,
    HeldError,
    MemoryFullError,
    full_folder,
    is_disk_full,
    is_memory_full,
)
from training.run.folder.leases import LeaseWatcher, holder
from training.run.folder.run_folder import FAILED, Member, RunFolder
from training.run.termination import end_with_launcher, terminable
from training.studies.job import Job
from training.studies.job_lines import print_outcome, print_start
from training.studies.outcome import RunOutcome

log = logging.getLogger("lstm-cs")

_disk_full: list[DiskFullError] = []
"""Why this process begins no more runs."""


def work(config: DictConfig) -> list[RunOutcome]:
    """Do the runs of one job of the command line.

    If the command has one run, its error is raised and the list is empty. In a study the error is
    printed and returned, and the other runs go on. A run's folder keeps the error once the folder exists: in a study
    from the start, for a single run from the beginning of its training.

    Args:
        config: of the job.
    """
    if in_multirun():
        with terminable(worker=True, always=bool(Job.current().launcher)):
            return _work_in_study(config)
    with exit_on_mistake():  # Hydra would print a line of its own before an exception
        _work_alone(config)
    return []


def _work_alone(config: DictConfig) -> None:
    hydra = HydraConfig.get()
    if of_launchers := [each for each in hydra.overrides.hydra if re.match(r"\+*hydra[./]launcher", each)]:
        raise UserError(f"{of_launchers[0]} is for many runs: add -m, or leave it out.")
    refuse_hydras_keys_of_files(hydra)
    check_keys(config, hydra.runtime.choices)
    check_expanded(config)
    if hydra.sweeper.get("params") or hydra.sweeper.get("one_of"):
        raise UserError(
            "hydra.sweeper.params and an experiment stand for many runs: add -m, or leave out hydra.mode=RUN."
        )
    (member,) = _members(config, [])
    folder = member.folder
    for last in (False, True):
        _wait_for_holder(folder)
        if folder.is_finished():
            break
        refuse_denied(folder.path, os.W_OK)  # without it that would be told after the data are ready
        try:
            _train([member])
            return
        except HeldError:  # another command has taken it since
            if last and not folder.is_finished():
                raise
    log.info("%s is finished; nothing to do.", folder.path)
    if files := provenance.changed_data(folder.path, config):
        log.warning(provenance.warning(files, f"{folder.path} was"))


def _wait_for_holder(folder: RunFolder) -> None:
    if not folder.is_finished() and (there := holder(folder.path)) is not None:
        log.info("%s is being trained by %s; waiting to see whether that process is alive.", folder.path, there)
        if LeaseWatcher().wait_for_one({folder.path}) is None:
            raise HeldError(folder.path, there)


def _members(config: DictConfig, replicates: Sequence[Sequence[int]]) -> list[Member]:
    """The runs of a job: one for each [seed, fold] of `replicates`, or the run of `config` if there are none."""
    check(config, HydraConfig.get().overrides.task)
    members = []
    for seed, fold in replicates or [[config.seed, config.fold]]:
        own = config.copy()
        own.seed, own.fold = seed, fold
        check(own)
        members.append(Member(own, RunFolder.of(own)))
    return members


def _train(members: Sequence[Member]) -> None:
    """Train runs. Those that an error leaves without a result have failed, unless the disk is full."""
    try:
        with _disk_errors_once():
            _fit(members)
    except HeldError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskFullError(full_folder(error, members[0].folder.path)) from error
        told = MemoryFullError(error) if is_memory_full(error) else error
        for member in members:
            if not member.folder.is_over:
                member.folder.fail(report(told))
        if told is not error:
            raise told from error
        raise
    finally:
        for member in members:
            member.folder.release()


def _fit(members: Sequence[Member]) -> None:
    # Torch and Lightning take seconds to import, so this comes after all checks of the input.
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
    """Keep TensorBoard's thread from printing that the disk is full: it raises the same error in the main thread."""
    before = threading.excepthook
    threading.excepthook = lambda given: None if is_disk_full(given.exc_value) else before(given)
    try:
        yield
    finally:
        threading.excepthook = before


def _work_in_study(config: DictConfig) -> list[RunOutcome]:
    job = Job.current()
    end_with_launcher(job.launcher)
    try:
        job.check_machine()
        members = _members(config, job.replicates)
    except Exception as error:
        if not is_mistake(error):
            raise
        outcome = RunOutcome(" ".join(HydraConfig.get().overrides.task), "failed", message(error))
        print_outcome(0, outcome)
        return [outcome] * max(1, len(job.replicates))
    refused = [_claim(member.folder) for member in members]
    mine = [member for member, outcome in zip(members, refused, strict=True) if outcome is None]
    ended_by = _train_in_study(mine) if mine else None
    outcomes = [outcome or _outcome(member.folder, ended_by) for member, outcome in zip(members, refused, strict=True)]
    for k, (member, outcome) in enumerate(zip(members, outcomes, strict=True)):
        print_outcome(k, outcome, member)
    return outcomes


def _claim(folder: RunFolder) -> RunOutcome | None:
    """Claim a run for this process; an outcome means that it is not to be trained here."""
    termination.check()
    try:
        if _disk_full:
            raise _disk_full[0]
        if folder.is_finished():
            return RunOutcome(str(folder.record), "finished")
        folder.claim()
    except HeldError as error:  # maybe another command has finished it since this one began
        return _outcome(folder, error)
    except Exception as error:
        if not is_mistake(error):
            raise
        return _without_result(folder, error)
    return None


def _train_in_study(members: Sequence[Member]) -> Exception | None:
    """Train runs, and return the error that ended it."""
    print_start(members)
    try:
        with _quiet():
            _train(members)
    except Exception as error:
        if isinstance(error, DiskFullError):
            _disk_full.append(error)
        return error
    return None


def _outcome(folder: RunFolder, error: Exception | None) -> RunOutcome:
    """The outcome of a run after its training, which `error` may have ended."""
    if folder.is_finished():
        return RunOutcome(str(folder.record), "finished")
    if error is None:
        return RunOutcome(str(folder.record), "failed", folder.failure or "it ended without a result")
    return _without_result(folder, error)


def _without_result(folder: RunFolder, error: Exception) -> RunOutcome:
    name, text = str(folder.record), folder.failure or message(error)
    if isinstance(error, HeldError) and not folder.is_over:
        return RunOutcome(name, "elsewhere", text)
    if isinstance(error, DiskFullError) and not folder.is_over:
        return RunOutcome(name, "full", text)
    kept = "" if is_mistake(error) else f" (traceback in {folder.path / FAILED})"
    return RunOutcome(name, "failed", f"{text}{kept}")


@contextmanager
def _quiet() -> Iterator[None]:
    """A run of a study prints one line; its epochs are in TensorBoard."""
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)
