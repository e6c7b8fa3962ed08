"""The Bitcoin paper's Figure 7 and the weights of the features, as pictures."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"truth": "#0072B2", "train": "#E69F00", "val": "#009E73", "test": "#D55E00"}
"""Okabe and Ito's: people with any colour vision tell them apart."""

NAMES = {"train": "fitted (training)", "val": "forecast (validation)", "test": "forecast (test)"}
ENLARGED = 60  # days: on the scale of years, a forecast that copies yesterday looks like the truth


def figure_7(predictions: pd.DataFrame, title: str) -> Figure:
    """Truth, fitted part, validation part, and persistence, which the paper leaves out; the last days again, enlarged.

    Args:
        predictions: columns day, split, truth, prediction and persistence, in dollars.
        title: above the picture.
    """
    figure = Figure((11, 8), layout="constrained")
    whole, end = figure.subplots(2)
    _lines(whole, predictions)
    _lines(end, predictions.tail(ENLARGED))
    whole.set(title=title, ylabel="Bitcoin's close, dollars")
    end.set(title=f"the last {min(ENLARGED, len(predictions))} days", ylabel="Bitcoin's close, dollars")
    whole.legend()
    return figure


def _lines(axes: Axes, predictions: pd.DataFrame) -> None:
    axes.plot(predictions["day"], predictions["truth"], color=COLOURS["truth"], label="truth")
    for split, part in predictions.groupby("split", sort=False):
        axes.plot(part["day"], part["prediction"], color=COLOURS[str(split)], label=NAMES[str(split)], linewidth=1)
    scored = predictions[predictions["split"] != "train"]
    label = "persistence: tomorrow = today"
    axes.plot(scored["day"], scored["persistence"], color="black", label=label, linewidth=0.7, linestyle=":")


def weights(importance: pd.DataFrame, title: str) -> Figure:
    """One bar for each feature and each of the two measures.

    Args:
        importance: columns feature, permutation and integrated_gradients.
        title: above the picture.
    """
    figure = Figure((11, 2 + 0.25 * len(importance)), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2, sharey=True)
    left.barh(importance["feature"], importance["permutation"], color=COLOURS["truth"])
    left.set(xlabel="rise of the RMSE when shuffled (permutation importance)")
    left.invert_yaxis()
    right.barh(importance["feature"], importance["integrated_gradients"], color=COLOURS["truth"])
    right.set(xlabel="mean size of its part in a forecast (integrated gradients)")
    return figure
