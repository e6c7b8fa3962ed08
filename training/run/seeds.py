"""The seeds of the random numbers of a net: its initial weights and its dropout."""

import numpy as np
from omegaconf import DictConfig

from conf.compose import is_placebo


def seed_of_net(config: DictConfig) -> int:
    """The seed of a run's initial weights and dropout: `seed`, or for `cell=placebo` a number drawn from it.

    The partition into folds and the order of the batches follow `seed` itself, so that the placebo is paired with the
    baseline like any alteration.
    """
    if not is_placebo(config):
        return int(config.seed)
    # 32 bits, because torch's generator on the CPU ignores the others. SeedSequence hashes, so that the placebo of one
    # seed is not the baseline of a seed nearby.
    return int(np.random.SeedSequence(config.seed).generate_state(1)[0])


def seed_of_epoch(seed: int, epoch: int) -> int:
    """The seed of torch's generators in an epoch of a net with this seed."""
    return seed * 100_003 + epoch  # no run has 100,003 epochs, so that each pair of seed and epoch has its own
