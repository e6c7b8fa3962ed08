"""One fold of a user's own series for Lightning."""

from typing import Any

from omegaconf import DictConfig

from datamodules.market.market_data import MarketData
from datamodules.market.market_datamodule import MarketDataModule
from datamodules.series.series_data import load_series
from datamodules.series.series_fold import SeriesFold, make_series_fold


class SeriesDataModule(MarketDataModule):
    """See `MarketDataModule`.

    Args:
        market: made by `load_series`.
        fold: made by `make_series_fold` from the panel of `market`.
        seed, batch_size: see `MarketDataModule`.
    """

    fold: SeriesFold

    def __init__(self, market: MarketData, fold: SeriesFold, *, seed: int = 0, batch_size: int = 64):
        super().__init__(market, fold, seed=seed, batch_size=batch_size)
        self.report = [*market.report, *_absent(fold), _parts(fold)]

    def state_dict(self) -> dict[str, Any]:
        """See `MarketDataModule`; the scalers of each series by its name."""
        scalers = {"inputs": self.fold.input_scaler.state, "target": self.fold.target_scaler.state}
        return {
            "sizes": self.sizes,
            "features": list(map(str, self.fold.panel.features.columns)),
            "scalers": scalers,
            "names": list(self.fold.own.names),
        }

    @classmethod
    def from_config(cls, config: DictConfig) -> "SeriesDataModule":
        """See `MarketDataModule`."""
        market = load_series(config)
        options = {key: config[key] for key in ("protocol", "window", "horizon", "n_folds", "fold")}
        fold = make_series_fold(market.panel, **options)
        return cls(market, fold, seed=config.seed, batch_size=config.batch_size)


def _absent(fold: SeriesFold) -> list[str]:
    """A line about the series that take no part."""
    there = set(fold.ids.tolist())
    absent = [name for k, name in enumerate(fold.own.names) if k not in there]
    if not absent:
        return []
    return [f"{len(absent):,} series are too short for the training part and take no part: {', '.join(absent[:5])}."]


def _parts(fold: SeriesFold) -> str:
    count, window, features = fold.samples.inputs.shape
    uses = {"train": "to train", "val": "to validate", "test": "to test"}
    if "test" not in fold.parts:
        uses["val"] = "to validate and to test"
    parts = ", ".join(f"{len(rows):,} {uses[name]}" for name, rows in fold.parts.items())
    first, last = (fold.own.frequency.written(day) for day in fold.days[fold.split.test[[0, -1]]])
    return (
        f"{count:,} windows of {fold.own.frequency.steps(window)} and {features} feature{'s' * (features > 1)}: "
        f"{parts} ({first} to {last})."
    )
