"""The net that a configuration describes."""

import inspect
from collections.abc import Mapping

from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from cells.alterations import Alteration
from cells.errors import UserError
from conf.compose import alteration_of, is_placebo
from conf.kinds import kind_of


def make_net(config: DictConfig, sizes: Mapping[str, int]) -> nn.Module:
    """The net of `model=` with the cell of `cell=`.

    Args:
        config: of the run.
        sizes: facts about the data; a net gets those that its constructor names.

    Raises:
        UserError: a size is out of range, or the net is for other data, or has no cell to alter.
    """
    options = {key: value for key, value in config.model.items() if key != "name"}
    constructor = instantiate(options, _partial_=True)
    offered = {**sizes, "alteration": alteration_of(config)}
    given = {name: offered[name] for name in inspect.signature(constructor).parameters if name in offered}
    if not given.keys() & sizes.keys():
        learnt_from = kind_of(config).learnt_from(config)
        raise UserError(f"model={config.model.name} cannot be used with {learnt_from}; choose another model.")
    if "alteration" not in given and (offered["alteration"] != Alteration() or is_placebo(config)):
        raise UserError(f"model={config.model.name} has no LSTM whose cell could be altered, leave cell= out.")
    try:
        return constructor(**given)
    except (TypeError, ValueError) as error:  # nets know nothing of users
        raise UserError(f"model={config.model.name}: {error}.") from error
