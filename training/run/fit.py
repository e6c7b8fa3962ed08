"""One run, from its configuration to its results."""

from omegaconf import DictConfig

from training.run import build, results
from training.run.folder import RunFolder


def fit(config: DictConfig, folder: RunFolder) -> None:
    """Load, train, test and write one run in its folder; it is finished then.

    Raises:
        UserError: the configuration, the data or the training allow no result.
        HeldError: another process makes the run.
    """
    problem = build.problem(config)
    task = problem.task(build.net(config, problem), config.lr)
    folder.claim()
    trainer = build.trainer(config, problem, folder)
    build.fit(trainer, task, problem, folder)
    results.write(trainer, task, problem, folder, build.seconds(trainer))
