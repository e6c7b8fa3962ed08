"""The problem of a run with `features=csv` or `features=symbols`: to forecast a series of the user's own."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig

from datamodules.market.windows import Floats
from datamodules.series.series_datamodule import SeriesDataModule
from datamodules.series.series_fold import SeriesFold
from forecasting import figures
from forecasting.accuracy import diebold_mariano_by_period
from forecasting.automatic_baselines import AUTOMATIC
from forecasting.series_baselines import NET_P, mase_scales, series_baselines
from training.run.market_problem import MarketProblem


class SeriesProblem(MarketProblem):
    """See `MarketProblem`.

    Beside its scores there are mase, the mean absolute scaled error; and where the series has seasons,
    relative_seasonal and seasonal_p: the RMSE relative to the seasonal naive forecast, and its Diebold-Mariano p.

    Args:
        config: of the run.

    Raises:
        DataError: the file is missing or broken, or there are too few values.
    """

    data: SeriesDataModule
    fold: SeriesFold

    def __init__(self, config: DictConfig):
        self._auto = config.series.auto
        super().__init__(config)
        self._mase = mase_scales(self.fold)
        seasonal = ("relative_seasonal",) if "seasonal" in self.baselines else ()
        self.scores = ("rmse", "mae", "rmse_original", "mae_original", "mase", "relative_rmse", *seasonal, "direction")
        self.printed = ("rmse_original", "mae_original", "mase", "relative_rmse", *seasonal)

    def read(self, config: DictConfig) -> SeriesDataModule:
        """See `MarketProblem`."""
        return SeriesDataModule.from_config(config)

    def words(self, config: DictConfig) -> figures.Words:
        """See `MarketProblem`."""
        name, frequency = self._first_drawn(), self.fold.own.frequency
        axis = f"{config.target} of {name}" if name else str(config.target)
        steps = "values" if frequency.step > 1 else f"{frequency.name}s"
        return figures.Words(axis, steps, "the last value")

    def forecast_without_a_net(self) -> dict[str, Floats]:
        """See `MarketProblem`."""
        chosen = {**series_baselines(self.fold), **(AUTOMATIC if self._auto else {})}
        return {name: forecast(self.fold) for name, forecast in chosen.items()}

    def drawn(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """See `MarketProblem`: of several series, one."""
        return predictions[predictions["series"] == self._first_drawn()]

    def _first_drawn(self) -> str:
        """The series with the most values in the scored part."""
        return self.fold.own.names[int(np.bincount(self.fold.ids[self.fold.split.test]).argmax())]

    def _errors(self, forecasts: Floats, rows: NDArray[np.int64]) -> dict[str, float]:
        errors = super()._errors(forecasts, rows)
        del errors["mape"]  # a series may be 0
        missed = np.abs(self.fold.unscaled(forecasts, rows) - self.fold.truth[rows])
        return {**errors, "mase": float(np.nanmean(missed / self._mase[self.fold.ids[rows]]))}

    def _beside(self, forecasts: Floats, baseline: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
        return {NET_P: self._diebold_mariano_p(forecasts, baseline, chosen)}

    def _diebold_mariano_p(self, forecasts: Floats, others: Floats, chosen: NDArray[np.int64]) -> float:
        truth = self.fold.targets[chosen]
        ours, theirs = forecasts[chosen] - truth, others[chosen] - truth
        return diebold_mariano_by_period(ours, theirs, self.horizon, self.fold.clock[chosen])[1]

    def _scores(self, forecasts: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
        scores = super()._scores(forecasts, chosen)
        if (seasonal := self.baselines.get("seasonal")) is not None:
            truth = self.fold.targets[chosen]
            ours, naive = forecasts[chosen] - truth, seasonal[chosen] - truth
            square = float(np.mean(naive**2))
            scores["relative_seasonal"] = float(np.sqrt(np.mean(ours**2) / square)) if square else np.nan
            scores["seasonal_p"] = self._diebold_mariano_p(forecasts, seasonal, chosen)
        return scores

    def _predictions(self, forecasts: dict[str, Floats]) -> pd.DataFrame:
        """See `MarketProblem`; with the column series."""
        names = np.array(self.fold.own.names, dtype=object)
        series = np.concatenate([names[self.fold.ids[chosen]] for chosen in self.fold.parts.values()])
        table = super()._predictions(forecasts)
        table.insert(1, "series", series)
        return table
