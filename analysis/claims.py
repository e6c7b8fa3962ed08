"""What the cell paper claims, and what the runs at hand say of it. The rules are those of `verdict`."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cells.alterations import CURRENT, HIDDEN

from . import published
from .compare import F1, LSTM_CS, averages, improvements, models
from .verdict import NOT_DECIDABLE, NOT_REPRODUCED, REPRODUCED, Effect, below, reaches, runs_needed

SIX = ("mlma", "hasoc", "ag", "crowd", "hate", "semeval")
"""The data sets of the averages: all but ROBO."""

SEVEN = (*SIX, "robo")

COMPARED = ("mlma", "hasoc", "ag", "robo", "crowd", "hate")
"""Those of Tables 12-15."""

TABLE_1 = (*CURRENT, *HIDDEN)
EVERY = "every alteration"


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper.

    Attributes:
        where: in the paper.
        text: the claim.
        cell: the alteration, or the model that is compared with C1, or EVERY.
        metric: of `compare.improvements`.
        sets: the data sets over which it is averaged.
        number: percent over the baseline that are claimed, or the bound.
        bound: whether the claim is "below `number`" rather than "by `number`".
    """

    where: str
    text: str
    cell: str
    metric: str
    sets: tuple[str, ...]
    number: float
    bound: bool = False


CLAIMS = (
    Claim("Table 10", "C1 improves macro-F1 by 0.643 % on average", "C1", "macro_f1", SIX, 0.643),
    Claim("section 4.1", "C1 improves the F1 metrics by 0.5 % on average", "C1", F1, SIX, 0.5),
    Claim("section 4.1", "C9, the least effective, improves the F1 metrics by 0.1 %", "C9", F1, SIX, 0.1),
    Claim("Table 11", "H2 improves the F1 metrics by 0.29 % on average", "H2", F1, SIX, 0.29),
    Claim("Table 11", "H1 reduces the F1 metrics", "H1", F1, SIX, 0.0, bound=True),
    Claim("Table 11", "H1 reduces accuracy", "H1", "accuracy", SIX, 0.0, bound=True),
    Claim("section 7", "no alteration takes 10 % more time per epoch", EVERY, "epoch_seconds", SEVEN, 10.0, bound=True),
    Claim("section 6", "BERT's accuracy is 0.93 % higher on average", "bert", "accuracy", COMPARED, 0.93),
    Claim("section 6", "BERT's macro-F1 is 16.43 % higher on average", "bert", "macro_f1", COMPARED, 16.43),
    Claim("section 7", "BERT takes 10,000 % more training time", "bert", "seconds", COMPARED, 10_000.0),
)

IMPROVED_SETS = 6
"""Section 4.1: F1 and accuracy improve in six of the seven data sets."""


def verdicts(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each claim and each recipe of LSTM-CS, then one for each macro-F1 in Tables 3-9 whose data set was run.

    Args:
        results: of `design.study`.

    Returns:
        Columns recipe, where, claim; sets and data: on how many data sets, and on which; n: pairs of runs, the fewest
        on any of them; claimed, improvement, low, high in percent; verdict; needed: the pairs on each data set that
        would decide, NaN if no number would or the verdict is out; because: why it is not decidable, else empty.
    """
    rows = []
    improved = improvements(results)
    of_lstm_cs = results.loc[results["model"] == LSTM_CS, "recipe"].unique().tolist()
    for recipe in of_lstm_cs or [""]:  # a claim is judged, however little was run
        of_recipe = improved[(improved["model"] == LSTM_CS) & (improved["recipe"] == recipe)]
        every = pd.concat([of_recipe, models(results, recipe)], ignore_index=True)
        found = [*(judge(claim, every) for claim in CLAIMS), six_of_seven(of_recipe)]
        found += [judge(claim, every) for claim in _of_the_tables(set(of_recipe["data"]))]
        rows += [{"recipe": recipe, **row} for row in found]
    return pd.DataFrame(rows)


def judge(claim: Claim, improved: pd.DataFrame) -> dict[str, object]:
    """The row of one claim, without its recipe.

    Of EVERY alteration the one that is furthest from the claim is judged.

    Args:
        claim: what is claimed.
        improved: rows of `improvements` of one recipe.
    """
    rows = improved[(improved["metric"] == claim.metric) & improved["data"].isin(claim.sets)]
    names = rows["cell"].str.split(" (", regex=False).str[0]  # of a model, without its recipe
    rows = rows[names.isin(TABLE_1 if claim.cell == EVERY else [claim.cell])].dropna(subset="improvement")
    row = {"where": claim.where, "claim": claim.text, "claimed": claim.number}
    if rows.empty:
        return {**row, **_nothing(f"no pairs of runs of {claim.cell}")}
    means = averages(rows)
    furthest = int(means["high"].fillna(means["improvement"]).argmax()) if claim.cell == EVERY else 0
    worst = means.iloc[furthest]
    rows = rows[rows["cell"] == worst["cell"]]
    effect = Effect(worst["improvement"], worst["low"], worst["high"], rows["sd"].tolist(), rows["ratio"].tolist())
    row |= {key: worst[key] for key in ("sets", "data", "improvement", "low", "high")} | {"n": int(rows["n"].min())}
    return row | _decided(claim, effect, len(rows))


def six_of_seven(improved: pd.DataFrame) -> dict[str, object]:
    """Whether an alteration improves F1 and accuracy in six of the seven data sets.

    A data set counts as improved if some alteration raises both with p below 5 % after Holm's correction, and as not
    improved if no alteration's interval reaches above 0 in both. Reproduced: six are improved. Not reproduced: two are
    not. Not decidable otherwise.
    """
    used = improved[improved["metric"].isin([F1, "accuracy"]) & improved["cell"].isin(TABLE_1)]
    wide = used.set_index(["data", "cell", "metric"])
    sure = ((wide["low"] > 0) & (wide["p_holm"] < 0.05)).unstack("metric").all(axis=1).groupby("data").any()
    possible = (~(wide["high"] <= 0)).unstack("metric").all(axis=1).groupby("data").any()
    yes, no, of = int(sure.sum()), int((~possible).sum()), len(sure)
    verdict = REPRODUCED if yes >= IMPROVED_SETS else NOT_REPRODUCED if no > 7 - IMPROVED_SETS else NOT_DECIDABLE
    because = f"{yes} of {of} improved, {no} not, {of - yes - no} open" if verdict == NOT_DECIDABLE else ""
    return {
        "where": "section 4.1",
        "claim": "in six of seven data sets an alteration improves F1 and accuracy",
        **_nothing(because),
        "verdict": verdict,
    }


def _of_the_tables(data: set[str]) -> Iterator[Claim]:
    """The macro-F1 of Tables 3-9, for data sets that were run."""
    paper = published.improvements().query("cell != 'baseline'")
    columns = (paper[name] for name in ("table", "data", "cell", "macro_f1"))
    for table, name, cell, percent in zip(*columns, strict=True):
        if name in data:
            verb = "improves" if percent > 0 else "reduces"
            set_ = "robo (here a stand-in)" if name == "robo" else name
            text = f"{cell} {verb} the macro-F1 of {set_} by {abs(percent)} %"
            yield Claim(f"Table {table}", text, cell, "macro_f1", (name,), percent)


def _decided(claim: Claim, effect: Effect, sets: int) -> dict[str, object]:
    """Columns verdict, needed and because."""
    row: dict[str, object] = {"verdict": NOT_DECIDABLE, "needed": np.nan}
    if sets < len(claim.sets):
        return {**row, "because": f"{len(claim.sets) - sets} of {len(claim.sets)} data sets missing"}
    verdict = below(effect, claim.number) if claim.bound else reaches(effect, claim.number)
    if verdict != NOT_DECIDABLE:
        return {**row, "verdict": verdict, "because": ""}
    if not np.isfinite(effect.sd).all():
        return {**row, "because": "one pair of runs has no interval"}
    needed = runs_needed(effect, effect.mean - claim.number if claim.bound else claim.number)
    if needed is None:
        return {**row, "because": "no number of runs on these folds decides"}
    return {**row, "needed": needed, "because": f"{needed} pairs of runs on each would decide"}


def _nothing(because: str) -> dict[str, object]:
    nothing = dict.fromkeys(("improvement", "low", "high", "needed"), np.nan)
    return {"sets": 0, "data": "", "n": 0, **nothing, "verdict": NOT_DECIDABLE, "because": because}
