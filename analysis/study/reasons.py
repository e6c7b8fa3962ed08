"""The reasons why runs have no result, alike for runs that differ in the epoch or the layer of a divergence alone."""

import re
from collections.abc import Sequence

import pandas as pd

DIVERGED = re.compile(r"the loss is (\S+) in epoch (\d+)(?:, which began in layer (\S+?))?; (.*)")
"""The message of `training.run.folder.errors.DivergedError`."""


def reasons(errors: pd.Series) -> pd.Series:
    """The reason of each run, the same for those that diverged alike: "the loss is nan in epochs 3 to 7; try ...".

    Args:
        errors: from `results.without_result`, of runs of one cell.
    """
    found = [DIVERGED.fullmatch(str(error)) for error in errors]
    alike: dict[tuple[str, str], list[re.Match[str]]] = {}
    for match in filter(None, found):
        alike.setdefault((match[1], match[4]), []).append(match)
    named = [_joined(alike[match[1], match[4]]) if match else error for match, error in zip(found, errors, strict=True)]
    return pd.Series(named, errors.index, dtype=object)


def _joined(matches: Sequence[re.Match[str]]) -> str:
    loss, advice = matches[0][1], matches[0][4]
    epochs = sorted({int(match[2]) for match in matches})
    when = f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {epochs[0]} to {epochs[-1]}"
    layers = list(dict.fromkeys(match[3] for match in matches if match[3]))
    where = f", which began in layer{'s' * (len(layers) > 1)} {', '.join(layers)}" if layers else ""
    return f"the loss is {loss} in {when}{where}; {advice}"
