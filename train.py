"""Train one net with one cell on texts or a market: `python train.py cell=C1 data=mlma`; --help explains every key."""

import sys

import hydra
from omegaconf import DictConfig

from conf.command_line import one_line_errors
from conf.configuration import register_cells
from training.studies.outcome import RunOutcome
from training.studies.stack_key import imply_multirun
from training.studies.worker import work


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def compose_and_work(config: DictConfig) -> list[RunOutcome]:
    """The runs of one job: one, or with `stack=` several that are trained as one net."""
    return work(config)


def main() -> None:
    """Everything the command line asks for; with -m or experiment= many jobs, see `training.studies.sweeper`."""
    register_cells()
    imply_multirun(sys.argv)
    with one_line_errors("Interrupted; the same command goes on after the last epoch that was written."):
        compose_and_work()


if __name__ == "__main__":
    main()
