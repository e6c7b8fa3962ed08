"""The group `cell` for Hydra: there are no files of it, each name stands for an alteration of `cells.alterations`."""

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
        """The word in front of ://."""
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
        """Always."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Whether it is the group itself."""
        return config_path.rstrip("/") == GROUP

    def is_config(self, config_path: str) -> bool:
        """Whether it is in the group; `load_config` says what is wrong with an unknown name."""
        return config_path.startswith(f"{GROUP}/")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The group, or the names in it that others can be joined to."""
        offered = {"": ([GROUP], ObjectType.GROUP), GROUP: (list(CELLS), ObjectType.CONFIG)}
        names, kind = offered.get(config_path.strip("/"), ([], None))
        return sorted(names) if results_filter in (None, kind) else []
