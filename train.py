"""Train one net with one cell on texts or a market: `python train.py cell=C1 data=mlma`; --help explains every key."""

import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from training.attempt import Member, Outcome, attempt
from training.command_line import one_line_errors, several_if_stacked
from training.configuration import register_cells


def run(members: Sequence[Member]) -> None:
    """Load, fit, test and write: one run, or several trained as one."""
    # Torch and Lightning take seconds to import: only after everything that can be refused was refused.
    from training import build, results, together

    if len(members) > 1 or members[0].folder.stack_checkpoint.exists():
        return together.fit(members, run)
    config, folder = members[0]
    job = build.job(config)
    task = job.task(build.net(config, job), config.lr)
    folder.claim()
    trainer = build.trainer(config, job, folder)
    build.fit(trainer, task, job, folder)
    return results.write(trainer, task, job, folder, build.seconds(trainer))


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def compose_and_run(config: DictConfig) -> list[Outcome]:
    """One run of the command line, which is one of several with -m or experiment=."""
    return attempt(config, run)


def main() -> None:
    """Everything the command line asks for."""
    register_cells()
    several_if_stacked(sys.argv)
    with one_line_errors("Interrupted; the same command goes on after the last epoch that was written."):
        compose_and_run()


if __name__ == "__main__":
    main()
