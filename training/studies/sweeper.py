"""Hydra's sweeper for -m and experiment=: does all runs of a study that are not finished."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cells.errors import UserError
from conf.compose import known
from conf.keys import check_expanded, refuse_hydras_keys_of_files
from training.studies import launchers, progress
from training.studies.grid import Grid, RunOverrides
from training.studies.job import Job
from training.studies.outcome import RunOutcome, announce, conclude
from training.studies.retries import Retries
from training.studies.search import TRIALS
from training.studies.study_plan import PlannedRun, StudyPlan, plan_study
from training.studies.tuning import with_tuned


class StudySweeper(Sweeper):
    """Does every combination of the values that an experiment and the command line vary, except finished runs.

    Hydra's own sweeper composes each run twice, which takes a sixth of a second, before train.py sees that it is
    finished. This one composes runs that differ in seed and fold alone only once, and does not launch finished ones.

    Args:
        params, one_of: an experiment's, see conf/hydra/sweeper/study.yaml.
        job: not for the sweeper; jobs read it from their configuration, see `Job`.
    """

    def __init__(self, params: Mapping[str, Any], one_of: Sequence[Mapping[str, Any]], job: Mapping[str, Any]):
        self.params, self.one_of = params, one_of

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take over what Hydra composed."""
        self.loader, self.given = hydra_context.config_loader, config
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        launchers.tie_workers(launcher)
        self.launch = launcher.launch
        self.workers = launchers.workers(config.hydra.launcher)

    def sweep(self, arguments: list[str]) -> None:
        """Do the study's runs.

        Raises:
            UserError: the command line makes no sense, or runs failed, which have been listed.
        """
        if not isinstance(self.params, Mapping) or not all(isinstance(one, Mapping) for one in self.one_of):
            raise UserError("an experiment's hydra.sweeper.params is keys with values, and one_of a list of such.")
        refuse_hydras_keys_of_files(self.given.hydra)
        parser = OverridesParser.create(config_loader=self.loader)
        grid = Grid.read(self.params, self.one_of, arguments, parser, self.given.n_folds)
        runs = grid.runs()
        compose = cache(self._compose)
        if grid.tune is not None:

            def train(trials: Sequence[RunOverrides]) -> None:
                plan = plan_study(trials, compose, parser)
                if plan.todo:
                    self._run(plan, grid.stack, self._study(plan, TRIALS), is_trial=True)

            runs = with_tuned(runs, grid.tune, compose, train)
        plan = plan_study(runs, compose, parser)
        announce(plan)
        if plan.todo:
            self._run(plan, grid.stack, self._study(plan))

    def _study(self, plan: StudyPlan, below: str = "") -> Job:
        """The message to every job of a study, whose record is written in runs_dir or a folder `below` it."""
        return Job(
            first=1,
            replicates=[],
            finished=len(plan.finished),
            total=plan.total,
            since=time.time(),
            record=str(progress.write_record(Path(self.given.runs_dir) / below, plan.folders, plan.invalid)),
            host=socket.gethostname(),
            launcher=os.getpid() if self.workers.local else 0,
            version=launchers.program_version(),
        )

    def _run(self, plan: StudyPlan, stack: int, study: Job, is_trial: bool = False) -> None:
        """Launch the runs to do, as jobs like `study`."""

        def launch(stacks: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
            first = len(plan.finished) + retries.outcome.over + 1
            jobs = []
            for runs in stacks:
                jobs.append(self._overrides(runs, study._replace(first=first)))
                first += len(runs)
            return [job.return_value for job in self.launch(jobs, initial_job_idx=0)]

        def line() -> str:
            return str(progress.progress_of(plan.folders, study.since, plan.invalid))

        retries = Retries(plan.todo, launch, stack, self.workers.at_once, self.workers.separate)
        if self.workers.separate:
            launchers.export_python_path()
        # A stack prints its lines only when all of its runs are over.
        with nullcontext() if self.workers.share_terminal and stack == 1 else progress.progress_line(line):
            outcome = retries.run()
        conclude(plan, outcome, in_full=self.workers.separate, is_trial=is_trial)

    def _overrides(self, runs: Sequence[PlannedRun], job: Job) -> list[str]:
        """The command line of the job that does these runs."""
        first = runs[0]
        surroundings = launchers.worker_overrides(first.config, self.workers.threads) if self.workers.separate else ()
        if len(runs) == 1:
            return [*first.overrides, *surroundings, job.override]
        replicates = [[run.seed, run.fold] for run in runs]
        return [*first.shared, *surroundings, job._replace(replicates=replicates).override]

    def _compose(self, overrides: tuple[str, ...]) -> DictConfig:
        config = known(self.loader.load_sweep_config(self.given, list(overrides)))
        check_expanded(config)
        return config
