"""Train one net with one cell on texts or a market: `python train.py cell=C1 data=mlma`; --help explains every key."""

import signal
import sys

STARTING = __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler
if STARTING:  # until main() can answer in one line, Ctrl-C ends the program without one
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import hydra
from omegaconf import DictConfig

from conf.faulty_files import refuse_unreadable_folder
from conf.keys import plain, refuse_hydras_keys
from conf.mistakes import one_line_errors
from training.run.termination import terminable
from training.studies.outcome import RunOutcome
from training.studies.stack_key import STACK_KEYS, imply_multirun, overrides_together
from training.studies.tune_key import TUNE_KEYS, spelled_out
from training.studies.worker import work


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def compose_and_work(config: DictConfig) -> list[RunOutcome]:
    """Train the runs of one job: one run, or with `stack=` several that are trained as one net."""
    return work(config)


def main() -> None:
    """Run the command line; -m and experiment= make many jobs, see `training.studies.sweeper`."""
    if STARTING:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = overrides_together(spelled_out([plain(argument) for argument in sys.argv[1:]]))
    imply_multirun(sys.argv, (*STACK_KEYS, *TUNE_KEYS))
    with one_line_errors("Interrupted; the same command goes on after the last epoch that was written."), terminable():
        refuse_hydras_keys(sys.argv[1:])
        refuse_unreadable_folder(sys.argv[1:])
        compose_and_work()


if __name__ == "__main__":
    main()
