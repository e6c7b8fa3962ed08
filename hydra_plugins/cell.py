"""Hydra looks for plugins in packages of this name only; this source of configurations is `conf.cell_source`."""

from conf import cell_source


class CellSource(cell_source.CellSource):
    """The source cells:// of `hydra.searchpath`, which conf/config.yaml sets."""
