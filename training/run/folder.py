"""The folder of one run: named by its configuration, resumable, finished by one rename."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from cells.errors import UserError
from conf.configuration import alteration_of, is_market, kind
from datamodules.files import replacing
from training.run.errors import DiskFullError, HeldError, is_disk_full
from training.run.leases import Lease, holder
from training.run.record import fingerprint, identity

CONFIG, MARK, FAILED = "config.yaml", "finished", "failed"


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is then on the disk, whole."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


class RunFolder:
    """Files of one run.

    `config.yaml` (written first), `checkpoints/model.ckpt` (the tested epoch) and `last.ckpt`, TensorBoard's events,
    `predictions.csv`, `metrics.csv`, and `finished`, written last by rename. A run that failed has `failed` instead:
    the error in one line, then its traceback. While it is made there is `running`, see claims.py.

    Attributes:
        is_over: whether this object finished the run, or let it fail.
        failure: why, in one line.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path = path
        self.identity = identity
        self.is_over = False
        self.failure = ""
        self._claim: Lease | None = None

    @classmethod
    def of(cls, config: DictConfig) -> "RunFolder":
        """The folder that belongs to a configuration, wherever the command is given from a second time."""
        this = identity(config)
        if config.run_dir is not None:
            return cls(Path(config.run_dir), this)
        cell = re.sub(r"[^A-Za-z0-9]+", "_", alteration_of(config).name).strip("_")[:40]
        window = f"window{config.window}_" if is_market(config) else ""
        name = f"{window}seed{config.seed}_fold{config.fold}_{fingerprint(this)}"
        return cls(Path(config.runs_dir) / kind(config) / config.model.name / cell / name, this)

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """The run that lies in a folder.

        Raises:
            UserError: none does.
        """
        try:
            identity = OmegaConf.to_container(OmegaConf.load(path / CONFIG))
        except (OSError, YAMLError) as error:
            raise UserError(f"{path / CONFIG} cannot be read ({type(error).__name__}); is {path} a run?") from error
        if not isinstance(identity, dict) or "cell" not in identity:
            raise UserError(f"{path / CONFIG} is not that of a run; give a folder that train.py wrote.")
        return cls(path, {str(key): value for key, value in identity.items()})

    @staticmethod
    def finished_below(path: Path) -> list[Path]:
        """The folders of all finished runs in `path` and below it."""
        return sorted(mark.parent for mark in path.rglob(MARK) if mark.with_name(CONFIG).exists())

    def is_finished(self) -> bool:
        """Whether all results of this very configuration are there.

        Raises:
            UserError: the folder belongs to another configuration.
        """
        self._refuse_another_configuration()
        return self._mark.exists()

    @property
    def last_checkpoint(self) -> Path | None:
        """Where an interrupted run goes on, or None."""
        path = self.checkpoints / "last.ckpt"
        return path if path.exists() else None

    @property
    def checkpoints(self) -> Path:
        """Holds model.ckpt, and last.ckpt or stack.ckpt until the run is finished."""
        return self.path / "checkpoints"

    @property
    def stack_checkpoint(self) -> Path:
        """Where an interrupted run goes on that was one of a stack, of which others may have finished."""
        return self.checkpoints / "stack.ckpt"

    @property
    def tested_checkpoint(self) -> Path:
        """Weights of the epoch that is tested."""
        return self.checkpoints / "model.ckpt"

    def claim(self) -> None:
        """Create the folder, take its lease and write down what it is for; once is enough.

        Raises:
            UserError: the folder belongs to another configuration, or cannot be written.
            HeldError: another process makes the run.
        """
        self._refuse_another_configuration()
        if self._claim is not None:
            return
        claim = Lease(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not claim.take():
                raise HeldError(self.path, holder(self.path))
            self._claim = claim
            write_atomically(self._config, OmegaConf.to_yaml(self.identity))
        except OSError as error:
            self.release()
            if is_disk_full(error):
                raise DiskFullError(self.path) from error
            raise UserError(f"{self.path} cannot be written ({error.strerror}); choose runs_dir=...") from error

    def check_claim(self) -> None:
        """Refuse to go on with a run that another process took over, because this one stood still for too long.

        Raises:
            HeldError: it did.
        """
        if self._claim is not None and not self._claim.is_ours:
            raise HeldError(self.path, holder(self.path))

    def finish(self) -> None:
        """Mark the run finished.

        Raises:
            HeldError: another process took it over.
        """
        self.check_claim()
        (self.path / FAILED).unlink(missing_ok=True)
        write_atomically(self._mark, "")
        for left in (self.checkpoints / "last.ckpt", self.stack_checkpoint):
            left.unlink(missing_ok=True)
        self.is_over = True
        self.release()

    def fail(self, report: str) -> None:
        """Keep why the run failed, if it had begun. Where that cannot be written, the run is an interrupted one.

        Args:
            report: the error in one line, then what else there is to know.
        """
        if self._config.exists() and (self._claim is None or self._claim.is_ours):
            with suppress(OSError):
                write_atomically(self.path / FAILED, report)
        self.is_over, self.failure = True, report.partition("\n")[0]
        self.release()

    def release(self) -> None:
        """Let others make the run."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

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
        except (OSError, ValueError, YAMLError) as error:  # ValueError: bytes that are no text
            raise UserError(f"{self._config} is damaged ({type(error).__name__}); remove that folder.") from error
        if there == self.identity:
            return
        if not isinstance(there, dict):
            raise UserError(f"{self._config} is not that of a run; choose another run_dir or remove that folder.")
        differing = sorted(key for key in {*there, *self.identity} if there.get(key) != self.identity.get(key))
        raise UserError(
            f"{self.path} holds a run with another configuration (differs in {', '.join(map(str, differing))}); "
            "choose another run_dir or remove that folder."
        )


class Member(NamedTuple):
    """A run that is to be made."""

    config: DictConfig
    folder: RunFolder
