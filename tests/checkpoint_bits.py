"""All that a checkpoint holds, but the seconds, as values that can be compared bit by bit."""

from pathlib import Path

import torch


def checkpoint_bits(path: Path) -> object:
    """Everything in a checkpoint but the seconds; of a run outside of a stack the optimiser's state among it."""
    found = torch.load(path, weights_only=True)
    assert found
    if "optimizer_states" in found:
        assert found["optimizer_states"][0]["state"]
        del found["callbacks"]["Timer"]
    return bits(found)


def bits(value: object) -> object:
    """A value with every tensor in it as its type, shape and bytes, and every dictionary in the order of its keys."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(value[key]) for key in sorted(value, key=repr)}
    return [bits(each) for each in value] if isinstance(value, list | tuple) else value
