"""The Bitcoin paper's tables as facts."""

from pathlib import Path

import pandas as pd

PRINTED_ERRORS = ["train_rmse", "train_mae", "val_rmse", "val_mae"]
"""The errors of the paper's tables, in their order."""


def errors() -> pd.DataFrame:
    """Tables 1-3: table, window, features, model, train and val RMSE and MAE."""
    return pd.read_csv(Path(__file__).with_name("bitcoin.csv"))
