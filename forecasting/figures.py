"""The Bitcoin paper's Figure 7, and a chart of feature importance."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"truth": "#0072B2", "train": "#E69F00", "val": "#009E73", "test": "#D55E00"}
"""Okabe and Ito's colours, which people with any colour vision can tell apart."""

SPLIT_LABELS = {"train": "fitted (training)", "val": "forecast (validation)", "test": "forecast (test)"}
ENLARGED_STEPS = 60  # on the scale of years, a forecast that copies yesterday looks like the truth


class Words(NamedTuple):
    """The words of a figure about its series.

    Attributes:
        axis: what is forecast, with its unit.
        steps: the plural of a step of time.
        naive: the forecast of persistence.
    """

    axis: str = "Bitcoin's close, dollars"
    steps: str = "days"
    naive: str = "tomorrow = today"


OF_BITCOIN = Words()


def in_words(errors: Mapping[str, float], persistence: Mapping[str, float], steps: str = "days") -> str:
    """The errors on the part that is scored, and those of persistence, as a line of a title.

    Args:
        errors, persistence: rmse and mae, in scaled units.
        steps: see `Words`.
    """
    ours, naive = (f"RMSE {each['rmse']:.4f}, MAE {each['mae']:.4f}" for each in (errors, persistence))
    return f"{ours} on the scored {steps}, in scaled units (persistence: {naive})"


def figure_7(predictions: pd.DataFrame, title: str, words: Words = OF_BITCOIN) -> Figure:
    """Plot truth, forecasts of each part, and persistence, which the paper leaves out; below, the last days enlarged.

    Args:
        predictions: columns day, split, truth, prediction and persistence, in one unit.
        title: title of the figure.
        words: about the series.
    """
    figure = Figure((11, 8), layout="constrained")
    whole, end = figure.subplots(2)
    _lines(whole, predictions, words.naive)
    _lines(end, predictions.tail(ENLARGED_STEPS), words.naive)
    whole.set(title=title, ylabel=words.axis)
    end.set(title=f"the last {min(ENLARGED_STEPS, len(predictions))} {words.steps}", ylabel=words.axis)
    whole.legend()
    return figure


def _lines(axes: Axes, predictions: pd.DataFrame, naive: str) -> None:
    axes.plot(predictions["day"], predictions["truth"], color=COLOURS["truth"], label="truth")
    for split, part in predictions.groupby("split", sort=False):
        colour, label = COLOURS[str(split)], SPLIT_LABELS[str(split)]
        axes.plot(part["day"], part["prediction"], color=colour, label=label, linewidth=1)
    scored = predictions[predictions["split"] != "train"]
    label = f"persistence: {naive}"
    axes.plot(scored["day"], scored["persistence"], color="black", label=label, linewidth=0.7, linestyle=":")


def importance_figure(importance: pd.DataFrame, title: str) -> Figure:
    """Plot feature importance: a bar for each feature and each of the two measures.

    Args:
        importance: columns feature, permutation and integrated_gradients.
        title: title of the figure.
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
