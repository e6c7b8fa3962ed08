"""Hydra looks for plugins in packages of this name only; this launcher is `training.studies.ray_launcher`."""

from training.studies import ray_launcher


class RayLauncher(ray_launcher.RayLauncher):
    """The launcher of hydra/launcher=ray."""
