"""Train, script and export a layer in an environment that has lstm-cs alone, as tests/test_wheel.py makes one."""

import importlib.util

import torch
from torch import nn

from cells import LSTM

ABSENT = ("conf", "datamodules", "hydra", "lightning", "models", "numpy", "omegaconf", "pandas", "training")
"""Packages that an environment with lstm-cs alone has not; if one is there, this is another environment."""


def main() -> None:
    """Print what worked."""
    there = [name for name in ABSENT if importlib.util.find_spec(name) is not None]
    assert not there, there
    torch.manual_seed(0)
    lstm, readout = LSTM(3, 8, batch_first=True, alteration="c * relu(o)"), nn.Linear(8, 1)
    assert lstm.path == "llvm", lstm.obstacles
    x = torch.randn(16, 7, 3)
    optimizer = torch.optim.Adam([*lstm.parameters(), *readout.parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (readout(lstm(x)[0][:, -1]) - x.mean((1, 2), keepdim=True)[:, 0]).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2, losses
    print("trained", end=" ")
    with torch.no_grad():
        expected = lstm(x)[0]
        torch.jit.script(lstm).save("layer.pt")
        torch.testing.assert_close(torch.jit.load("layer.pt")(x)[0], expected)
        print("scripted", end=" ")
        torch.export.save(torch.export.export(lstm, (x,)), "layer.pt2")
        torch.testing.assert_close(torch.export.load("layer.pt2").module()(x)[0], expected)
    print("exported")


if __name__ == "__main__":
    main()
