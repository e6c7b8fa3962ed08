"""Configurations of small markets, for tests."""

import shutil
from pathlib import Path
from typing import Any

from conftest import PROJECT
from omegaconf import DictConfig, OmegaConf

FIXTURES = PROJECT / "tests" / "fixtures"


def config(features: str = "btc_sent", sentiment: str = "reddit", **changed: Any) -> DictConfig:
    """A configuration of the synthetic market, as train.py composes it."""
    groups = {
        group: OmegaConf.load(PROJECT / "conf" / group / f"{name}.yaml")
        for group, name in (("features", features), ("sentiment", sentiment), ("messages", "reddit"))
    }
    top = {
        "source": "synthetic", "start": "2015-01-01", "end": "2016-12-31", "data_dir": "nowhere",
        "cache_dir": "nowhere", "protocol": "paper", "window": 7, "horizon": 1, "n_folds": 10, "fold": 0, "seed": 0,
        "batch_size": 64, "control": None, "target": "close",
    }  # fmt: skip
    return OmegaConf.merge(top, groups, OmegaConf.from_dotlist([f"{k}={v}" for k, v in changed.items()]))


def config_of_fixtures(tmp_path: Path, **changed: Any) -> DictConfig:
    """A configuration of the small files of the fixtures."""
    shutil.copytree(FIXTURES / "market", tmp_path / "market")
    folders = {"data_dir": tmp_path, "cache_dir": tmp_path / "cache"}
    days = {"source": "yahoo", "start": "2015-03-01", "end": "2015-03-10", "window": 2}
    return config(**{**days, **folders, **changed})
