"""Intervals for Tables 1-3 of the Bitcoin paper: of each error, and of its difference from Bitcoin alone."""

from collections.abc import Sequence

import pandas as pd

from analysis.statistics.contrasts import METRICS, Contrasts, Field, Spread
from analysis.statistics.significance import ALPHA, holm
from analysis.tables.formatting import number

ALONE = "btc"
"""The feature set that the others are compared with, the paper's baseline."""

HOW = (
    "Mean over seeds [95 % interval over seeds, Student's t] [95 % interval over days, stationary bootstrap{blocks}]. "
    "Less btc: the difference from btc's runs of the same seed and on the same days; * both intervals exclude 0, and p "
    "over seeds is below 5 % after Holm's correction over the feature sets."
)


def how(found: Sequence[Contrasts]) -> str:
    """The sentence about the intervals of these errors."""
    lengths = " or ".join(dict.fromkeys(str(each.block) for each in found if each.block))
    return HOW.format(blocks=f" of blocks of about {lengths} days" if lengths else ", for which there are too few days")


def differences(found: Sequence[Contrasts], window: int) -> pd.DataFrame:
    """A row for each feature set, model and error of one window.

    Args:
        found: from `daily_errors.contrasts`.
        window: days.

    Returns:
        Columns features, model, metric; mean, sd, n, low, high, p, days_low, days_high of the error; the same of its
        difference from Bitcoin alone, with less_ before their names; less_p_holm.
    """
    rows: list[dict[str, object]] = []
    for contrasts in found:
        for field in contrasts.errors:
            if field.window != window:
                continue
            for metric in METRICS:
                row = {"features": field.features, "model": field.model, "metric": metric}
                row |= contrasts.spread({field: 1.0}, metric)._asdict()
                rows.append(row | _less_alone(contrasts, field, metric))
    table = pd.DataFrame(rows)
    return table.assign(less_p_holm=holm(table.assign(p=table["less_p"]), ["model", "metric"]))


def _less_alone(contrasts: Contrasts, field: Field, metric: str) -> dict[str, object]:
    weights = {field: 1.0, field._replace(features=ALONE): -1.0}
    if field.features == ALONE or contrasts.why_not(weights):
        return {f"less_{name}": float("nan") for name in Spread._fields}
    return {f"less_{name}": value for name, value in contrasts.spread(weights, metric)._asdict().items()}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The `differences` as text: a row for each feature set and model."""
    texts: dict[str, pd.Series] = {}
    for metric, rows in table.groupby("metric", sort=False):
        rows = rows.set_index(["features", "model"])
        texts.setdefault("seeds", rows["n"].astype(str))
        texts[str(metric).upper()] = rows.apply(_error, axis=1)
        texts[f"{str(metric).upper()} less {ALONE}"] = rows.apply(_difference, axis=1)
    return pd.DataFrame(texts).reset_index()


def interval(low: float, high: float, sign: bool = False) -> str:
    """ "[0.0313, 0.0415]", or nothing where there is no interval."""
    return "" if pd.isna(low) or pd.isna(high) else f" [{number(low, 4, sign)}, {number(high, 4, sign)}]"


def _error(row: pd.Series) -> str:
    ends = interval(row["low"], row["high"]) + interval(row["days_low"], row["days_high"])
    return number(row["mean"], 4) + ends


def _difference(row: pd.Series) -> str:
    ends = [(row[f"less_{low}"], row[f"less_{high}"]) for low, high in (("low", "high"), ("days_low", "days_high"))]
    sure = all(low * high > 0 for low, high in ends) and row["less_p_holm"] < ALPHA
    text = number(row["less_mean"], 4, sign=True) + "".join(interval(low, high, True) for low, high in ends)
    return text + (" *" if sure else "")
