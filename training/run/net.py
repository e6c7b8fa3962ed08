"""The net that a configuration describes."""

import inspect
from collections.abc import Mapping

from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from cells.alterations import Alteration
from cells.errors import UserError
from conf.configuration import alteration_of, kind


def make_net(config: DictConfig, sizes: Mapping[str, int]) -> nn.Module:
    """The net of `model=` with the cell of `cell=`.

    Args:
        config: of the run.
        sizes: what can be known of the data; a net is given those that its constructor names.

    Raises:
        UserError: a size is out of range, or the net is for other data, or has no cell to alter.
    """
    options = {key: value for key, value in config.model.items() if key != "name"}
    constructor = instantiate(options, _partial_=True)
    offered = {**sizes, "alteration": alteration_of(config)}
    given = {name: offered[name] for name in inspect.signature(constructor).parameters if name in offered}
    if not given.keys() & sizes.keys():
        raise UserError(f"model={config.model.name} is no net for {kind(config)}.")
    if "alteration" not in given and offered["alteration"] != Alteration():
        raise UserError(f"model={config.model.name} has no LSTM whose cell could be altered, leave cell= out.")
    try:
        return constructor(**given)
    except (TypeError, ValueError) as error:
        raise UserError(f"model={config.model.name}: {error}.") from error
