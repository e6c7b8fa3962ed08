"""The group `cell` for Hydra: instead of files, each name stands for an alteration of `cells.alterations`."""

from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from cells.declared import DECLARED
from conf.compose import CELLS, keys_named

GROUP = "cell"


class CellSource(ConfigSource):
    """Answers for conf/cell/C1.yaml, conf/cell/C1+H2.yaml and so on, wherever Hydra looks for them.

    It stands as cells:// in `hydra.searchpath`, see conf/config.yaml.
    """

    @staticmethod
    def scheme() -> str:
        """The scheme of its URL, the word before ://."""
        return "cells"

    def load_config(self, config_path: str) -> ConfigResult:
        """The keys below `cell` for a name.

        Raises:
            UserError: there is no such name, or two of them alter the same equation.
        """
        node = OmegaConf.create(keys_named(config_path.removeprefix(f"{GROUP}/")))
        for declared in DECLARED:
            OmegaConf.set_struct(node[declared], False)  # so that cell.learned.p=0 needs no + in front
        return ConfigResult(self.provider, f"{self.scheme()}://{config_path}", node, header={"package": None})

    def available(self) -> bool:
        """True, as there are no files that could be missing."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Whether the path is the group itself."""
        return config_path.rstrip("/") == GROUP

    def is_config(self, config_path: str) -> bool:
        """Whether the path is in the group; `load_config` reports an unknown name."""
        return config_path.startswith(f"{GROUP}/")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The group, or the names in it that others can be joined to."""
        offered = {"": ([GROUP], ObjectType.GROUP), GROUP: (list(CELLS), ObjectType.CONFIG)}
        names, kind = offered.get(config_path.strip("/"), ([], None))
        return sorted(names) if results_filter in (None, kind) else []
