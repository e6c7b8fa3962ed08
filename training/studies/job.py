"""A job: one unit of work that a launcher hands to a worker, and what it is told about its study."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig

from cells.errors import UserError
from training.studies.launchers import PROJECT, program_version, quoted


class Job(NamedTuple):
    """A message from the sweeper to a job: the override `hydra.sweeper.job={...}`; see conf/hydra/sweeper/study.yaml.

    Attributes:
        first: the number of its first run among all runs of the study, from 1.
        replicates: [seed, fold] of each run that it trains as one; empty if it trains a single run.
        finished: how many runs were finished when the command began.
        total: how many runs the study has.
        since: when the command began, in seconds since 1970.
        record: the study's file, which every worker must see.
        host: the machine that wrote the file.
        launcher: the process on it with which its workers end; 0: they go on, as Slurm's do.
        version: of the program on that machine.
    """

    first: int
    replicates: Sequence[Sequence[int]]
    finished: int
    total: int
    since: float
    record: str
    host: str
    launcher: int
    version: str

    @classmethod
    def current(cls) -> "Job":
        """The job that this process works on."""
        told = HydraConfig.get().sweeper.job
        return cls(**{str(key): value for key, value in told.items()})

    @property
    def override(self) -> str:
        """The job, as the worker's command line takes it."""
        values = {key: quoted(value) if isinstance(value, str) else value for key, value in self._asdict().items()}
        return f"hydra.sweeper.job={{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"

    def check_machine(self) -> None:
        """Refuse to work where results would go elsewhere, or come from another program.

        Raises:
            UserError: says what this machine lacks.
        """
        here = socket.gethostname()
        if not Path(self.record).exists():
            raise UserError(
                f"{here} does not see {self.record}, which {self.host} wrote; give a runs_dir that all machines see."
            )
        if here != self.host and program_version() != self.version:
            raise UserError(
                f"{here} has another version of the program in {PROJECT} than {self.host}; install the same there."
            )
