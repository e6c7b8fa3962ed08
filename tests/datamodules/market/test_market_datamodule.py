"""The market data module: its batches, their order, and its report."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from market_configs import config, config_of_fixtures

from datamodules.errors import DataError
from datamodules.market.market_datamodule import MarketBatch, MarketDataModule


def test_batches_are_slices_of_the_fold() -> None:
    data = MarketDataModule.from_config(config(batch_size=100))
    batches = list(data.test_dataloader())
    assert len(data.test_dataloader()) == len(batches) == 2
    assert [len(batch.rows) for batch in batches] == [100, 4]
    rows = torch.cat([batch.rows for batch in batches]).numpy()
    assert rows.tolist() == data.fold.split.test.tolist()
    for batch in batches:
        assert isinstance(batch, MarketBatch)
        assert batch.inputs.dtype == batch.targets.dtype == torch.float32
        assert batch.inputs.numpy() == pytest.approx(data.fold.samples.inputs[batch.rows], abs=1e-6)
        assert batch.targets.numpy() == pytest.approx(data.fold.targets[batch.rows], abs=1e-6)


class Recorder(pl.LightningModule):
    """Records the rows of its training batches, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(7 * 7, 1)
        self.epochs: list[list[int]] = []

    def on_train_epoch_start(self) -> None:
        self.epochs.append([])

    def training_step(self, batch: MarketBatch, _: int) -> torch.Tensor:
        self.epochs[-1] += batch.rows.tolist()
        return (self.layer(batch.inputs.flatten(1))[:, 0] - batch.targets).square().mean()

    def validation_step(self, batch: MarketBatch, _: int) -> None:
        assert batch.rows[0] >= 411

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.01)


def test_lightning_trains_on_a_new_order_each_epoch_that_depends_on_the_seed_alone() -> None:
    def orders(seed: int) -> list[list[int]]:
        recorder = Recorder()
        options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = pl.Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, **options)  # type: ignore[arg-type]
        trainer.fit(recorder, MarketDataModule.from_config(config(seed=seed)))
        return recorder.epochs

    first, second = orders(0)
    assert sorted(first) == sorted(second) == list(range(411))
    assert first != second
    assert [first, second] == orders(0)
    assert first != orders(1)[0]


def test_the_report_names_sources_audit_days_and_windows(tmp_path: Path) -> None:
    given = config_of_fixtures(
        tmp_path, sentiment="csv", **{"sentiment.file": "market/mood.csv", "sentiment.column": "mood"}
    )
    data = MarketDataModule.from_config(given)
    assert data.report == [
        "BTC-USD.csv: 10 days, 2015-03-01 to 2015-03-10.",
        "DX-Y.NYB.csv: 6 days, 2015-03-02 to 2015-03-10, 2 rows without a price dropped.",
        "GSPC.csv: 7 days, 2015-03-02 to 2015-03-10.",
        "Sentiment mood: 'mood' of mood.csv.",
        "Sentiment mood: 5 days with prices are too few to tell whether it leaks them.",
        "6 days on which all markets trade, 2015-03-02 to 2015-03-10, with 7 features. "
        "2 of them have no sentiment of their own and keep the last one.",
        "4 windows of 2 days and 7 features: 3 to train, 1 to validate and to test (2015-03-10 to 2015-03-10).",
    ]
    assert not data.market.synthetic
    assert data.market.sentiment == "mood"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window": 600}, "window=600 with horizon=1 needs more than the 522 rows"),
        ({"protocol": "walk_forward", "fold": 10}, "fold=10: protocol=walk_forward has the folds 0 to 9"),
    ],
)
def test_impossible_folds_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        MarketDataModule.from_config(config(**changed))
