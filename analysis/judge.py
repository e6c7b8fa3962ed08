"""What the runs at hand say of the cell paper's claims. The rules for a number and a bound are those of `verdict`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import published
from analysis.claims import CLAIMS, COUNTED, EVERY, MEAN_CURRENT, SIMPLE, Claim, Counted, of_the_tables
from analysis.compare import ALPHA, LSTM_CS, averages, improvements, mean_cell, models, of_mean_scores
from analysis.verdict import (
    NOT_DECIDABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    Effect,
    runs_needed,
    verdict_on_bound,
    verdict_on_number,
)


def verdicts(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each claim and each recipe of LSTM-CS, then one for each macro-F1 in Tables 3-9 whose data set was run.

    Where the other model of a claim was run with several recipes, it has a row for each.

    Args:
        results: of `design.study`.

    Returns:
        Columns recipe, where, claim; of: the other model's recipe, else empty; sets and data: on how many data sets,
        and on which; n: pairs of runs, the fewest on any of them; claimed, improvement, low, high in percent;
        alteration: of a claim about all of them the one that decides, else empty; verdict; needed: the pairs on each
        data set that would decide, NaN if no number would or the verdict is out; because: why it is not decidable.
    """
    rows = []
    improved = improvements(results)
    simple = improved[improved["model"] == SIMPLE]
    simple = simple.assign(of=simple["recipe"])
    of_lstm_cs = results.loc[results["model"] == LSTM_CS, "recipe"].unique().tolist()
    for recipe in of_lstm_cs or [""]:  # a claim is judged, however little was run
        runs = results[(results["model"] == LSTM_CS) & (results["recipe"] == recipe)]
        own = improved[(improved["model"] == LSTM_CS) & (improved["recipe"] == recipe)].assign(of="")
        mean = improvements(mean_cell(runs, published.alterations("C"), MEAN_CURRENT)).assign(of="")
        every = pd.concat([rows for rows in (own, mean, models(results, recipe), simple) if len(rows)] or [own])
        found = [row for claim in CLAIMS for row in judge(claim, every)]
        found += [row for claim in COUNTED for row in count(claim, every)]
        found += [row for claim in of_the_tables(set(own["data"])) for row in judge(claim, every)]
        rows += [{"recipe": recipe, **row} for row in found]
    return pd.DataFrame(rows)


def judge(claim: Claim, improved: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of one claim, without the recipe of LSTM-CS; one, or one for each recipe of the other model.

    Args:
        claim: what is claimed.
        improved: rows of `improvements` of one recipe of LSTM-CS, and of other models, each with the column of.
    """
    about = improved[(improved["metric"] == claim.metric) & (improved["model"] == claim.model)]
    cells = published.alterations() if claim.subject == EVERY else [claim.subject]
    about = about[about["data"].isin(claim.sets) & about["cell"].isin(cells)].dropna(subset="improvement")
    row = {"where": claim.where, "claim": claim.text, "claimed": claim.number}
    if about.empty:
        model = "" if claim.model == LSTM_CS else f" with {claim.model}"
        return [{**row, "of": "", **_nothing(f"no pairs of runs of {claim.subject}{model}")}]
    return [{**row, "of": of, **_judged(claim, rows)} for of, rows in about.groupby("of", sort=False)]


def _judged(claim: Claim, rows: pd.DataFrame) -> dict[str, object]:
    scaled = of_mean_scores(rows) if claim.of_mean_scores else rows
    means = averages(scaled)
    chosen = _decisive(claim, means) if claim.subject == EVERY else means.iloc[0]
    scaled = scaled[scaled["cell"] == chosen["cell"]]
    mean, low, high = (float(chosen[key]) for key in ("improvement", "low", "high"))
    effect = Effect(mean, low, high, scaled["sd"].tolist(), scaled["ratio"].tolist())
    row = {key: chosen[key] for key in ("sets", "data", "improvement", "low", "high")} | {"n": int(scaled["n"].min())}
    row["alteration"] = chosen["cell"] if claim.subject == EVERY else ""
    decided = _decided(claim, effect)
    lacking = len(published.alterations()) - int((means["sets"] == len(claim.sets)).sum())
    if claim.subject == EVERY and decided["verdict"] == REPRODUCED and lacking:
        because = f"{lacking} of the paper's alterations missing"
        decided = {"verdict": NOT_DECIDABLE, "needed": np.nan, "because": because}
    return row | decided


def _decisive(claim: Claim, means: pd.DataFrame) -> pd.Series:
    """The alteration that refutes "none reaches the bound" most clearly; if none does, the one nearest to it.

    One that was run on fewer data sets than others does not count.
    """
    means = means[means["sets"] == means["sets"].max()]
    against = means[means["low"] >= claim.number]
    if len(against):
        return against.iloc[int(against["low"].argmax())]
    return means.iloc[int(means["high"].fillna(means["improvement"]).argmax())]


def _decided(claim: Claim, effect: Effect) -> dict[str, object]:
    """Columns verdict, needed and because."""
    row: dict[str, object] = {"verdict": NOT_DECIDABLE, "needed": np.nan}
    number = claim.number
    if claim.bound == "above":  # the same as below, with the other sign
        number, effect = -number, effect._replace(mean=-effect.mean, low=-effect.high, high=-effect.low)
    missing = len(claim.sets) - len(effect.sd)
    verdict = (verdict_on_bound if claim.bound else verdict_on_number)(effect, number)
    if not missing and verdict != NOT_DECIDABLE:
        return {**row, "verdict": verdict, "because": ""}
    first = f"{missing} of {len(claim.sets)} data sets missing; " if missing else ""
    if not np.isfinite(effect.sd).all():
        return {**row, "because": f"{first}one pair of runs has no interval"}
    whole = effect._replace(sd=_filled(effect.sd, missing), ratio=_filled(effect.ratio, missing))
    needed = runs_needed(whole, effect.mean - number if claim.bound else number)
    if needed is None:
        return {**row, "because": f"{first}no number of runs on these folds decides"}
    return {**row, "needed": needed, "because": f"{first}{needed} pairs of runs on each would decide"}


def _filled(values: Sequence[float], missing: int) -> list[float]:
    """Those of the data sets that were not run are taken to be the root mean square of the others."""
    return [*values, *[float(np.sqrt(np.mean(np.square(values))))] * missing]


def count(claim: Counted, improved: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of one claim about a number of data sets, as those of `judge`.

    A data set counts as improved if some subject is better in all metrics with p below 5 % after Holm's correction, and
    as not improved if no subject's interval reaches above 0 in all of them. Reproduced: enough are improved. Not
    reproduced: so many are not that the others cannot be enough. Not decidable otherwise.

    Args:
        claim: what is claimed.
        improved: as in `judge`.
    """
    about = improved[improved["metric"].isin(claim.metrics) & (improved["model"] == LSTM_CS)]
    about = about[about["cell"].isin(claim.subjects) & about["data"].isin(claim.sets)]
    row = {"where": claim.where, "claim": claim.text, "claimed": np.nan}
    if about.empty:
        return [{**row, "of": "", **_nothing(f"no pairs of runs of {', '.join(claim.subjects)}")}]
    return [{**row, "of": of, **_counted(claim, rows)} for of, rows in about.groupby("of", sort=False)]


def _counted(claim: Counted, rows: pd.DataFrame) -> dict[str, object]:
    wide = rows.set_index(["data", "cell", "metric"])
    above = (wide["low"] > 0) & (wide["p_holm"] < ALPHA)
    sure = above.unstack("metric", fill_value=False).all(axis=1).groupby("data").any()
    possible = (~(wide["high"] <= 0)).unstack("metric", fill_value=True).all(axis=1).groupby("data").any()
    yes, no, every = int(sure.sum()), int((~possible).sum()), len(claim.sets)
    names = list(dict.fromkeys(rows["data"]))
    row = _nothing("") | {"sets": len(names), "data": ", ".join(names), "n": int(rows["n"].min())}
    if yes >= claim.least:
        return row | {"verdict": REPRODUCED}
    if no > every - claim.least:
        return row | {"verdict": NOT_REPRODUCED}
    missing = f", {every - len(names)} not run" if len(names) < every else ""
    return row | {"because": f"{yes} of {every} improved, {no} not, {len(names) - yes - no} open{missing}"}


def _nothing(because: str) -> dict[str, object]:
    nothing = dict.fromkeys(("improvement", "low", "high", "needed"), np.nan)
    return {"sets": 0, "data": "", "n": 0, "alteration": "", **nothing, "verdict": NOT_DECIDABLE, "because": because}
