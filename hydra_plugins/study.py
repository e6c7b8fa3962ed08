"""Hydra looks for plugins in packages of this name only; this sweeper is `training.studies.sweeper`."""

from training.studies import sweeper


class StudySweeper(sweeper.StudySweeper):
    """The sweeper of hydra/sweeper=study, which conf/config.yaml sets."""
