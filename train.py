"""Train one net with one cell on texts or a market: `python train.py cell=C1 data=mlma`; --help explains every key."""

import logging

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from training.command_line import Sweep, one_line_errors
from training.configuration import check, register_cells
from training.folder import RunFolder

log = logging.getLogger("lstm-cs")
sweep = Sweep()


def run(config: DictConfig) -> None:
    """Load, fit, test and write; or say that this has been done."""
    check(config, HydraConfig.get().overrides.task)
    folder = RunFolder.of(config)
    if folder.is_finished():
        log.info("%s is finished; nothing to do.", folder.path)
        return

    # Torch and Lightning take seconds to import: only after everything that can be refused was refused.
    from training import build, results

    job = build.job(config)
    task = job.task(build.net(config, job), config.lr)
    folder.claim()
    trainer = build.trainer(config, job, folder)
    build.fit(trainer, task, job, folder)
    results.write(trainer, task, job, folder)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def compose_and_run(config: DictConfig) -> None:
    """One run of the command line, which is one of several with -m."""
    with sweep.run():
        run(config)


def main() -> None:
    """Everything the command line asks for."""
    register_cells()
    with one_line_errors("Interrupted; the same command resumes after the last whole epoch."):
        compose_and_run()
    sweep.end()


if __name__ == "__main__":
    main()
