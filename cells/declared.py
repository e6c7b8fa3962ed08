"""Names that an alteration declares beside those of the equations, and what they may be."""

import keyword
import math
import re
from collections.abc import Mapping

from cells.equations import EQUATIONS, NAMES, CellError
from cells.errors import briefly
from cells.language.functions import KNOWN
from cells.language.parser import MAX_NUMBER

PROBABILITIES = ("zoneout", "recurrent_dropout")
"""Kinds of noise that have a name: arguments of an alteration that are a probability."""

DECLARED = {"learned": "learn", "noise": "noise", "masks": "mask"}
"""The kinds of declared names, and the word that stands before such a name in the text of an alteration."""

RESERVED = ("zoneout_c", "zoneout_h", "shown", "weight", "bias")
"""Names taken by zoneout (zoneout_c, zoneout_h), recurrent dropout (shown) and the prefixes of torch's parameters."""


def check_declared(declared: Mapping[str, Mapping[str, float]]) -> None:
    """Raise CellError for a declared name that is taken or cannot be one, or for a value that makes no sense."""
    seen: set[str] = set()
    for group, values in declared.items():
        for name, value in values.items():
            taken = {*NAMES, *EQUATIONS, *KNOWN, *RESERVED, *seen, *DECLARED, *PROBABILITIES}
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)) or name.startswith("d_") or keyword.iskeyword(name):
                raise CellError(
                    f"{DECLARED[group]} {briefly(name)}: choose a name such as p, in up to 40 small letters, that is "
                    "no word of Python and does not begin with d_."
                )
            if name in taken or name.startswith(("weight_", "bias_")):
                raise CellError(f"{DECLARED[group]} {name}: the name {name} is taken, choose another one.")
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise CellError(f"{DECLARED[group]} {name} = {value}: give a number.")
            if abs(value) > MAX_NUMBER:
                raise CellError(f"{DECLARED[group]} {name} = {value}: give a number up to {MAX_NUMBER:,}.")
            if group != "learned" and not 0 <= value <= 1:
                raise CellError(f"{DECLARED[group]} {name} = {value}: give a probability, from 0 to 1.")
            seen.add(name)
