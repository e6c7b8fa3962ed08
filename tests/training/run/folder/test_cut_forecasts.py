"""Faults of the tables of runs that were really made."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import train_here_in

from training.run.folder.faults import fault_of

SMALL = ("features=btc", "source=synthetic", "end='2016-03-01'", "window=5", "model.hidden=2", "epochs=1")


@pytest.mark.parametrize(
    "given",
    [
        ("protocol=paper",),
        ("protocol=walk_forward", "n_folds=3", "horizon=3"),
        ("protocol=walk_forward", "n_folds=3", "target=volatility"),
    ],
)
def test_forecasts_that_are_left_of_more_are_found(tmp_path: Path, given: tuple[str, ...]) -> None:
    done = train_here_in(tmp_path, *SMALL, *given)
    assert done.returncode == 0, done.stderr
    (predictions,) = tmp_path.rglob("predictions.csv")
    assert fault_of(predictions.parent) == ""
    pd.read_csv(predictions, dtype=str).iloc[:-1].to_csv(predictions, index=False)
    assert fault_of(predictions.parent).startswith("predictions.csv has forecasts with a rmse_")
