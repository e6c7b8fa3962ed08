"""Hydra looks for plugins in folders of this name only; the sweeper is `training.studies.sweeper`."""

from training.studies import sweeper


class StudySweeper(sweeper.StudySweeper):
    """hydra/sweeper=study."""
