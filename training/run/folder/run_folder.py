"""The folder of one run: named by its configuration, resumable, finished once."""

import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError
from datamodules.files import replacing
from training.run.folder.attempt import Attempt, end_attempts, is_marked
from training.run.folder.damage import DAMAGE
from training.run.folder.durable import flush, flush_names, write_through
from training.run.folder.errors import DiskFullError, HeldError, is_disk_full
from training.run.folder.leases import LEASE_FILE, Lease, holder
from training.run.folder.record import Record

CONFIG, MARK, FAILED = "config.yaml", "finished", "failed"


def _refuse_unreadable(error: OSError) -> None:
    if isinstance(error, PermissionError):  # another error: the folder is gone by now
        raise error


class RunFolder:
    """The files of one run.

    `config.yaml` is written first; then come `checkpoints/model.ckpt` (the tested epoch) and `last.ckpt`, TensorBoard's
    events, `predictions.csv` and `metrics.csv`, and last `finished`, which is created once. A run that failed has
    `failed` instead: the error in one line, then its traceback. While the run is being trained there are `running`, its
    lease, and the folder of the attempt, through which all files but the logs are written.

    Attributes:
        is_over: whether this object has marked the run as finished or failed.
        failure: why it failed, in one line.

    Args:
        path: of the folder, which need not exist.
        record: of the run.
    """

    def __init__(self, path: Path, record: Record):
        self.path = path
        self.record = record
        self.is_over = False
        self.failure = ""
        self._lease: Lease | None = None
        self._attempt: Attempt | None = None
        self._marked = False  # a network's disk may hide a mark that is there for as long as a minute

    @classmethod
    def of(cls, config: DictConfig) -> "RunFolder":
        """The folder of a configuration: the same configuration always has the same folder."""
        record = Record.of(config)
        given = config.run_dir
        return cls(Path(config.runs_dir) / record.folder if given is None else Path(given), record)

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """The run in a folder.

        Raises:
            UserError: there is none.
        """
        try:
            values = OmegaConf.to_container(OmegaConf.load(path / CONFIG))
        except (OSError, *DAMAGE) as error:
            raise UserError(f"{path / CONFIG} cannot be read ({type(error).__name__}); is {path} a run?") from error
        if not isinstance(values, dict) or "cell" not in values:
            raise UserError(f"{path / CONFIG} is not the configuration of a run; give a folder that train.py wrote.")
        return cls(path, Record({str(key): value for key, value in values.items()}))

    @staticmethod
    def finished_below(path: Path) -> list[Path]:
        """The folders of all finished runs in `path` and below it, as `started_below`."""
        return [folder for folder in RunFolder.started_below(path) if (folder / MARK).is_file()]

    @staticmethod
    def started_below(path: Path) -> list[Path]:
        """The folders of all runs in `path` and below it, but not in folders whose names begin with a dot.

        Raises:
            PermissionError: a folder there may not be read; `Path.rglob` would pass over it, and its runs be missing.
        """
        found = []
        for folder, below, names in os.walk(path, onerror=_refuse_unreadable):
            below[:] = [name for name in below if not name.startswith(".")]
            if CONFIG in names:
                found.append(Path(folder))
        return sorted(found)

    def is_finished(self) -> bool:
        """Whether all results of this configuration are there. If so, what a killed process left is removed.

        Raises:
            UserError: the folder belongs to another configuration.
        """
        self._refuse_another_configuration()
        if not (self._marked or self._mark.is_file()):
            return False
        with suppress(OSError, HeldError):  # others may look at a finished run, too
            self._remove_checkpoints_to_resume_from()  # a process that was killed right after its mark has left them
            self._remove_traces_of_training()
        return True

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint of the last epoch; see `checkpoints.resumption` for that from which a run goes on."""
        return self.checkpoints / "last.ckpt"

    @property
    def checkpoints(self) -> Path:
        """The folder of model.ckpt and, until the run is finished, last.ckpt or stack.ckpt."""
        return self.path / "checkpoints"

    @property
    def stack_checkpoint(self) -> Path:
        """The checkpoint from which an interrupted run of a stack goes on; others of the stack may have finished."""
        return self.checkpoints / "stack.ckpt"

    @property
    def tested_checkpoint(self) -> Path:
        """The checkpoint of the tested epoch."""
        return self.checkpoints / "model.ckpt"

    def claim(self) -> None:
        """Create the folder, take its lease, begin an attempt and write config.yaml; a second call does nothing.

        Raises:
            UserError: the folder belongs to another configuration, or cannot be written.
            HeldError: another process is training the run, or has finished it: see `is_finished` then.
        """
        self._refuse_another_configuration()
        if self._lease is not None:
            return
        lease = Lease(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not lease.take():
                raise HeldError(self.path, holder(self.path))
            self._lease = lease
            self._begin_attempt(lease)
            self.write(CONFIG, self.record.yaml)
        except HeldError:
            self.release()
            raise
        except OSError as error:
            self.release()
            if is_disk_full(error):
                raise DiskFullError(self.path) from error
            raise UserError(f"{self.path} cannot be written ({error.strerror}); choose runs_dir=...") from error

    def _begin_attempt(self, lease: Lease) -> None:
        self._attempt = Attempt(self.path)
        if not lease.is_ours:  # who has taken it over before there was an attempt has not ended it
            raise HeldError(self.path, holder(self.path))
        self._attempt.end_others()  # from here on nobody else can finish the run
        self._marked = is_marked(self._mark)
        if self._marked:
            raise HeldError(self.path, None)

    def replacing(self, path: Path) -> AbstractContextManager[Path]:
        """Yield a temporary path; rename it to `path`, a file of the run, when the block ends.

        Raises:
            HeldError: another process has taken the run over, so that `path` stays as it is.
        """
        return self._attempt.replacing(path) if self._attempt is not None else replacing(path)

    def write(self, name: str, text: str) -> None:
        """Write a file of the run, as `replacing`; it is on the disk afterwards."""
        with self.replacing(self.path / name) as temporary:
            write_through(temporary, text)

    def check_lease(self) -> None:
        """Refuse to go on if another process took the run over or finished it: this one stood still for too long.

        Raises:
            HeldError: another process has the lease.
        """
        if self._lease is not None and (not self._lease.is_ours or self._mark.is_file()):
            raise HeldError(self.path, holder(self.path))

    def finish(self) -> None:
        """Mark the run finished.

        Raises:
            HeldError: another process took it over.
        """
        self.check_lease()
        (self.path / FAILED).unlink(missing_ok=True)
        if self.tested_checkpoint.exists():
            flush(self.tested_checkpoint)
        flush_names(self.checkpoints, self.path)
        self._write_mark()
        flush_names(self.path)
        self._remove_checkpoints_to_resume_from()
        self.is_over = True
        self.release()

    def _remove_checkpoints_to_resume_from(self) -> None:
        for path in (self.last_checkpoint, self.stack_checkpoint):
            path.unlink(missing_ok=True)

    def _remove_traces_of_training(self) -> None:
        """Remove the lease of a dead process, which names the machine, and its attempt."""
        lease = Lease(self.path)
        if (self.path / LEASE_FILE).exists() and lease.take():
            try:
                end_attempts(self.path)
            finally:
                lease.release()

    def _write_mark(self) -> None:
        while not self._marked:
            try:
                self.write(MARK, "")
                self._marked = True
            except IsADirectoryError:  # for a moment, see `is_marked`
                with suppress(OSError):
                    self._mark.rmdir()

    def fail(self, report: str) -> None:
        """Write down why the run failed, if it had begun. If that cannot be written, the run counts as interrupted.

        Args:
            report: the error in one line, then its traceback.
        """
        if self._config.exists() and (self._lease is None or self._lease.is_ours):
            with suppress(OSError, HeldError):
                self.write(FAILED, report)
        self.is_over, self.failure = True, report.partition("\n")[0]
        self.release()

    def release(self) -> None:
        """Give the lease back, so that other processes can train the run."""
        if self._attempt is not None:
            self._attempt.end()
            self._attempt = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    @property
    def _config(self) -> Path:
        return self.path / CONFIG

    @property
    def _mark(self) -> Path:
        return self.path / MARK

    def _refuse_another_configuration(self) -> None:
        if not self._config.exists():
            return
        try:
            there = OmegaConf.to_container(OmegaConf.load(self._config))
        except DAMAGE as error:
            raise UserError(f"{self._config} is damaged ({type(error).__name__}); remove that folder.") from error
        values = self.record.values
        if there == values:
            return
        if not isinstance(there, dict):
            raise UserError(
                f"{self._config} is not the configuration of a run; choose another run_dir or remove that folder."
            )
        differing = sorted(key for key in {*there, *values} if there.get(key) != values.get(key))
        raise UserError(
            f"{self.path} holds a run with another configuration (differs in {', '.join(map(str, differing))}); "
            "choose another run_dir or remove that folder."
        )


class Member(NamedTuple):
    """A run to train, and its folder."""

    config: DictConfig
    folder: RunFolder
