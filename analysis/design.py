"""What was run: which settings, cells, seeds and folds, and what is missing from their product."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cells.alterations import CURRENT, HIDDEN

from .results import ResultsError, configuration, read

GROUP = ["data", "model", "settings"]
"""Runs of one group differ in cell, seed and fold only; `settings` is a fingerprint of all else."""

RUN = [*GROUP, "cell", "seed", "fold"]
"""What names a run."""

FACTS = ["recipe", "n_folds", "split_seed"]
"""What `study` adds to each row about its group."""


CONFIGURED = ["n_folds", "split_seed", "epochs", "patience"]
"""What has to be known from the configuration of a group."""


@dataclass(frozen=True)
class Design:
    """What a study consists of.

    Attributes:
        groups: a row for each data, model, settings: recipe, n_folds, split_seed; cells, seeds, folds, runs: how many.
        missing: a row for each run that is not there (data, model, settings, cell, seed, fold), although its cell, its
            seed and its fold each occur in other runs of its group.
    """

    groups: pd.DataFrame
    missing: pd.DataFrame


def study(runs: Path) -> pd.DataFrame:
    """Test rows of all finished runs on texts below `runs`: what compare, ranks, claims and tables take.

    The columns of metrics.csv (data, model, settings, cell, current, hidden, seed, fold, seconds, parameters, accuracy,
    top1, macro_f1, micro_f1, weighted_f1, ...; scores are shares, not percent), and

    - folder: of the run,
    - n_folds, split_seed: into how many parts the documents fall, and how,
    - epoch_seconds: of training, for each epoch. A run goes on for `patience` epochs after the tested one, if it does
      not come to its last one before,
    - recipe: in which settings runs of the same model differ, "epochs=10, lr=0.002"; empty if in none.

    Raises:
        ResultsError: there are none, or one has no config.yaml.
    """
    results = read(runs)
    results = results[results["split"] == "test"].reset_index(drop=True)
    first = results.drop_duplicates("settings").set_index("settings")["folder"]
    configurations = {str(settings): configuration(Path(folder)) for settings, folder in first.items()}
    configured = {key: [config[name] for name in CONFIGURED] for key, config in configurations.items()}
    facts = pd.DataFrame.from_dict(configured, orient="index", columns=CONFIGURED).astype({"patience": float})
    facts = facts.assign(recipe=pd.Series(recipes(configurations)))
    results = results.join(facts, on="settings")
    epochs = (results["epoch"] + 1 + results["patience"]).clip(upper=results["epochs"]).fillna(results["epochs"])
    return results.assign(epoch_seconds=results["seconds"] / epochs).drop(columns=["epochs", "patience"])


def check(results: pd.DataFrame) -> Design:
    """Which runs of the product of cells, seeds and folds of each group are missing.

    Args:
        results: of `study`.

    Raises:
        ResultsError: a run is there twice.
    """
    twice = results[results.duplicated(RUN, keep=False)]
    if len(twice):
        one = twice[(twice[RUN] == twice.iloc[0][RUN]).all(axis=1)]
        name = ", ".join(f"{key} {one.iloc[0][key]}" for key in RUN)
        raise ResultsError(
            f"{one.iloc[0]['folder']} and {one.iloc[1]['folder']} hold the same run ({name}): remove one of them."
        )
    groups = results.groupby([*GROUP, *FACTS], sort=False)
    counts = groups[["cell", "seed", "fold"]].nunique().rename(columns=lambda name: f"{name}s")
    missing = [_missing(group) for _, group in results.groupby(GROUP, sort=False)]
    return Design(counts.assign(runs=groups.size()).reset_index(), in_order(pd.concat(missing, ignore_index=True)))


def recipes(configurations: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """In which settings runs differ from others of the same model, by fingerprint: "epochs=10, lr=0.002".

    What belongs to a data set (data.instead) is compared among runs on that data set only.
    """
    flat = pd.DataFrame.from_dict({key: _flat(config) for key, config in configurations.items()}, orient="index")
    described = pd.Series("", index=flat.index)
    for key in sorted({str(name) for name in flat} - {"data.name", "model.name"}):
        values = flat[key].fillna("-")
        among = ["model.name", "data.name"] if key.startswith("data.") else ["model.name"]
        differs = values.groupby([flat[name] for name in among]).transform("nunique") > 1
        described[differs] += f", {key}=" + values[differs]
    return {str(key): text.removeprefix(", ") for key, text in described.items()}


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Leaves as "data.name"; without what differs between runs of the same settings."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{name}.") if name != "cell" else {}
        elif name not in ("seed", "fold"):
            leaves[name] = str(value)
    return leaves


def _missing(group: pd.DataFrame) -> pd.DataFrame:
    product = pd.MultiIndex.from_product([group[key].unique() for key in ("cell", "seed", "fold")])
    there = pd.MultiIndex.from_frame(group[["cell", "seed", "fold"]])
    rows = pd.DataFrame(product.difference(there, sort=False).to_list(), columns=["cell", "seed", "fold"])
    return rows.assign(**{key: group[key].iloc[0] for key in GROUP})[RUN]


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The baseline, the cells of Table 1, then others as they come."""
    order = {cell: place for place, cell in enumerate(["baseline", *CURRENT, *HIDDEN])}
    places = rows["cell"].map(lambda cell: order.get(cell, len(order)))
    return rows.iloc[places.argsort(kind="stable")].reset_index(drop=True)
