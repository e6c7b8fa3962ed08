"""Forecasting a market: the data, net's sizes, task, insight and results of a run with `features=`."""

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import nn

from datamodules.market.market_datamodule import MarketDataModule
from datamodules.market.windows import Floats
from forecasting import figures
from forecasting.accuracy import compare_with_persistence, forecast_errors
from forecasting.baselines import BASELINES
from forecasting.importance import integrated_gradients, permutation_importance
from training.run.forecast import Forecast
from training.run.problem import Problem, Results
from training.run.states import States

LABELS = ("window", "horizon", "protocol", "control", "source")
WARNING_SIGNS = ("WARNING", "SYNTHETIC", "CONTROL")


class MarketProblem(Problem):
    """See `problem.Problem`; files are read or downloaded here.

    Args:
        config: of the run.
    """

    data: MarketDataModule
    compared = ("features", "sentiment", "model", "cell", "seed", "fold", *LABELS)
    scores = ("rmse", "mae", "rmse_dollars", "mae_dollars", "mape", "relative_rmse", "direction")
    headline = ("rmse", "mae", "rmse_dollars", "mae_dollars", "relative_rmse")

    def __init__(self, config: DictConfig):
        self.data = MarketDataModule.from_config(config)
        self.fold = self.data.fold
        # Before training: what cannot be computed shall not be found out after it.
        self.baselines = {name: self.fold.scaled(forecast(self.fold)) for name, forecast in BASELINES.items()}
        self.horizon, self.source = config.horizon, config.source
        self.title = _title(config)
        self.notes = [*self.data.report, *_of_the_protocol(config)]
        self.warnings = [line for line in self.notes if line.startswith(WARNING_SIGNS)]
        self.labels = {
            "features": config.features.name,
            "sentiment": self.data.market.sentiment,
            **{key: config[key] for key in LABELS},
            "warning": " ".join(self.warnings),
        }
        self.sizes = self.data.sizes

    @property
    def longest(self) -> int:
        """Days of a window."""
        return self.data.inputs.size(1)

    def task(self, net: nn.Module, lr: float) -> Forecast:
        """Regression."""
        return Forecast(net, lr, self._errors)

    def insight(self) -> list[Callback]:
        """States and gates."""
        return [States(self.data, lambda net, batch: net(batch.inputs))]

    def results(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: Path) -> Results:
        """Errors of each part, those of the baselines, forecasts, Figure 7, and the weights of the features."""
        batches = trainer.predict(task, self.data.predict_dataloader(), ckpt_path=checkpoint)
        assert batches is not None
        forecasts = torch.cat(batches).cpu().numpy().astype(np.float64)  # type: ignore[arg-type]
        rows = [{"split": split, **self._scores(forecasts, chosen)} for split, chosen in self.fold.parts.items()]
        compared = [
            {"split": split, "forecast": name, **self._scores(baseline, chosen)}
            for split, chosen in self.fold.parts.items()
            for name, baseline in self.baselines.items()
        ]
        predictions = self._predictions({"prediction": forecasts, **self.baselines})
        assert isinstance(task, Forecast)
        importance = self._importance(task.net)
        tables = {"predictions": predictions, "baselines": pd.DataFrame(compared), "importance": importance}
        return Results(
            rows,
            {name: table.assign(source=self.source) for name, table in tables.items()},
            {
                "figure7": figures.figure_7(predictions, self.title),
                "importance": figures.importance_figure(importance, self.title),
            },
        )

    def _errors(self, forecasts: Floats, rows: NDArray[np.int64]) -> dict[str, float]:
        return forecast_errors(self.fold, forecasts, rows)

    def _scores(self, forecasts: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
        """Of scaled forecasts `[S]`, over some of the samples."""
        compared = compare_with_persistence(
            self.fold.targets[chosen], forecasts[chosen], self.fold.persistence[chosen], self.horizon
        )
        return {**forecast_errors(self.fold, forecasts[chosen], chosen), **compared._asdict()}

    def _predictions(self, forecasts: dict[str, Floats]) -> pd.DataFrame:
        """A row for each sample of a part: the day that is forecast, and closes in dollars."""
        parts = []
        for split, chosen in self.fold.parts.items():
            closes = {name: self.fold.dollars(values[chosen], chosen) for name, values in forecasts.items()}
            columns = {"day": self.fold.days[chosen], "split": split, "truth": self.fold.close[chosen]}
            parts.append(pd.DataFrame({**columns, **closes}))
        return pd.concat(parts, ignore_index=True)

    def _importance(self, net: nn.Module) -> pd.DataFrame:
        """Both measures for each feature, on the part that is scored."""
        net.eval()
        scored, known = self.fold.split.test, self.fold.split.train
        inputs, targets = self.data.inputs[scored], self.data.targets[scored]
        parts = integrated_gradients(net, inputs, self.data.inputs[known].mean(0))
        return pd.DataFrame(
            {
                "feature": self.fold.panel.features.columns,
                "permutation": permutation_importance(net, inputs, targets, self.data.seed),
                "integrated_gradients": parts.sum(1).abs().mean(0).numpy(),  # days of a window belong together
            }
        )


def _title(config: DictConfig) -> str:
    """Of the pictures: they are looked at without the tables beside them."""
    control = "" if config.control is None else f", control={config.control}"
    made_up = " (SYNTHETIC prices)" if config.source == "synthetic" else ""
    return f"{config.features.name}, window {config.window}, {config.model.name}{control}{made_up}"


def _of_the_protocol(config: DictConfig) -> list[str]:
    if config.protocol == "paper" and (config.test_epoch == "best" or config.patience is not None):
        return ["WARNING: protocol=paper has no third part: the days that are scored also chose the epoch."]
    return []
