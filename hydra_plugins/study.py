"""Hydra's answer to -m and experiment=. Hydra looks for plugins in folders of this name, and nowhere else."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from training.attempt import announce, end
from training.study import Planned, Study, plan


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

    def sweep(self, arguments: list[str]) -> None:
        """Make the runs.

        Raises:
            UserError: some of them failed, and have been listed; or the command line makes no sense.
        """
        parser = OverridesParser.create(config_loader=self.loader)
        study = Study.read(self.params, self.one_of, arguments, parser, self.given.n_folds)
        todo, finished = plan(study.runs(), self._compose, parser, study.stack)
        runs = sum(map(len, todo))
        announce(runs, finished)
        if not todo:
            return
        place = f"hydra.sweeper.place={{finished: {finished}, total: {finished + runs}, since: {time.time()}}}"
        returned: Sequence[JobReturn] = self.launch([[*_overrides(stack), place] for stack in todo], initial_job_idx=0)
        end([job.return_value for job in returned])

    def _compose(self, overrides: list[str]) -> DictConfig:
        config: DictConfig = self.loader.load_sweep_config(self.given, overrides)
        with open_dict(config):
            del config["hydra"]  # as in the configuration that the run gets
        return config


def _overrides(stack: Sequence[Planned]) -> list[str]:
    """Of the job that makes these runs."""
    if len(stack) == 1:
        return list(stack[0].overrides)
    return [*stack[0].heavy, f"hydra.sweeper.together={[[run.seed, run.fold] for run in stack]}"]
