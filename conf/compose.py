"""The configuration as train.py composes it from the YAML files beside this one, and the cell that it names."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from cells.alterations import CURRENT, HIDDEN, Alteration
from conf.kinds import Config

CONF = Path(__file__).resolve().parent

PLACEBO = "placebo"
"""The cell that is the baseline with other initial weights and dropout, see `training.run.seeds`. A test that finds it
better or worse than the baseline has raised a false alarm."""


def register_cells() -> None:
    """Offer the baseline, each line of Table 1 and the placebo to Hydra as `cell=NAME`."""
    store = ConfigStore.instance()
    table = {"baseline": Alteration()}
    table |= {name: Alteration(current=formula) for name, formula in CURRENT.items()}
    table |= {name: Alteration(hidden=formula) for name, formula in HIDDEN.items()}
    for name, alteration in table.items():
        store.store(group="cell", name=name, node=alteration.texts())
    store.store(group="cell", name=PLACEBO, node={**Alteration().texts(), PLACEBO: True})


def composed(*overrides: str) -> DictConfig:
    """Compose the configuration of `python train.py OVERRIDES`; `checks.check` has not seen it yet."""
    register_cells()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def alteration_of(config: DictConfig) -> Alteration:
    """The alteration that `cell=` names.

    Raises:
        FormulaError: points at the mistake in a formula.
    """
    return Alteration(current=config.cell.current, hidden=config.cell.hidden)


def is_placebo(config: Config) -> bool:
    """Whether the cell of a configuration or of a record is the placebo."""
    return bool(config["cell"].get(PLACEBO))


def in_multirun() -> bool:
    """Whether this process is doing a run of -m or of an experiment."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
