"""The configuration as train.py composes it from the YAML files beside this one, and the cell that it names."""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from cells.alterations import NAMED, Alteration, resolve
from cells.declared import DECLARED
from cells.equations import EQUATIONS
from cells.errors import UserError
from conf.keys import PRIMARY, check_keys, nearest, plain
from conf.kinds import Config

CONF = Path(__file__).resolve().parent

OWN_FORMATS = re.compile(r"(\.(csv|tsv|tab|txt|jsonl|ndjson|json|parquet|pq|gz|zip))*$", re.IGNORECASE)
"""The ends of a file's name that say how it is written, and not what it is."""


def name_of_file(path: str) -> str:
    """The name of a user's data set: of a file or folder, without its format; no name of conf/data."""
    name = re.sub(r"[^\w.-]+", "_", OWN_FORMATS.sub("", Path(path).name)).strip("._") or "texts"
    return f"{name}_file" if (CONF / "data" / f"{name}.yaml").exists() else name


OmegaConf.register_new_resolver("name_of_file", name_of_file, replace=True)  # for conf/data/csv.yaml and hf.yaml

PLACEBO = "placebo"
"""The cell that is the baseline with other initial weights and dropout, see `training.run.seeds`. A test that finds it
better or worse than the baseline gives a false alarm."""


CELLS = ("baseline", PLACEBO, *NAMED)
"""The names for `cell=`; those that alter different equations can be joined, as in C1+H2 and CIFG+C1."""

CELL_KEYS = tuple(field.name for field in fields(Alteration))
"""The keys below `cell`: the arguments of an alteration."""


def _file_name(path: object) -> str:
    """The name of a file without folders, its ending, and signs that a folder's name should not have."""
    return re.sub(r"[^\w=.-]+", "_", Path(str(path)).stem).strip("._") or "series"


OmegaConf.register_new_resolver("file_name", _file_name, replace=True)  # "${file_name:${series.file}}"


def keys_named(name: str) -> dict[str, Any]:
    """All keys below `cell` for `cell=NAME`.

    Raises:
        UserError: as `cell_named`.
    """
    return {**keys_of(Alteration()), PLACEBO: True} if name == PLACEBO else keys_of(cell_named(name))


def cell_named(name: str) -> Alteration:
    """The alteration of `cell=NAME`, where NAME may be several, joined by +.

    Raises:
        UserError: there is no such name, or two of them alter the same equation.
    """
    for each in map(str.strip, name.split("+")):
        if each not in CELLS:
            raise UserError(
                f"cell={name}: there is no cell {each!r}, did you mean {nearest(each, CELLS)!r}? The names are "
                f"{' '.join(CELLS)}; an equation of your own is given with cell.current=, cell.o= and so on."
            )
    try:
        made = resolve(name)
    except ValueError as error:
        raise UserError(f"cell={name}: {error}.") from error
    assert isinstance(made, Alteration)
    return made


def keys_of(alteration: Alteration) -> dict[str, Any]:
    """All keys below `cell` for an alteration: None for an equation left alone, {} where nothing is declared."""
    own = {key: {} if key in DECLARED else None for key in CELL_KEYS} | alteration.texts()
    return {**own, PLACEBO: False}


def composed(*overrides: str) -> DictConfig:
    """Compose the configuration of `python train.py OVERRIDES`; `checks.check` has not seen its values yet.

    Raises:
        UserError: it has a key that no file defines, or lacks one.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return known(compose(PRIMARY, [plain(override) for override in overrides], return_hydra_config=True))


def known(config: DictConfig) -> DictConfig:
    """A run's configuration: what Hydra composed, without `hydra`.

    Raises:
        UserError: it has a key that no file defines, or lacks one.
    """
    choices = config.hydra.runtime.choices
    _refuse_paths(choices)
    with open_dict(config):
        del config["hydra"]
    check_keys(config, choices)
    return config


def _refuse_paths(choices: Mapping[str, Any]) -> None:
    """Refuse a path to a group's file, such as data=./robo or data=robo.yaml: the group takes its name."""
    for group, name in choices.items():
        if not re.search(r"/|\.ya?ml$", str(name)):
            continue
        if names := sorted(file.stem for file in (CONF / group).glob("*.yaml")):
            meant = nearest(Path(str(name)).stem, names)
            raise UserError(f"{group}={name} is no name, did you mean {meant!r}? The names are {' '.join(names)}.")


def alteration_of(config: DictConfig) -> Alteration:
    """The alteration that `cell=` names, with what the keys below it replace.

    Raises:
        FormulaError: points at the mistake in a formula.
        CellError: the equations make no cell.
    """
    given = OmegaConf.to_container(config.cell, resolve=True)
    assert isinstance(given, dict)
    numbers = {key: str(value) for key, value in given.items() if key in EQUATIONS and type(value) in (int, float)}
    return Alteration(**{key: {**given, **numbers}.get(key) for key in CELL_KEYS})  # cell.i=1 is the formula 1


def is_placebo(config: Config) -> bool:
    """Whether the cell of a configuration or of a record is the placebo."""
    return bool(config["cell"].get(PLACEBO))


def in_multirun() -> bool:
    """Whether this process is doing a run of -m or of an experiment."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
