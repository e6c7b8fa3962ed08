"""The states and gates of a net's LSTMs, for TensorBoard: they show how an alteration changes them."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from cells import LSTM
from cells.observe import observe, saturation
from models.on_cpu import on_cpu
from training.run.tensorboard import writer

Forward = Callable[[nn.Module, Any], Tensor]
"""A net and a batch -> the net's output."""

SAMPLES = 8
"""Samples of the first validation batch that are observed: all of them would cost a small net a tenth of its time."""

BINS = 64
"""Bins of a histogram: TensorBoard draws about 30, and its own default of thousands takes three times as long."""


class StateLogger(Callback):
    """Logs the recurrent states and gates of every epoch.

    For each LSTM, layer and direction, over the first samples of the validation part: the distributions of `c` and `h`,
    and the share of saturated values of each gate, see `cells.observe.saturation`.

    Args:
        data: has the validation part.
        run: computes the net's output for a batch.
    """

    def __init__(self, data: pl.LightningDataModule, run: Forward):
        self.data = data
        self.run = run

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the states, while training."""
        if trainer.state.fn == "fit":
            assert isinstance(pl_module.net, nn.Module)
            # the step is where Lightning puts the scores of this epoch
            self.record(trainer, pl_module.net, trainer.global_step - 1)

    def record(self, trainer: pl.Trainer, net: nn.Module, step: int) -> None:
        """Log the states of a net at a step; the net may be on another device than the trainer's."""
        device = next(net.parameters()).device
        batch = next(iter(self.data.val_dataloader()))
        batch = type(batch)(*(value[:SAMPLES].to(device) for value in batch))
        for name, states in on_cpu(_states(net, lambda: self.run(net, batch))).items():
            if not len(states["c"]):
                continue  # none of these documents has a known word
            for state in ("c", "h"):
                writer(trainer).add_histogram(f"{state}/{name}", states[state], step, bins=BINS)
            shares = {f"saturated {gate}/{name}": saturation(gate, states[gate]) for gate in "ifgo"}
            for logger in trainer.loggers:
                logger.log_metrics(shares, step)


def _states(net: nn.Module, run: Callable[[], Tensor]) -> dict[str, dict[str, Tensor]]:
    """The states and gates of every LSTM in `net`, by its name, layer and direction, from one call of `run`."""
    seen: dict[str, tuple[Any, ...]] = {}
    layers = {name: module for name, module in net.named_modules() if isinstance(module, LSTM)}
    if not layers:
        return {}
    hooks = [
        module.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args}))
        for name, module in layers.items()
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return {
        f"{name}/{cell}": values
        for name, module in layers.items()
        for cell, values in zip(_cells(module), observe(module, *_input_and_lengths(*seen[name])), strict=True)
    }


def _input_and_lengths(input: Tensor, hx: None = None, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """The two arguments of an LSTM that `observe` needs."""
    return input, lengths


def _cells(lstm: LSTM) -> list[str]:
    """Names of the items that `observe` returns: "forward" and "reverse", or "layer_0/forward" and so on."""
    directions = ("forward", "reverse") if lstm.bidirectional else ("forward",)
    if lstm.num_layers == 1:
        return list(directions)
    return [f"layer_{layer}/{direction}" for layer in range(lstm.num_layers) for direction in directions]
