"""The settings that `tune=` searches, as data, and the trial that follows from those before it.

Ranges lie around the settings that the command has without `tune=`, which are trial 0. So they fit every model, and
whoever wants another range gives another centre: lr=0.01.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from omegaconf import DictConfig, OmegaConf

from cells.errors import UserError
from training.run.folder.record import SEARCHED

Settings = Mapping[str, float | int]
"""A value for each key that is searched."""


class Around(NamedTuple):
    """From 1 / factor to factor times the fixed value, even in its logarithm; whole numbers only, or not."""

    factor: int
    whole: bool


class Between(NamedTuple):
    """From low to high, whatever the fixed value is."""

    low: float
    high: float


RANGES: Mapping[str, Around | Between] = {
    "lr": Around(10, whole=False),
    "batch_size": Around(4, whole=True),
    "model.embedding": Around(2, whole=True),
    "model.hidden": Around(2, whole=True),
    "model.dropout": Between(0.0, 0.6),
}
"""The range of each of `record.SEARCHED`, which are searched where a model has them."""

COMMON_FACTOR = 16
"""Whole numbers stay multiples of what they have in common with it: a transformer's embedding has to be a multiple of
its heads, and sizes are quick that fill a processor's registers."""

AT_RANDOM = 10
"""Trials, after that of the fixed settings, before the sampler learns from scores. They are the same for all cells."""


def fixed_settings(config: DictConfig) -> Settings:
    """The searched keys of a composed configuration, with their fixed values.

    Raises:
        UserError: its model has nothing to search.
    """
    found = {key: OmegaConf.select(config, key) for key in SEARCHED}
    if not any(value is not None for key, value in found.items() if key.startswith("model.")):
        raise UserError(f"model={config.model.name} has no settings that tune= could search; leave tune= out.")
    return {key: value for key, value in found.items() if value is not None}


def suggest(fixed: Settings, number: int, told: Sequence[tuple[Settings, float]]) -> Settings:
    """The settings of a trial: a function of its arguments alone, so that an interrupted search goes on alike.

    Trial 0 has the fixed settings; then come `AT_RANDOM` random ones, then those of a tree-structured Parzen estimator
    (Bergstra et al. 2011), Optuna's default.

    Args:
        fixed: the centre of the ranges.
        number: of the trial.
        told: settings and scores of the trials before; more is better. The first `AT_RANDOM` do not depend on it.

    Raises:
        UserError: Optuna is not installed.
    """
    if number == 0:
        return fixed
    try:
        import optuna
    except ImportError as error:
        raise UserError('tune= needs Optuna; pip install -e ".[tune]" brings it.') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {key: _distribution(RANGES[key], value) for key, value in fixed.items()}
    seed = int(np.random.SeedSequence(number).generate_state(1)[0])
    at_random = number <= AT_RANDOM
    sampler = optuna.samplers.RandomSampler(seed) if at_random else optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for settings, score in () if at_random else told:
        study.add_trial(optuna.trial.create_trial(params={**settings}, distributions=ranges, value=score))
    suggested = study.ask(ranges).params
    return {key: _as_written(suggested[key], fixed[key], ranges[key]) for key in fixed}


def _distribution(around: Around | Between, fixed: float | int) -> Any:
    """Optuna's distribution of a setting."""
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(around, Between):
        return FloatDistribution(min(around.low, fixed), max(around.high, fixed))
    if around.whole:
        step = _step(int(fixed))
        least = max(1, math.ceil(fixed / around.factor / step)) * step
        return IntDistribution(least, int(fixed) * around.factor, log=True)
    return FloatDistribution(fixed / around.factor, fixed * around.factor, log=True)


def _as_written(value: float | int, fixed: float | int, within: Any) -> float | int:
    """A value as people write it: three digits of a fraction, multiples of what the fixed number is a multiple of."""
    if isinstance(value, int):
        step = _step(int(fixed))
        return max(within.low, min(within.high, step * round(value / step)))
    return max(within.low, min(within.high, float(f"{value:.3g}")))


def _step(fixed: int) -> int:
    return math.gcd(fixed, COMMON_FACTOR)
