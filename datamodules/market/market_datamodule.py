"""Batches of market windows for Lightning, from files or synthetic series to tensors in memory."""

from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import Tensor

from datamodules.batches import Batches
from datamodules.errors import DataError
from datamodules.market import prices, synthetic
from datamodules.market.audit import Audit, audit
from datamodules.market.controls import ANNOUNCEMENTS, controlled
from datamodules.market.latest import fitted
from datamodules.market.layout import MARKETS, Span
from datamodules.market.panel import SENTIMENT, Panel, assemble
from datamodules.market.protocols import Fold, make_fold
from datamodules.sentiment import Places, PriceSign, Sentiment, Series

SOURCES = ("yahoo", "synthetic")


class MarketBatch(NamedTuple):
    """Some samples.

    Attributes:
        inputs: `[B, W, F]` float32, scaled.
        targets: `[B]` float32, scaled.
        rows: `[B]` int64, numbers of the samples in the order of time.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor


class Market(NamedTuple):
    """What is known before any window is cut.

    Attributes:
        panel: features and closes, of the control experiment if there is one.
        report: where they come from and what was found, in lines.
        sentiment: name of the series; None without one.
        audit: of the sentiment in the panel; None without one.
        synthetic: whether it is made up.
    """

    panel: Panel
    report: list[str]
    sentiment: str | None
    audit: Audit | None
    synthetic: bool


class MarketDataModule(pl.LightningDataModule):
    """One fold of a market's windows; ready for use once it is made.

    Attributes:
        market: what the windows are cut from; `market.audit` and `market.synthetic` belong into every result.
        fold: arrays of all samples, scalers, persistence, and the way back to dollars.
        report: what is worth knowing of all this, in lines.

    Args:
        market: see `load`.
        fold: see `make_fold`.
        seed: of the order of the training batches.
        batch_size: samples per batch.
    """

    def __init__(self, market: Market, fold: Fold, *, seed: int = 0, batch_size: int = 64):
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
        """What the constructor of a net has to know."""
        return {"features": self.inputs.shape[2]}

    def state_dict(self) -> dict[str, Any]:
        """What it takes to use the net on later days; Lightning keeps it in every checkpoint."""
        scalers = {"inputs": fitted(self.fold.input_scaler), "target": fitted(self.fold.scaler)}
        return {"sizes": self.sizes, "features": list(self.fold.panel.features.columns), "scalers": scalers}

    @classmethod
    def from_config(cls, config: DictConfig) -> "MarketDataModule":
        """The fold that a configuration names; reads its files, or downloads them.

        Raises:
            DataError: see `load` and `make_fold`.
        """
        market = load(config)
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


def load(config: DictConfig) -> Market:
    """Prices and sentiment of a feature set, joined, tampered with by a control experiment, and audited.

    Args:
        config: source ("yahoo" or "synthetic"), start, end, features.series, sentiment, control, horizon, seed,
            data_dir, cache_dir.

    Raises:
        DataError: a file is missing and cannot be fetched, or is broken; `source` is neither; or a control without
            sentiment.
    """
    if config.source not in SOURCES:
        raise DataError(f"source={config.source}: choose {' or '.join(SOURCES)}.")
    span = Span.parse(config.start, config.end)
    made_up = config.source == "synthetic"
    places = Places(Path(config.data_dir), Path(config.cache_dir))
    daily = synthetic.prices(span) if made_up else {
        market: prices.load(market, span, places.data_dir) for market in MARKETS
    }  # fmt: skip
    btc = daily["btc"].frame
    report = list(dict.fromkeys(market.note for market in daily.values()))

    sentiment = None
    if SENTIMENT in config.features.series:
        sentiment = _sentiment(config.sentiment, places, btc, made_up)
        report.append(sentiment.note)
    frames = {market: checked.frame for market, checked in daily.items()}
    panel, filled = assemble(frames, None if sentiment is None else sentiment.values, config.features.series)
    panel = controlled(panel, config.control, config.horizon, config.seed)
    if sentiment is None:
        return Market(panel, [*report, _days(panel, filled)], None, None, made_up)

    used, name = sentiment.values, sentiment.name
    if config.control is not None:
        report.append(ANNOUNCEMENTS[config.control])
        used, name = panel.features[SENTIMENT], f"{name} with control={config.control}"
    audited = audit(used, btc["Close"])
    report += [audited.sentence(name), _days(panel, filled)]
    return Market(panel, report, sentiment.name, audited, made_up)


def _sentiment(config: DictConfig, places: Places, btc: pd.DataFrame, made_up: bool) -> Series:
    kind: Sentiment = instantiate(config)
    if made_up and not isinstance(kind, PriceSign):  # real moods say nothing about made-up prices
        note = f"SYNTHETIC: sentiment is made up as well, sentiment={config.name} is not read."
        return Series("synthetic", synthetic.sentiment(btc), note)
    return kind.load(places, btc)


def _days(panel: Panel, filled: int) -> str:
    days = panel.close.index
    line = (
        f"{len(days):,} days on which all markets trade, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, "
        f"with {panel.features.shape[1]} features."
    )
    return line + (f" {filled:,} of them have no sentiment of their own and keep the last one." if filled else "")


def _parts(fold: Fold) -> str:
    count, window, features = fold.samples.inputs.shape
    uses = {"train": "to train", "val": "to validate", "test": "to test"}
    parts = [f"{len(rows):,} {uses[name]}" for name, rows in fold.parts.items()]
    if "test" not in fold.parts:
        parts.append("no third part to test")
    first, last = fold.days[fold.split.test[[0, -1]]]
    return (
        f"{count:,} windows of {window} days and {features} features: {', '.join(parts)} "
        f"({first:%Y-%m-%d} to {last:%Y-%m-%d})."
    )
