"""The problem of a run with `features=`: to forecast the market."""

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import nn

from cells.errors import UserError
from conf.kinds import MARKET
from datamodules.market.market_datamodule import MarketDataModule
from datamodules.market.windows import Floats
from forecasting import figures
from forecasting.accuracy import LARGEST, compare_with_persistence, forecast_errors
from forecasting.baselines import BASELINES
from forecasting.conformal import intervals
from forecasting.importance import integrated_gradients, permutation_importance
from models.on_cpu import on_cpu
from training.run.problem import Problem, Results
from training.run.state_logger import StateLogger
from training.run.tasks.forecast import Forecast

WARNING_SIGNS = ("WARNING", "SYNTHETIC", "CONTROL")
"""First words of the notes that are warnings."""


AXES = {"close": "Bitcoin's close, dollars", "volatility": "Bitcoin's volatility, percent a day"}
"""The label of the value axis of figures, by target."""


class MarketProblem(Problem):
    """See `Problem`; the constructor reads or downloads the prices and the sentiment.

    Args:
        config: of the run.

    Raises:
        DataError: a file is missing or broken, or there are too few days.
    """

    data: MarketDataModule
    compared = (*MARKET.groups, "model", "cell", "seed", "fold", *MARKET.columns)

    def __init__(self, config: DictConfig):
        self.data = self.read(config)
        self.fold = self.data.fold
        # Computed before training, so that what cannot be computed is known before it.
        self.baselines = {name: self.fold.scaled(values) for name, values in self.forecast_without_a_net().items()}
        unit = self.fold.panel.unit
        errors = ("rmse", "mae", f"rmse_{unit}", f"mae_{unit}")
        self.scores, self.printed = (*errors, "mape", "relative_rmse", "direction"), (*errors, "relative_rmse")
        self.horizon, self.source = config.horizon, config.source
        self.title = _title(config)
        self._words = self.words(config)
        self.notes = [*self.data.report, *_protocol_notes(config)]
        self.warnings = [line for line in self.notes if line.startswith(WARNING_SIGNS)]
        daily = {"sentiment": self.data.market.sentiment, "messages": self.data.market.messages}
        self.columns = {**daily, "warning": " ".join(self.warnings)}
        self.sizes = self.data.sizes

    def read(self, config: DictConfig) -> MarketDataModule:
        """The data of a configuration."""
        return MarketDataModule.from_config(config)

    def words(self, config: DictConfig) -> figures.Words:
        """The words of the figures."""
        return figures.Words(AXES[config.target])

    def forecast_without_a_net(self) -> dict[str, Floats]:
        """The baselines' forecasts of all samples, `[S]`, in the target's unit."""
        return {name: forecast(self.fold) for name, forecast in BASELINES[self.fold.panel.unit].items()}

    @property
    def longest(self) -> int:
        """Days in a window."""
        return self.data.inputs.size(1)

    def task(self, net: nn.Module, lr: float) -> Forecast:
        """Regression."""
        return Forecast(net, lr, self._errors)

    def callbacks(self) -> list[Callback]:
        """A callback that logs states and gates."""
        return [StateLogger(self.data, lambda net, batch: net(batch.inputs))]

    def results(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: Path) -> Results:
        """Errors of the net and of the baselines on each part, forecasts, Figure 7, and the importance of features.

        Raises:
            UserError: a forecast is no finite number; the loss of training saw only some parts.
        """
        batches = trainer.predict(task, self.data.predict_dataloader(), ckpt_path=checkpoint)
        assert batches is not None
        forecasts = on_cpu(torch.cat(batches)).numpy().astype(np.float64)  # type: ignore[arg-type]
        self._refuse_overflow(forecasts)
        rows = [{"split": split, **self._scores(forecasts, chosen)} for split, chosen in self.fold.parts.items()]
        compared = [
            {
                "split": split,
                "forecast": name,
                **self._scores(baseline, chosen),
                **self._beside(forecasts, baseline, chosen),
            }
            for split, chosen in self.fold.parts.items()
            for name, baseline in self.baselines.items()
            if np.isfinite(baseline[chosen]).all()  # some forecast nothing in the training part
        ]
        predictions = self._predictions({"prediction": forecasts, **self.baselines})
        net, naive = (self._scores(each, self.fold.split.test) for each in (forecasts, self.baselines["persistence"]))
        assert isinstance(task, Forecast)
        importance = self._importance(task.net)
        title = f"{self.title}\n{figures.in_words(net, naive, self._words.steps)}"
        tables = {
            "predictions": predictions,
            "baselines": pd.DataFrame(compared),
            "importance": importance,
            "intervals": intervals(self.fold, {"prediction": forecasts, **self.baselines}),
        }
        return Results(
            rows,
            {name: table.assign(source=self.source) for name, table in tables.items()},
            {
                "figure7": figures.figure_7(self.drawn(predictions), title, self._words),
                "importance": figures.importance_figure(importance, self.title),
            },
        )

    def drawn(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """The rows of predictions.csv that figure 7 shows."""
        return predictions

    def _refuse_overflow(self, forecasts: Floats) -> None:
        for split, chosen in self.fold.parts.items():
            if not (np.abs(self.fold.unscaled(forecasts[chosen], chosen)) < LARGEST).all():
                raise UserError(
                    f"the net overflows on the {split} part, although the losses were finite numbers; try a smaller lr "
                    "or another cell."
                )

    def _errors(self, forecasts: Floats, rows: NDArray[np.int64]) -> dict[str, float]:
        return forecast_errors(self.fold, forecasts, rows)

    def _scores(self, forecasts: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
        """Errors of scaled forecasts `[S]` over the chosen samples, by name."""
        compared = compare_with_persistence(
            self.fold.targets[chosen],
            forecasts[chosen],
            self.fold.persistence[chosen],
            self.horizon,
            self.fold.clock[chosen],
        )
        return {**self._errors(forecasts[chosen], chosen), **compared._asdict()}

    def _beside(self, forecasts: Floats, baseline: Floats, chosen: NDArray[np.int64]) -> dict[str, float]:
        """More columns of baselines.csv, from the net's scaled forecasts and a baseline's, both `[S]`."""
        return {}

    def _predictions(self, forecasts: dict[str, Floats]) -> pd.DataFrame:
        """A row for each sample of each part: the day that is forecast, truth and forecasts in the target's unit."""
        parts = []
        for split, chosen in self.fold.parts.items():
            unscaled = {name: self.fold.unscaled(values[chosen], chosen) for name, values in forecasts.items()}
            columns = {"day": self.fold.days[chosen], "split": split, "truth": self.fold.truth[chosen]}
            parts.append(pd.DataFrame({**columns, **unscaled}))
        return pd.concat(parts, ignore_index=True)

    def _importance(self, net: nn.Module) -> pd.DataFrame:
        """Both measures of each feature's importance, on the part that is scored."""
        net.eval()
        device = next(net.parameters()).device
        scored, trained = self.fold.split.test, self.fold.split.train
        inputs, targets = self.data.inputs[scored].to(device), self.data.targets[scored].to(device)
        parts = on_cpu(integrated_gradients(net, inputs, self.data.inputs[trained].mean(0).to(device)))
        return pd.DataFrame(
            {
                "feature": self.fold.panel.features.columns,
                "permutation": permutation_importance(net, inputs, targets, self.data.seed),
                "integrated_gradients": parts.sum(1).abs().mean(0).numpy(),  # summed over the days of a window
            }
        )


def _title(config: DictConfig) -> str:
    """The title of the pictures, which are looked at without the tables beside them."""
    control = "" if config.control is None else f", control={config.control}"
    made_up = " (SYNTHETIC prices)" if config.source == "synthetic" else ""
    ahead = "" if config.horizon == 1 else f", horizon {config.horizon}"
    target = "" if config.target == "close" else f", {config.target}"
    return f"{config.features.name}, window {config.window}{ahead}, {config.model.name}{target}{control}{made_up}"


def _protocol_notes(config: DictConfig) -> list[str]:
    if config.protocol == "paper" and (config.test_epoch == "best" or config.patience is not None):
        return ["WARNING: protocol=paper has no third part: the part that is scored also chose the epoch."]
    return []
