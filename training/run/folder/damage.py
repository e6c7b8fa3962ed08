"""The errors by which a file that a run left shows that a user or a fault of the disk has changed it since."""

from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

DAMAGE = (ValueError, RecursionError, YAMLError, OmegaConfBaseException)
"""Raised by `json.loads`, `OmegaConf.load` and `read_text`: no UTF-8, no JSON or YAML, nested too deeply."""
