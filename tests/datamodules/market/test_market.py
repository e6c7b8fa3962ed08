import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from datamodules.errors import DataError
from datamodules.market.market_datamodule import MarketBatch, MarketDataModule
from datamodules.sentiment import Places

PROJECT = Path(__file__).parents[3]
FIXTURES = PROJECT / "tests" / "fixtures"

TABLES = {  # columns of each feature set, from Tables 1-3
    "btc": 6, "btc_usd": 12, "btc_sent": 7, "btc_sp500": 12, "btc_usd_sent": 13, "btc_usd_sp500": 18,
    "btc_sent_sp500": 13, "btc_usd_sent_sp500": 19,
}  # fmt: skip
FEATURES = sorted(path.stem for path in (PROJECT / "conf" / "features").glob("*.yaml"))
SENTIMENTS = sorted(path.stem for path in (PROJECT / "conf" / "sentiment").glob("*.yaml"))


def config(features: str = "btc_sent", sentiment: str = "reddit", **changed: Any) -> DictConfig:
    """As train.py composes it, for the synthetic market."""
    groups = {
        group: OmegaConf.load(PROJECT / "conf" / group / f"{name}.yaml")
        for group, name in (("features", features), ("sentiment", sentiment))
    }
    top = {
        "source": "synthetic", "start": "2015-01-01", "end": "2016-12-31", "data_dir": "nowhere",
        "cache_dir": "nowhere", "protocol": "paper", "window": 7, "horizon": 1, "n_folds": 10, "fold": 0, "seed": 0,
        "batch_size": 64, "control": None,
    }  # fmt: skip
    return OmegaConf.merge(top, groups, OmegaConf.from_dotlist([f"{k}={v}" for k, v in changed.items()]))


def files(tmp_path: Path, **changed: Any) -> DictConfig:
    """For the small files of the fixtures."""
    shutil.copytree(FIXTURES / "market", tmp_path / "market")
    places = {"data_dir": tmp_path, "cache_dir": tmp_path / "cache"}
    span = {"source": "yahoo", "start": "2015-03-01", "end": "2015-03-10", "window": 2}
    return config(**{**span, **places, **changed})


def test_there_is_a_file_for_each_feature_set_of_the_tables() -> None:
    assert set(FEATURES) == set(TABLES)


@pytest.mark.parametrize("features", FEATURES)
def test_columns_are_as_many_as_in_the_tables(features: str) -> None:
    data = MarketDataModule.from_config(config(features))
    assert data.inputs.shape == (522 - 7, 7, TABLES[features])
    assert len(data.fold.panel.features.columns) == TABLES[features]


@pytest.mark.parametrize("name", SENTIMENTS)
def test_every_sentiment_is_of_its_name_and_misses_its_file_in_one_sentence(name: str, tmp_path: Path) -> None:
    group = OmegaConf.load(PROJECT / "conf" / "sentiment" / f"{name}.yaml")
    assert group.name == name
    for key in OmegaConf.missing_keys(group):
        OmegaConf.update(group, key, "missing")
    if group.get("url"):
        assert group.url.endswith("/" + Path(group.file).name)
        assert len(group.hash) == len("sha256:") + 64
        group.url = "http://127.0.0.1:9/" + group.file  # where nobody listens
    kind = instantiate(group)
    if name != "price_sign":
        with pytest.raises(DataError, match=r"missing|could not be downloaded") as error:
            kind.load(Places(tmp_path, tmp_path), None)
        assert "\n" not in str(error.value)


def test_batches_are_slices(tmp_path: Path) -> None:
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


class Watcher(pl.LightningModule):
    """Notes the rows it is trained on, epoch by epoch."""

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
        watcher = Watcher()
        options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = pl.Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, **options)  # type: ignore[arg-type]
        trainer.fit(watcher, MarketDataModule.from_config(config(seed=seed)))
        return watcher.epochs

    first, second = orders(0)
    assert sorted(first) == sorted(second) == list(range(411))
    assert first != second
    assert [first, second] == orders(0)
    assert first != orders(1)[0]


def test_a_synthetic_market_says_so_and_needs_no_file() -> None:
    data = MarketDataModule.from_config(config())
    assert data.market.synthetic
    assert data.market.sentiment == "synthetic"
    assert data.report[0].startswith("SYNTHETIC: these prices are made up")
    assert "sentiment=reddit is not read" in data.report[1]
    assert data.market.audit is not None
    assert not data.market.audit.looks_like_the_price


def test_the_report_of_real_files(tmp_path: Path) -> None:
    given = files(tmp_path, sentiment="csv", **{"sentiment.file": "market/mood.csv", "sentiment.column": "mood"})
    data = MarketDataModule.from_config(given)
    assert data.report == [
        "BTC-USD.csv: 10 days, 2015-03-01 to 2015-03-10.",
        "DX-Y.NYB.csv: 6 days, 2015-03-02 to 2015-03-10, 2 rows without a price dropped.",
        "GSPC.csv: 7 days, 2015-03-02 to 2015-03-10.",
        "Sentiment mood: 'mood' of mood.csv.",
        "Sentiment mood: 5 days with prices are too few to tell whether it leaks them.",
        "6 days on which all markets trade, 2015-03-02 to 2015-03-10, with 7 features. "
        "2 of them have no sentiment of their own and keep the last one.",
        "4 windows of 2 days and 7 features: 3 to train, 1 to validate, no third part to test "
        "(2015-03-10 to 2015-03-10).",
    ]
    assert not data.market.synthetic
    assert data.market.sentiment == "mood"


def test_features_without_sentiment_need_none(tmp_path: Path) -> None:
    data = MarketDataModule.from_config(files(tmp_path, features="btc_usd_sp500", **{"sentiment.file": "missing"}))
    assert data.market.audit is None


def test_a_leaking_series_is_announced() -> None:
    data = MarketDataModule.from_config(config(sentiment="price_sign"))
    assert any(line.startswith("WARNING: sentiment price_sign looks like the price") for line in data.report)
    assert data.market.audit is not None
    assert data.market.audit.beside[0].same_sign == 1


def test_controls_are_announced_and_what_they_put_in_place_is_audited() -> None:
    plain = MarketDataModule.from_config(config(sentiment="price_sign"))
    leak = MarketDataModule.from_config(config(sentiment="price_sign", control="leak"))
    shuffled = MarketDataModule.from_config(config(sentiment="price_sign", control="shuffled"))
    for data, announced in ((plain, 0), (leak, 1), (shuffled, 1)):
        assert sum(line.startswith("CONTROL: control=") for line in data.report) == announced
    assert leak.market.audit is not None
    assert shuffled.market.audit is not None
    assert leak.market.audit.beside[1].same_sign > 0.75  # tomorrow's, not the tag's same day
    assert abs(leak.market.audit.beside[0].same_sign - 0.5) < 0.1
    assert any("price_sign with control=leak looks like the price" in line for line in leak.report)
    assert any("price_sign with control=shuffled does not look like" in line for line in shuffled.report)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "bloomberg"}, "source=bloomberg: choose yahoo or synthetic"),
        ({"start": "yesterday"}, "start=yesterday: write a date"),
        ({"window": 600}, "window=600 with horizon=1 needs more than the 522 days"),
        ({"protocol": "walk_forward", "fold": 10}, "fold=10"),
    ],
)
def test_mistakes_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        MarketDataModule.from_config(config(**changed))


@pytest.mark.parametrize("sentiment", ["reddit", "reddit_posts", "stocktwits"])
def test_real_sentiment_is_the_pinned_one_and_does_not_leak(shared_data: Path, tmp_path: Path, sentiment: str) -> None:
    given = config(
        sentiment=sentiment, source="yahoo", start="2014-09-18", end="2019-11-23", data_dir=shared_data, window=30
    )
    data = MarketDataModule.from_config(given)
    assert not any("pinned" in line for line in data.report)
    assert data.market.audit is not None
    assert not data.market.audit.looks_like_the_price
    assert data.inputs.isfinite().all()
