"""The configuration as train.py composes it from the YAML files beside this one, and the cell that it names."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from cells.alterations import CURRENT, HIDDEN, Alteration
from conf.keys import PRIMARY, check_keys, plain

CONF = Path(__file__).resolve().parent


def register_cells() -> None:
    """Offer the baseline and each line of Table 1 to Hydra as `cell=NAME`."""
    store = ConfigStore.instance()
    table = {"baseline": Alteration()}
    table |= {name: Alteration(current=formula) for name, formula in CURRENT.items()}
    table |= {name: Alteration(hidden=formula) for name, formula in HIDDEN.items()}
    for name, alteration in table.items():
        store.store(group="cell", name=name, node=alteration.texts())


def composed(*overrides: str) -> DictConfig:
    """Compose the configuration of `python train.py OVERRIDES`; `checks.check` has not seen its values yet.

    Raises:
        UserError: it has a key that no file defines, or lacks one.
    """
    register_cells()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return known(compose(PRIMARY, [plain(override) for override in overrides], return_hydra_config=True))


def known(config: DictConfig) -> DictConfig:
    """A run's part of what Hydra composed, which is all but `hydra`.

    Raises:
        UserError: it has a key that no file defines, or lacks one.
    """
    choices = config.hydra.runtime.choices
    with open_dict(config):
        del config["hydra"]
    check_keys(config, choices)
    return config


def alteration_of(config: DictConfig) -> Alteration:
    """The alteration that `cell=` names.

    Raises:
        FormulaError: points at the mistake in a formula.
    """
    return Alteration(current=config.cell.current, hidden=config.cell.hidden)


def in_multirun() -> bool:
    """Whether this process is doing a run of -m or of an experiment."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
