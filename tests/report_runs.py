"""More fake runs, for the report: TensorBoard's events, and runs on the market."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from study_runs import record_of, write_record
from torch.utils.tensorboard import SummaryWriter

from conf.kinds import MARKET
from training.run.folder.record import MEASURED, METRICS

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def write_events(folder: Path, losses: Sequence[float], c: float = 1.0, first: int = 0) -> None:
    """Write the log of a text run: for each epoch (7 steps) losses, macro-F1, one layer's states and saturated gates.

    Args:
        folder: of the run.
        losses: of validation, one for each epoch; training's are half of them, macro-F1 is 1 less them.
        c: size of each value of the cell state.
        first: epoch of the first of them.
    """
    board = SummaryWriter(str(folder))
    for epoch, loss in enumerate(losses, start=first):
        step = 7 * epoch + 6
        for direction in ("forward", "reverse"):
            board.add_histogram(f"c/lstm_1/{direction}", np.array([c, -c, c, -c]), step)
            board.add_histogram(f"h/lstm_1/{direction}", np.array([0.1, -0.1]), step)
            for gate, share in zip("ifgo", (0.1, 0.2, 0.3, 0.4), strict=True):
                board.add_scalar(f"saturated {gate}/lstm_1/{direction}", share, step)
        for tag, value in {"val/loss": loss, "train/loss": loss / 2, "val/macro_f1": 1 - loss}.items():
            board.add_scalar(tag, value, step)
    board.close()


def write_market_run(folder: Path, rmse: float, **run: object) -> None:
    """Write a finished run on the market with two features; the RMSE of persistence is 0.02.

    Args:
        folder: created.
        rmse: on the days that are scored.
        run: values of columns of metrics.csv, where they are not the usual ones.
    """
    about = {
        "features": "btc", "sentiment": None, "messages": None, "window": 7, "horizon": 1, "target": "close",
        "protocol": "paper", "control": None, "source": "yahoo", "warning": None, "model": "lstm",
        "cell": "baseline", "settings": "m1", "seed": 0, "fold": 0, "seconds": 4.0, "parameters": 10, "epoch": 1, **run,
    }  # fmt: skip
    groups = {group: {"name": about[group]} for group in (*MARKET.groups, "model") if about[group] is not None}
    values = {key: about[key] for key in (*MARKET.columns, "seed", "fold")}
    record = record_of(str(about["cell"]), **groups, **values)
    columns = {
        **record.data_columns,
        "warning": about["warning"],
        **record.fit_columns,
        **{name: about[name] for name in ("settings", *MEASURED) if name in about},
    }
    folder.mkdir(parents=True)
    errors = {"train": 0.01, "val": rmse}
    scores = [
        {"split": split, "rmse": error, "mae": error / 2, "relative_rmse": error / 0.02}
        for split, error in errors.items()
    ]
    pd.DataFrame([{**columns, **row} for row in scores]).to_csv(folder / METRICS, index=False)
    dollars = {"rmse_dollars": 395.8, "mae_dollars": 235.9}
    naive = {"persistence": 1.0, "drift": 1.01, "ar": 1.02, "ridge": 1.5}
    baselines = [
        {"split": split, "forecast": name, "rmse": 0.02 * ratio, "mae": 0.01, "relative_rmse": ratio, **dollars}
        for split in errors
        for name, ratio in naive.items()
    ]
    pd.DataFrame(baselines).to_csv(folder / "baselines.csv", index=False)
    closes = {name: [100.0, 101.0] for name in ("truth", "prediction", *naive)}
    days = pd.DataFrame({"day": ["2020-01-01", "2020-01-02"], "split": "val", **closes})
    days.to_csv(folder / "predictions.csv", index=False)
    weights = {"feature": ["btc Close", "btc Volume"], "permutation": [rmse, 0.0], "integrated_gradients": [0.1, 0.0]}
    pd.DataFrame(weights).to_csv(folder / "importance.csv", index=False)
    (folder / "figure7.png").write_bytes(PIXEL)
    write_record(folder, record)


def write_series_run(folder: Path, rmse: float, **run: object) -> None:
    """Write a finished run on a monthly series of the user's own, as `write_market_run`; that of seasonal is 0.03."""
    about = {"features": "flow", "target": "volume", "source": "csv", "protocol": "walk_forward", "window": 12, **run}
    write_market_run(folder, rmse, **about)
    for name in (METRICS, "baselines.csv", "predictions.csv"):
        table = pd.read_csv(folder / name)
        table["split"] = table["split"].map({"train": "val", "val": "test"})
        if name == "baselines.csv":
            seasonal = table[table["forecast"] == "drift"].assign(forecast="seasonal", rmse=0.03, relative_rmse=1.5)
            table = pd.concat([table, seasonal])
        if name == "predictions.csv":
            table["seasonal"] = table["drift"]
        table.to_csv(folder / name, index=False)
    widths = {"level": 0.9, "half_width": 1.0, "coverage": 0.9, "periods": 10, "calibrated_on": 20, "width": 2.0}
    forecasts = ("prediction", "persistence", "drift", "ar", "ridge", "seasonal")
    pd.DataFrame([{"forecast": name, **widths} for name in forecasts]).to_csv(folder / "intervals.csv", index=False)
    with open(folder / "config.yaml", "a", encoding="utf-8") as file:
        file.write("n_folds: 4\n")
