"""Hydra looks for plugins in folders of this name only; the launcher is `training.studies.ray_launcher`."""

from training.studies import ray_launcher


class RayLauncher(ray_launcher.RayLauncher):
    """hydra/launcher=ray."""
