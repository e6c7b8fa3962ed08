"""Tables 1-3 of the Bitcoin paper beside finished runs, and walk-forward runs: `python -m analysis market runs`."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.published import bitcoin_paper
from analysis.published.bitcoin_paper import PRINTED_ERRORS
from analysis.statistics.contrasts import Contrasts
from analysis.study import market_results, results
from analysis.study.daily_errors import contrasts
from analysis.study.results import configuration
from analysis.tables import market_differences, market_verdicts_table
from analysis.tables.formatting import count_range, file_name, number
from analysis.tables.horizon_table import horizon_tables
from analysis.tables.market_differences import differences, how
from analysis.tables.market_verdicts_table import verdicts_table
from analysis.tables.series_effect_table import series_effect_table
from analysis.tables.series_table import series_tables
from analysis.tables.table import Table, plain_text
from cells.errors import UserError
from conf.kinds import MARKET
from training.run.folder.faults import OWN_SOURCES

FIELD = ["window", "features", "model"]
"""The columns that lead to a field of the tables."""

SETTINGS = ["cell", "horizon", "target", "source"]
"""Runs that differ in these columns are in different tables."""

PRINTED = {"horizon": 1, "target": None}
"""The settings of the paper's tables, which are about the close; the cell and the source may be others."""

JUDGED = {**PRINTED, "cell": "baseline", "source": "yahoo"}
"""The settings of runs by which the paper's claims are judged."""

SHOWN = [*FIELD, *SETTINGS, "protocol", "sentiment", "control"]
"""The columns by which the tables tell runs apart; over seed and fold they take means."""


def as_text(runs: Path) -> str:
    """The `market_tables` for the terminal, and a line for each run that is left out for a fault.

    Raises:
        UserError: as there.
    """
    tables = map(plain_text, market_tables(runs))
    return "\n\n".join([*tables, *results.left_out(runs, MARKET.group)])


def market_tables(runs: Path) -> list[Table]:
    """All tables of the market runs below a folder: `series_effect_table`, `series_tables`, `tables_1_to_3` and
    `walk_forward_table`.

    Raises:
        UserError: there are none but controls, one twice, or some that differ in something that no table shows, such as
            epochs.
    """
    metrics = market_results.read(runs)
    refuse_mixed(runs, metrics)
    baselines, predictions = (market_results.read_table(runs, table) for table in ("baselines", "predictions"))
    found: list[Table] = []
    if (own := metrics["source"].isin(OWN_SOURCES)).any():
        found += [*series_effect_table(metrics[own]), *series_tables(metrics[own], baselines)]
        metrics = metrics[~own]
        baselines, predictions = (table[~table["source"].isin(OWN_SOURCES)] for table in (baselines, predictions))
        if metrics.empty:
            return found
    if (paper := _in_the_paper(metrics)).any():
        days = metrics["folder"].map(_validated(predictions))
        found += tables_1_to_3(metrics.assign(days=days)[paper], baselines[_in_the_paper(baselines)], predictions)
        found += horizon_tables(metrics[paper])
    if (walked := predictions["protocol"] == "walk_forward").any():
        from analysis.tables.walk_forward_table import walk_forward_table  # imports SciPy

        found.append(walk_forward_table(predictions[walked]))
    if not found:
        raise UserError(
            f"{runs} holds only runs with control=, which are not part of the paper's tables: "
            "repeat one of them without control=."
        )
    return found


def refuse_mixed(runs: Path, metrics: pd.DataFrame) -> None:
    """Refuse runs over which a mean would be taken although they differ in more than seed and fold.

    Raises:
        UserError: names the first two that differ, or that are the same run.
    """
    advice = "give a folder below it, or keep them apart with runs_dir=..."
    for known, rows in metrics.groupby(SHOWN, dropna=False):
        named = ", ".join(f"{key} {value}" for key, value in zip(FIELD, known, strict=False))
        one, *others = rows.drop_duplicates("settings")["folder"]
        if others:
            raise UserError(
                f"{runs} holds runs of {named} that differ in {_difference(Path(one), Path(others[0]))}, which the "
                f"tables do not show: {advice}"
            )
        twice = rows[rows.duplicated(["seed", "fold", "split"], keep=False)]["folder"].unique()
        if len(twice):
            raise UserError(f"{runs} holds a run of {named} twice, in {' and '.join(twice[:2])}: {advice}")


def _difference(*folders: Path) -> str:
    """The keys in which two configurations differ, with both values: "epochs (40, 5)"."""
    one, other = (pd.json_normalize(configuration(folder)).astype(object).iloc[0].to_dict() for folder in folders)
    keys = [key for key in {**one, **other} if str(one.get(key)) != str(other.get(key)) and key not in ("seed", "fold")]
    return ", ".join(f"{key} ({one.get(key)}, {other.get(key)})" for key in keys)


def _validated(predictions: pd.DataFrame) -> "pd.Series[str]":
    """The days on which each run was validated, by its folder: "4 days, 2020-01-01 to 2020-01-04"."""
    days = predictions[predictions["split"] == "val"].groupby("folder")["day"].agg(["size", "min", "max"])
    return days["size"].astype(str) + " days, " + days["min"] + " to " + days["max"]


def _in_the_paper(table: pd.DataFrame) -> pd.Series:
    return (table["protocol"] == "paper") & table["control"].isna()


def tables_1_to_3(metrics: pd.DataFrame, baselines: pd.DataFrame, predictions: pd.DataFrame) -> list[Table]:
    """The verdicts on the claims, then Tables 1-3: paper / ours in each field, with intervals in tables of their own.

    Args:
        metrics: rows of metrics.csv of runs with protocol=paper and without a control, with a column more, days: the
            days on which the run was validated.
        baselines: rows of their baselines.csv, each with its run's folder.
        predictions: rows of their predictions.csv, each with its run's folder.
    """
    sentiments = sorted(metrics["sentiment"].dropna().unique()) or [None]
    judged: list[Table] = []
    found: list[Table] = []
    for values, group in metrics.groupby(SETTINGS, sort=False):
        settings = dict(zip(SETTINGS, values, strict=True))
        for sentiment in sentiments:
            rows = group[group["sentiment"].isna() | (group["sentiment"] == sentiment)]
            if rows.empty:
                continue
            named = None if settings["target"] == "close" else settings["target"]  # named where it is not the paper's
            about = {**settings, "target": named, "sentiment": sentiment}
            errors = contrasts(rows, predictions)
            if all(about[key] == value for key, value in JUDGED.items()):
                name = file_name(market_verdicts_table.NAME, *about.values())
                judged.append(verdicts_table(errors[0], _words(about), name))
            found += _by_window(about, rows, baselines, errors)
    return judged + found


def _as_printed(settings: Mapping[str, object]) -> bool:
    """Whether runs are about the same as the paper's tables, which are about the next day's close."""
    return all(settings[key] == value for key, value in PRINTED.items())


def _words(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)


def _by_window(
    settings: Mapping[str, object], metrics: pd.DataFrame, baselines: pd.DataFrame, errors: Sequence[Contrasts]
) -> Iterator[Table]:
    """Two tables for each window of runs with the same settings: beside the paper's numbers, and how sure ours are."""
    paper = bitcoin_paper.errors()
    for window, rows in _wide(metrics).groupby("window"):
        theirs = paper[(paper["window"] == window) & _as_printed(settings)]
        name = f"Table {theirs['table'].iloc[0]}" if len(theirs) else "Not in the paper"
        about = f"window {window}, {_words(settings)}"
        numbers = theirs.merge(rows, "outer", on=["features", "model"], suffixes=("_paper", ""), sort=False)
        order = list(dict.fromkeys(name for key in ("features", "model") for name in (*paper[key], *rows[key])))
        numbers = numbers.sort_values(["features", "model"], key=lambda column: column.map(order.index))
        file = file_name("bitcoin", name.lower() if len(theirs) else f"window {window}", *settings.values())
        yield Table(
            file,
            f"{name}: {about}; paper / ours, scaled units, seeds: {count_range(rows['seeds'])}",
            numbers,
            _side_by_side(numbers),
            [
                *_persistence(metrics[metrics["window"] == window], baselines),
                *metrics.loc[metrics["window"] == window, "warning"].dropna().unique(),
            ],
        )
        table = differences(errors, int(str(window)))
        table = table.sort_values(["features", "model"], key=lambda column: column.map(order.index), kind="stable")
        title = f"How sure: {name if len(theirs) else 'validation errors'}, {about}"
        yield Table(f"{file}_intervals", title, table, market_differences.shown(table), [how(errors)])


def _wide(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row for each field of the tables: PRINTED_ERRORS as means over seeds, their deviations, number and days."""
    groups = metrics.groupby([*FIELD, "split"])[["rmse", "mae"]]
    means, deviations = (pd.DataFrame(found.unstack("split")) for found in (groups.mean(), groups.std()))
    means.columns = means.columns.map(lambda column: f"{column[1]}_{column[0]}")
    deviations.columns = deviations.columns.map(lambda column: f"{column[1]}_{column[0]}_sd")
    means = means.join(deviations)
    means["seeds"] = metrics.groupby(FIELD)["seed"].nunique()
    means["days"] = metrics.groupby(FIELD)["days"].agg(_listed)
    return means.reset_index()


def _side_by_side(numbers: pd.DataFrame) -> pd.DataFrame:
    """A row for each feature set, a column for each model and error, in the paper's order; a dash for a missing number.

    Where rows were validated on different days, a column says on which.
    """
    shown = pd.DataFrame({"features": numbers["features"].unique()}).set_index("features")
    for model, rows in numbers.groupby("model", sort=False):
        for error in PRINTED_ERRORS:
            columns = (rows[name] for name in ("features", f"{error}_paper", error, f"{error}_sd"))
            shown[f"{model} {error}"] = pd.Series(
                {
                    name: f"{number(theirs, 2)} / {_ours(mean, sd)}"
                    for name, theirs, mean, sd in zip(*columns, strict=True)
                }
            )
    shown = shown.fillna("- / -")
    if numbers["days"].nunique() > 1:
        shown["validated on"] = numbers.dropna(subset="days").groupby("features")["days"].agg(_listed)
        shown = shown.fillna({"validated on": "-"})
    return shown.reset_index()


def _ours(mean: float, sd: float) -> str:
    """ "0.0255 ± 0.0028", without the deviation of a single seed."""
    return number(mean, 4) + ("" if pd.isna(sd) else f" ± {number(sd, 4)}")


def _listed(texts: "pd.Series[str]") -> str:
    return "; ".join(dict.fromkeys(texts))


def _in_its_unit(row: Mapping[Hashable, float]) -> str:
    """RMSE and MAE in dollars, or of volatilities in percent."""
    if pd.notna(row.get("rmse_dollars")):
        return f"${row['rmse_dollars']:.1f}, ${row['mae_dollars']:.1f}"
    return f"{row['rmse_percent']:.2f} %, {row['mae_percent']:.2f} %"


def _persistence(metrics: pd.DataFrame, baselines: pd.DataFrame) -> list[str]:
    """The errors of "tomorrow = today" on the days of these runs, in one line for all feature sets that share them."""
    scores = baselines[(baselines["forecast"] == "persistence") & (baselines["split"] == "val")]
    runs = metrics.drop_duplicates("folder")[["folder", "days"]]
    lines: dict[str, list[str]] = {}
    for row in scores.merge(runs, on="folder").to_dict("records"):
        line = (
            f"persistence (tomorrow = today) on {row['days']}: RMSE {row['rmse']:.4f}, MAE {row['mae']:.4f} "
            f"({_in_its_unit(row)})"
        )
        lines.setdefault(line, []).append(str(row["features"]))
    if len(lines) == 1:
        return list(lines)
    return [f"{line}: {', '.join(dict.fromkeys(features))}" for line, features in lines.items()]
