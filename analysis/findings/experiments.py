"""The results at the top of experiment files: `python -m analysis experiments results -o conf/experiment`."""

import re
import textwrap
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from analysis.published.cell_paper import LSTM_CS
from analysis.statistics.improvements import improvements
from analysis.statistics.significance import ALPHA
from analysis.study import market_results, text_results
from analysis.study.results import kinds
from analysis.tables.output_folder import write_files
from cells.alterations import NAMED
from conf.compose import CONF, PLACEBO, composed
from training.run.folder.record import Record
from training.studies.grid import REPLICATE_KEYS, Grid

EXPERIMENTS = CONF / "experiment"
SCORE = "macro_f1"
WIDTH = 120

RESULT = re.compile(r"^# Result.*\n(?:^#.*\n)*", re.MULTILINE)
"""The comment about the result in an experiment's file: the last one in front of its keys."""


def write(runs: Path, folder: Path) -> str:
    """Write the files of experiments with finished runs, each with its result as measured; returns these comments.

    Raises:
        UserError: there are no runs, or the folder cannot be written.
    """
    files = dict(files_of(runs))
    write_files(folder, files)
    return "\n".join(f"{name}\n{_parts(text)[1]}" for name, text in files.items()).rstrip()


def files_of(runs: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each experiment's file with its result, for those with finished runs.

    Raises:
        UserError: there are no runs.
    """
    for name, found, planned in studies(runs):
        if len(found):
            before, _, keys = _parts((EXPERIMENTS / name).read_text(encoding="utf-8"))
            yield name, before + _comment(found, planned) + keys


def studies(runs: Path) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Each experiment's file name, the finished runs of it, and all of its runs from `runs_of`.

    Raises:
        UserError: there are no runs.
    """
    results = _finished(runs)
    names = {str(name) for kind in ("data", "features") if kind in results for name in results[kind].dropna()}
    for path in sorted(EXPERIMENTS.glob("*.yaml")):
        planned = runs_of(path.stem, names)
        yield path.name, results.merge(planned, on=["settings", "cell", *REPLICATE_KEYS]), planned


def _parts(text: str) -> tuple[str, str, str]:
    """A file in front of the comment about its result, the comment, and the rest."""
    found = RESULT.search(text)
    assert found is not None, "tests/training/studies/test_experiment.py asks every experiment for its result"
    return text[: found.start()], found[0], text[found.end() :]


def runs_of(experiment: str, names: Collection[str]) -> pd.DataFrame:
    """A row for each run of an experiment: settings (the fingerprint), cell, seed, fold, asked (recipe), on (data set).

    Args:
        experiment: its name.
        names: of the data and feature sets that matter; runs on others have no settings, since composing takes long.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        sweeper = compose("config", [f"experiment={experiment}"], return_hydra_config=True).hydra.sweeper
    config = _usual()
    given = [f"experiment={experiment}"]
    grid = Grid.read(sweeper.params, sweeper.one_of, given, OverridesParser.create(), config.n_folds)
    shared: dict[tuple[str, ...], str] = {}
    rows = []
    for run in grid.runs():
        cells = tuple(value for key, value in run.items() if key.partition(".")[0] == "cell")
        others = tuple(value for key, value in run.items() if value not in cells and key not in REPLICATE_KEYS)
        known = any(value.partition("=")[2] in names for value in others)
        if known and others not in shared:
            shared[others] = Record.of(composed(*others)).settings
        numbers = [int(run[key].partition("=")[2]) if key in run else int(config[key]) for key in REPLICATE_KEYS]
        asked, on = (run.get(key, "").partition("=")[2] for key in ("recipe", "data"))
        rows.append([shared.get(others, ""), _cell(cells) if known else "", *numbers, asked, on])
    return pd.DataFrame(rows, columns=["settings", "cell", *REPLICATE_KEYS, "asked", "on"])


@cache
def _usual() -> DictConfig:
    """The configuration without an experiment."""
    return composed("data=robo")


@cache
def _cell(overrides: tuple[str, ...]) -> str:
    """The name of a cell, by its overrides."""
    if len(overrides) == 1 and overrides[0].partition("=")[2] in (*NAMED, "baseline", PLACEBO):
        return overrides[0].partition("=")[2]  # composing takes a tenth of a second
    return Record.of(composed("data=robo", *overrides)).cell


def _finished(runs: Path) -> pd.DataFrame:
    """The scored row of every finished run, and whether it is `text_results.comparable`."""
    found = kinds(runs)
    parts = []
    if "data" in found:
        rows = text_results.read(runs)
        kept = text_results.comparable(rows, text_results.without_result(runs, rows))
        parts.append(rows.assign(compared=rows.index.isin(kept.index)))
    if "features" in found:
        parts.append(market_results.scored(runs).assign(compared=True))
    return pd.concat(parts, ignore_index=True)


def _comment(rows: pd.DataFrame, planned: pd.DataFrame) -> str:
    told = _market(rows) if "data" not in rows or rows["data"].isna().all() else "; ".join(_texts(rows))
    about = [
        " ".join(filter(None, [str(recipe), _cost(rows[rows["asked"] == recipe], fits)]))
        for recipe, fits in planned.groupby("asked", sort=False)
    ]
    text = f"Result ({'; '.join(about)}): {told}."
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"


def _cost(rows: pd.DataFrame, planned: pd.DataFrame) -> str:
    """How many fits there are, what they took, and what the others will take, by the means of their data sets."""
    counts = f"{len(rows)} of {len(planned)} fits"
    if rows.empty:
        return counts
    rest = remaining_hours(rows, planned)
    left = f", the others about {rest:.1f} hours" if rest >= 0.05 else ""
    return f"{counts} in results, {rows['seconds'].sum() / 3600:.1f} hours, {rows['seconds'].mean():.1f} s each{left}"


def remaining_hours(rows: pd.DataFrame, planned: pd.DataFrame) -> float:
    """Hours of the runs that are not finished, by the means of their data sets; NaN where one has none."""
    seconds = rows.groupby("on")["seconds"]
    missing = planned["on"].value_counts() - seconds.size().reindex(planned["on"].unique(), fill_value=0)
    return float((missing * seconds.mean().reindex(missing.index)).sum(skipna=False)) / 3600


def _market(rows: pd.DataFrame) -> str:
    means = rows.groupby(["horizon", "window", "features", "model"])["relative_rmse"].mean()
    better = int((means < 1).sum())
    return (
        f'mean RMSE {means.min():.2f} to {means.max():.2f} times that of "tomorrow = today"; {better} of {len(means)} '
        "are better"
    )


def _texts(rows: pd.DataFrame) -> Iterator[str]:
    """For each data set and recipe of LSTM-CS: the baseline, and how many alterations differ from it significantly."""
    improved = improvements(rows[(rows["model"] == LSTM_CS) & rows["compared"]])
    improved = improved[(improved["metric"] == SCORE) & (improved["p_holm"] < ALPHA)]
    for (data, model, recipe), group in rows.groupby(["data", "model", "recipe"], sort=False):
        base = group.loc[group["cell"] == "baseline", SCORE]
        named = " ".join(filter(None, [str(data).upper(), "" if model == LSTM_CS else str(model), str(recipe)]))
        if model != LSTM_CS:
            yield f"{named}: macro-F1 {100 * base.mean():.1f}%"
            continue
        same = improved[(improved["data"] == data) & (improved["recipe"] == recipe)]["improvement"]
        altered = group.loc[group["compared"], "cell"].nunique() - 1
        failed = sorted(group.loc[~group["compared"], "cell"].unique())
        yield (
            f"{named}: baseline's macro-F1 {100 * base.mean():.1f}%, {(same > 0).sum()} of {altered} other cells "
            f"significantly better and {(same < 0).sum()} worse"
            + (f" ({', '.join(failed)} failed in some runs and left out)" if failed else "")
        )
