"""Hydra's answer to -m and experiment=. Hydra looks for plugins in folders of this name, and nowhere else."""

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from training.studies import launchers, progress
from training.studies.outcome import announce, end
from training.studies.retries import Rounds
from training.studies.study import Plan, Planned, Study, plan
from training.studies.worker import Outcome

Place = Mapping[str, str | int | float]
"""What a job is told of its study, see conf/hydra/sweeper/study.yaml."""


class StudySweeper(Sweeper):
    """Makes all combinations of what an experiment and the command line vary, but for the finished ones.

    Hydra's own sweeper composes each run twice, which takes a sixth of a second, before train.py sees that it is
    finished. Here runs that differ in seed and fold only are composed once, and finished ones are not launched.

    Args:
        params: of an experiment, see conf/hydra/sweeper/study.yaml.
        one_of: likewise.
        place, together: for the jobs, which read them from their configuration.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        one_of: Sequence[Mapping[str, Any]],
        place: Mapping[str, Any],
        together: Sequence[Sequence[int]],
    ):
        self.params, self.one_of = params, one_of

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed."""
        self.loader, self.given = hydra_context.config_loader, config
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.launch = launcher.launch
        self.workers = launchers.workers(config.hydra.launcher)

    def sweep(self, arguments: list[str]) -> None:
        """Make the runs.

        Raises:
            UserError: some of them failed, and have been listed; or the command line makes no sense.
        """
        parser = OverridesParser.create(config_loader=self.loader)
        study = Study.read(self.params, self.one_of, arguments, parser, self.given.n_folds)
        planned = plan(study.runs(), self._compose, parser)
        announce(planned)
        if not planned.todo:
            return
        record = progress.record(Path(self.given.runs_dir), planned.folders)
        place: Place = {
            "finished": len(planned.finished),
            "total": len(planned.finished) + len(planned.todo),
            "since": time.time(),
            "study": str(record),
            "host": socket.gethostname(),
            "version": launchers.version(),
        }
        self._make(planned, study.stack, place)

    def _make(self, planned: Plan, stack: int, place: Place) -> None:
        def launch(stacks: list[list[Planned]]) -> list[list[Outcome]]:
            number = len(planned.finished) + rounds.tally.over + 1
            jobs = []
            for members in stacks:
                jobs.append([*self._overrides(members), _told({"number": number, **place})])
                number += len(members)
            return [job.return_value for job in self.launch(jobs, initial_job_idx=0)]

        def line() -> str:
            return str(progress.standing(planned.folders, float(place["since"])))

        rounds = Rounds(planned.todo, launch, stack, self.workers.at_once, self.workers.apart)
        if self.workers.apart:
            launchers.let_workers_import()
        # A stack's runs are heard of when all of them are over.
        with nullcontext() if self.workers.heard and stack == 1 else progress.shown(line):
            tally = rounds.make()
        end(planned, tally, in_full=self.workers.apart)

    def _overrides(self, members: Sequence[Planned]) -> list[str]:
        """Of the job that makes these runs."""
        one = members[0]
        there = launchers.surroundings(one.config, self.workers.threads) if self.workers.apart else ()
        if len(members) == 1:
            return [*one.overrides, *there]
        return [*one.heavy, *there, f"hydra.sweeper.together={[[run.seed, run.fold] for run in members]}"]

    def _compose(self, overrides: list[str]) -> DictConfig:
        config: DictConfig = self.loader.load_sweep_config(self.given, overrides)
        with open_dict(config):
            del config["hydra"]  # as in the configuration that the run gets
        return config


def _told(place: Place) -> str:
    """The override that tells a job its place in the study."""
    values = [f"{key}: {launchers.quoted(value) if isinstance(value, str) else value}" for key, value in place.items()]
    return f"hydra.sweeper.place={{{', '.join(values)}}}"
