"""One fold of a market for Lightning: windows as tensors in memory, and their batches."""

from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import Tensor

from datamodules.batches import Batches
from datamodules.market.fold import Fold, make_fold
from datamodules.market.market_data import MarketData, load_market_data
from datamodules.market.scalers import learned_state


class MarketBatch(NamedTuple):
    """B samples.

    Attributes:
        inputs: `[B, W, F]` float32, scaled.
        targets: `[B]` float32, scaled.
        rows: `[B]` int64, sample numbers in the order of time.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor


class MarketDataModule(pl.LightningDataModule):
    """One fold of a market's windows; ready for use as soon as it is constructed.

    Attributes:
        market: the data that the windows are cut from.
        fold: all samples, their split and their scalers.
        inputs: `[S, W, F]` float32, scaled.
        targets: `[S]` float32, scaled.
        report: lines for the user about the data.

    Args:
        market: made by `load_market_data`.
        fold: made by `make_fold` from the panel of `market`.
        seed: seed of the order of the training batches.
        batch_size: samples per batch.
    """

    def __init__(self, market: MarketData, fold: Fold, *, seed: int = 0, batch_size: int = 64):
        super().__init__()
        self.market = market
        self.fold = fold
        self.seed = seed
        self.batch_size = batch_size
        self.inputs = torch.from_numpy(np.ascontiguousarray(fold.samples.inputs, dtype=np.float32))
        self.targets = torch.from_numpy(fold.targets.astype(np.float32))
        self.report = [*market.report, _parts(fold)]

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes that the constructor of a net needs."""
        return {"features": self.inputs.shape[2]}

    def state_dict(self) -> dict[str, Any]:
        """Facts needed to use the net on later days; Lightning saves them in every checkpoint."""
        scalers = {"inputs": learned_state(self.fold.input_scaler), "target": learned_state(self.fold.target_scaler)}
        return {"sizes": self.sizes, "features": list(self.fold.panel.features.columns), "scalers": scalers}

    @classmethod
    def from_config(cls, config: DictConfig) -> "MarketDataModule":
        """Read, or download, the data that a configuration names, and make its fold.

        Raises:
            DataError: see `load_market_data` and `make_fold`.
        """
        market = load_market_data(config)
        options = {key: config[key] for key in ("protocol", "window", "horizon", "n_folds", "fold")}
        fold = make_fold(market.panel, **options)
        return cls(market, fold, seed=config.seed, batch_size=config.batch_size)

    def train_dataloader(self) -> Batches[MarketBatch]:
        """The training part, shuffled anew each epoch."""
        return self._batches(self.fold.split.train, self.seed)

    def val_dataloader(self) -> Batches[MarketBatch]:
        """The validation part, in the order of time."""
        return self._batches(self.fold.split.val)

    def test_dataloader(self) -> Batches[MarketBatch]:
        """The test part, in the order of time."""
        return self._batches(self.fold.split.test)

    def predict_dataloader(self) -> Batches[MarketBatch]:
        """All samples, in the order of time."""
        return self._batches(np.arange(len(self.targets)))

    def _batches(self, rows: NDArray[np.int64], seed: int | None = None) -> Batches[MarketBatch]:
        return Batches(self._cut, torch.from_numpy(rows), self.batch_size, seed)

    def _cut(self, rows: Tensor) -> MarketBatch:
        return MarketBatch(self.inputs[rows], self.targets[rows], rows)


def _parts(fold: Fold) -> str:
    count, window, features = fold.samples.inputs.shape
    uses = {"train": "to train", "val": "to validate", "test": "to test"}
    if "test" not in fold.parts:
        uses["val"] = "to validate and to test"
    parts = ", ".join(f"{len(rows):,} {uses[name]}" for name, rows in fold.parts.items())
    first, last = fold.days[fold.split.test[[0, -1]]]
    return f"{count:,} windows of {window} days and {features} features: {parts} ({first:%Y-%m-%d} to {last:%Y-%m-%d})."
