"""A verdict on each of the cell paper's claims, from the runs at hand, by the rules in `rules`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.claims.claims import CLAIMS, CONTRASTS, COUNTING_CLAIMS, EVERY, MEANS, Claim, claims_of_tables
from analysis.claims.counting import judge_count, nothing
from analysis.claims.rules import NOT_DECIDABLE, NOT_REPRODUCED, REPRODUCED, verdict_on_bound, verdict_on_number
from analysis.published.cell_paper import LSTM_CS, SIMPLE, alterations
from analysis.statistics.averages import averages, relative_to_mean_baseline
from analysis.statistics.improvements import TIMES, improvements, model_improvements, with_mean_cell
from analysis.statistics.power import FEWEST_SPLITS, Effect, runs_needed
from analysis.statistics.significance import ALPHA, holm, t_test
from conf.compose import PLACEBO
from conf.kinds import BY_SEED


def verdicts(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each claim and each recipe of LSTM-CS, then one for each macro-F1 in Tables 3-9 whose data set was run.

    Where the other model of a claim was run with several recipes, the claim has a row for each. A claim about another
    model alone stands under the first recipe of LSTM-CS only, so that it counts once.

    Args:
        results: from `text_results.read`.

    Returns:
        Columns recipe, where, claim; of: the other model's recipe, else empty; sets and data: on how many data sets,
        and on which; n: pairs of runs, the fewest on any of them; claimed, improvement, low, high in percent;
        alteration: for a claim about all of them the one that decides, else empty; verdict; needed: the pairs on each
        data set that would decide (the folds, where all seeds share one partition), NaN if no number would, if there
        are fewer than FEWEST_SPLITS to tell it from, or if the verdict is out; because: why it is not decidable;
        counted: what a claim about a number of items counts here.
    """
    rows = []
    improved = improvements(results)
    simple = improved[improved["model"] == SIMPLE]
    simple = simple.assign(of=simple["recipe"])
    of_lstm_cs = results.loc[results["model"] == LSTM_CS, "recipe"].unique().tolist() or [""]
    for recipe in of_lstm_cs:  # a claim is judged, however little was run
        claims = [claim for claim in CLAIMS if claim.model == LSTM_CS or recipe == of_lstm_cs[0]]
        runs = results[(results["model"] == LSTM_CS) & (results["recipe"] == recipe)]
        own = improved[(improved["model"] == LSTM_CS) & (improved["recipe"] == recipe)].assign(of="")
        parts = (own, of_means_and_contrasts(runs).assign(of=""), model_improvements(results, recipe), simple)
        every = pd.concat([part for part in parts if len(part)] or [own])
        found = [row for claim in claims for row in judge(claim, every)]
        found += [row for claim in COUNTING_CLAIMS for row in judge_count(claim, every)]
        found += [row for claim in claims_of_tables(set(own["data"])) for row in judge(claim, every)]
        rows += [{"recipe": recipe, **row} for row in found]
    table = pd.DataFrame(rows)
    return table.assign(counted=table["counted"].fillna("") if "counted" in table else "")


def of_means_and_contrasts(runs: pd.DataFrame) -> pd.DataFrame:
    """`improvements` of the subjects in MEANS over the baseline, and of those in CONTRASTS over each other."""
    means = [with_mean_cell(runs, cells, name) for name, cells in MEANS.items()]
    every = pd.concat([runs, *(mean[mean["cell"] != "baseline"] for mean in means)], ignore_index=True)
    found = [improvements(mean) for mean in means]
    for name, (better, worse) in CONTRASTS.items():
        two = every[every["cell"].isin([better, worse])]
        found.append(improvements(two.assign(cell=two["cell"].replace({better: name})), worse))
    return pd.concat([rows for rows in found if len(rows)] or found[:1], ignore_index=True)


def judge(claim: Claim, improved: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of one claim, without the recipe of LSTM-CS; one, or one for each recipe of the other model.

    Args:
        claim: the claim to judge.
        improved: rows of `improvements` for one recipe of LSTM-CS, and for other models, each with the column `of`.
    """
    about = improved[(improved["metric"] == claim.metric) & (improved["model"] == claim.model)]
    cells = alterations() if claim.subject == EVERY else [claim.subject]
    about = about[about["data"].isin(claim.sets) & about["cell"].isin(cells)].dropna(subset="improvement")
    row = {"where": claim.where, "claim": claim.text, "claimed": claim.number}
    if about.empty:
        model = "" if claim.model == LSTM_CS else f" with {claim.model}"
        return [{**row, "of": "", **nothing(f"no pairs of runs of {claim.subject}{model}")}]
    return [{**row, "of": of, **_judged(claim, rows, improved)} for of, rows in about.groupby("of", sort=False)]


def _judged(claim: Claim, rows: pd.DataFrame, improved: pd.DataFrame) -> dict[str, object]:
    scaled = relative_to_mean_baseline(rows) if claim.of_mean_scores else rows
    means = averages(scaled)
    chosen = _decisive(claim, means) if claim.subject == EVERY else means.assign(tests=1, refutes=True).iloc[0]
    scaled = scaled[scaled["cell"] == chosen["cell"]]
    mean, low, high = (float(chosen[key]) for key in ("improvement", "low", "high"))
    effect = Effect(mean, low, high, scaled["sd"].tolist(), scaled["ratio"].tolist())
    row = {key: chosen[key] for key in ("sets", "data", "improvement", "low", "high")} | {"n": int(scaled["n"].min())}
    row["alteration"] = chosen["cell"] if claim.subject == EVERY else ""
    decided = _decided(
        claim, effect, int(scaled["splits"].min()), _folds(scaled), int(chosen["tests"]), bool(chosen["refutes"])
    )
    noise = _noise_of_times(claim, improved)
    if noise and decided["verdict"] != NOT_DECIDABLE and abs(mean - (claim.number if claim.bound else 0)) <= noise:
        because = f"the placebo's time, of the same computation, differs by {noise:.0f} %"
        decided = {"verdict": NOT_DECIDABLE, "needed": np.nan, "because": because}
    lacking = len(alterations()) - int((means["sets"] == len(claim.sets)).sum())
    if claim.subject == EVERY and decided["verdict"] == REPRODUCED and lacking:
        because = f"{lacking} of the paper's alterations missing"
        decided = {"verdict": NOT_DECIDABLE, "needed": np.nan, "because": because}
    return row | decided


def _noise_of_times(claim: Claim, improved: pd.DataFrame) -> float:
    """By how many percent, at most, the load of the machine and the size of stacks change the times of a claim.

    It is the placebo's difference, whose computation is the baseline's; 0 for a claim about scores.
    """
    if claim.metric not in TIMES:
        return 0.0
    placebo = improved[(improved["cell"] == PLACEBO) & (improved["metric"] == claim.metric)]
    placebo = placebo[(placebo["model"] == LSTM_CS) & placebo["data"].isin(claim.sets)]
    return float(placebo["improvement"].abs().max()) if len(placebo) else 0.0


def _decisive(claim: Claim, means: pd.DataFrame) -> pd.Series:
    """The alteration that refutes "none reaches the bound" most clearly; if none does, the one nearest to it.

    One refutes it if it lies beyond the bound with p below 5% after Holm's correction over the alterations: of 17 the
    best one's interval lies above a bound by chance more often. An alteration that was run on fewer data sets than
    others does not count.

    Returns:
        Its row of `means`, with refutes, and tests: over how many alterations the correction is.
    """
    means = means[means["sets"] == means["sets"].max()]
    beyond = means["improvement"] - claim.number
    p = t_test(beyond.to_numpy(), means["se"].to_numpy(), means["df"].fillna(np.inf).to_numpy()).p
    means = means.assign(p=p, tests=len(means), refutes=False)
    against = means[(beyond > 0) & (holm(means, ["metric"]) < ALPHA)]
    if len(against):
        return against.assign(refutes=True).iloc[int(against["low"].argmax())]
    return means.iloc[int(means["high"].fillna(means["improvement"]).argmax())]


def _folds(rows: pd.DataFrame) -> int | None:
    """The number of splits that there can be if all seeds share one partition; None: as many as seeds and folds."""
    fixed = rows[rows["partition"] != BY_SEED]
    return None if fixed.empty else int(fixed["n_folds"].min())


def _decided(
    claim: Claim, effect: Effect, splits: int, folds: int | None, tests: int, surely: bool
) -> dict[str, object]:
    """Columns verdict, needed and because.

    Args:
        claim: the claim.
        effect: what was measured.
        splits: over how many splits of the documents its spread was measured, the fewest on any data set.
        folds: from `_folds`.
        tests: how many alterations the claim is about, each by itself.
        surely: whether what speaks against the claim does so after Holm's correction over them.
    """
    row: dict[str, object] = {"verdict": NOT_DECIDABLE, "needed": np.nan}
    number = claim.number
    if claim.bound == "above":  # the same as below, with the other sign
        number, effect = -number, effect._replace(mean=-effect.mean, low=-effect.high, high=-effect.low)
    missing = len(claim.sets) - len(effect.sd)
    verdict = (verdict_on_bound if claim.bound else verdict_on_number)(effect, number)
    chance = verdict == NOT_REPRODUCED and not surely
    if not missing and verdict != NOT_DECIDABLE and not chance and splits >= FEWEST_SPLITS:
        return {**row, "verdict": verdict, "because": ""}
    first = f"{missing} of {len(claim.sets)} data sets missing; " if missing else ""
    first += f"as the best of {tests} alterations not significant; " if chance else ""
    if not np.isfinite(effect.sd).all():
        one = "one pair of runs" if folds is None else "one fold of one partition"
        return {**row, "because": f"{first}{one} has no interval"}
    if splits < FEWEST_SPLITS:
        return {**row, "because": f"{first}{splits} splits are too few to say how much they vary"}
    whole = effect._replace(sd=_filled(effect.sd, missing), ratio=_filled(effect.ratio, missing))
    needed = runs_needed(whole, effect.mean - number if claim.bound else number, tests)
    if needed is None or (folds is not None and needed > folds):
        these = "documents" if folds is None else "folds"
        return {**row, "because": f"{first}no number of runs on these {these} decides"}
    what = "pairs of runs" if folds is None else "folds"
    return {**row, "needed": needed, "because": f"{first}{needed} {what} on each would decide"}


def _filled(values: Sequence[float], missing: int) -> list[float]:
    """The values, and for each missing data set the root mean square of them."""
    return [*values, *[float(np.sqrt(np.mean(np.square(values))))] * missing]
