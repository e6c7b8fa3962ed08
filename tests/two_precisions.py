"""Trains the text net in float32 and in float64, from the same weights on the same batches: how far apart are they?

`PYTHONPATH=. python tests/two_precisions.py` prints the table of docs/reliability.md. It is data=robo with the default
sizes but without dropout, whose random numbers differ between the precisions.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from conf.compose import composed
from training.run import build

CELLS = ("baseline", "C1", "C2", "C4", "C9", "H1", "H2", "H4", "NFG", "CIFG", "PEEPHOLES")
EPOCHS = 10
SHOWN = (1, 5, 10)
"""Numbers of epochs after which the largest difference so far is shown."""


def losses(cell: str, dtype: torch.dtype, *overrides: str, epochs: int = EPOCHS) -> list[float]:
    """The mean training loss of each epoch."""
    config = composed("data=robo", f"cell={cell}", "model.dropout=0", *overrides)
    problem = build.problem(config)
    net = build.net(config, problem).to(dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.lr)
    batches = problem.data.train_dataloader()
    found = []
    for epoch in range(epochs):
        batches.set_epoch(epoch)
        total, documents = 0.0, 0
        for batch in batches:
            loss = binary_cross_entropy_with_logits(net(batch.tokens, batch.lengths), batch.targets.to(dtype))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch.targets)
            documents += len(batch.targets)
        found.append(total / documents)
    return found


def largest_differences(one: Sequence[float], other: Sequence[float], after: Sequence[int] = SHOWN) -> list[float]:
    """The largest difference of two curves in their first epochs, for each number of epochs."""
    return [max(abs(a - b) for a, b in zip(one[:epochs], other[:epochs], strict=True)) for epochs in after]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in CELLS:
        single, double = (losses(each, dtype) for dtype in (torch.float32, torch.float64))
        shown = [f"{difference:.0e}" for difference in largest_differences(single, double)]
        print(f"| {each} | {double[0]:.3f} | {double[-1]:.3f} | {' | '.join(shown)} |", flush=True)
