"""Tuned runs beside those with the given settings: what tuning brings a cell, and what it changes between cells."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.statistics.improvements import improvements
from analysis.study.results import configuration
from conf.tuned import TUNED, trials_and_search
from training.run.folder.record import SEARCHED, without_keys
from training.studies.trial_table import SCORE, TRIAL


class Comparison(NamedTuple):
    """The runs of one search protocol.

    Attributes:
        data, model: of all its runs.
        tuned: how their settings were chosen: "20 trials on fold 8 (3f2a)".
        fixed_runs, tuned_runs: rows of `text_results.read` with the given settings, and with each cell's best.
        trials: rows of `trials.read_trials`: those among which the best settings were chosen.
    """

    data: str
    model: str
    tuned: str
    fixed_runs: pd.DataFrame
    tuned_runs: pd.DataFrame
    trials: pd.DataFrame


def comparisons(results: pd.DataFrame, trials: pd.DataFrame) -> Iterator[Comparison]:
    """Each group of tuned runs beside the group with the given settings, if that is there.

    Args:
        results: from `text_results.read`.
        trials: from `trials.read_trials`.
    """
    groups = {str(key): runs for key, runs in results.groupby("settings", sort=False)}
    configs = {key: configuration(Path(str(runs["folder"].iloc[0]))) for key, runs in groups.items()}
    for key, config in configs.items():
        if not config.get(TUNED):
            continue
        number, search = trials_and_search(str(config[TUNED]))
        own = trials[(trials["search"] == search) & (trials[TRIAL] < number)]
        given = [str(other) for other in own["settings"].unique() if _alike(configs.get(str(other), {}), config)]
        if given:
            data, model = (str(groups[key][name].iloc[0]) for name in ("data", "model"))
            of_given = own[own["settings"] == given[0]]
            yield Comparison(data, model, str(config[TUNED]), groups[given[0]], groups[key], of_given)


def gains(comparison: Comparison) -> pd.DataFrame:
    """The gain of each cell by tuning: rows of `improvements` over its runs with the given settings, by SCORE."""
    rows = []
    for cell in dict.fromkeys(comparison.tuned_runs["cell"]):
        one, other = (runs[runs["cell"] == cell] for runs in (comparison.fixed_runs, comparison.tuned_runs))
        both = pd.concat([one.assign(cell="given"), other.assign(cell="tuned")]).assign(
            settings="both", recipe="", folder=""
        )
        found = improvements(both, "given")
        rows.append(found[found["metric"] == SCORE].assign(cell=cell))
    return pd.concat(rows, ignore_index=True)


def expected_best(scores: ArrayLike, draws: int) -> float:
    """The expected highest score of this many draws, with replacement, from these scores.

    With the n scores in order, s_1 <= ... <= s_n, it is sum_k s_k ((k / n)^draws - ((k - 1) / n)^draws): Dodge et al.
    2019, "Show Your Work", equation 7.
    """
    ordered = np.sort(np.asarray(scores, float))
    shares = np.arange(len(ordered) + 1) / len(ordered)
    return float(ordered @ np.diff(shares**draws))


def _alike(config: Mapping[str, object], tuned: Mapping[str, object]) -> bool:
    """Whether two configurations differ in what was searched, cell, seed and fold alone."""
    apart = (*SEARCHED, TUNED, "cell", "seed", "fold")
    return without_keys(config, apart) == without_keys(tuned, apart)
