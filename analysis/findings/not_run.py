"""The part of docs/RESULTS.md on what the experiments of conf/experiment ask for and the runs at hand do not have."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.findings import experiments
from analysis.tables.formatting import number
from analysis.tables.table import Table, markdown

NOTES = (
    "A command continues its folder `runs`: finished fits are kept. Fits that failed count as missing. Hours: of the "
    "fits that are missing, by the mean of those of their data set; a dash where one of these has none, for which the "
    "experiment's file estimates its cost. Tables 10 to 16 are made of the fits of the other tables, so that the hours "
    "are no sum. With `stack=50` as well, many fits are trained as one.",
)


def section(runs: Path) -> Iterator[str]:
    """The paragraphs of the section.

    Raises:
        UserError: there are no runs.
    """
    rows = [row for name, found, planned in experiments.studies(runs) for row in rows_of(name, found, planned)]
    table = pd.DataFrame(rows)
    complete = table["found"] == table["planned"]
    yield "## What was not run"
    if complete.any():
        yield f"Complete: {', '.join(table.loc[complete, 'named'])}."
    missing = table[~complete]
    if len(missing):
        fits = zip(missing["found"], missing["planned"], strict=True)
        shown = pd.DataFrame(
            {
                "experiment": missing["named"],
                "fits": [f"{found:,} of {planned:,}" for found, planned in fits],
                "hours that the others take": [number(hours, 1) for hours in missing["hours"]],
                "arguments of train.py": missing["command"],
            }
        )
        yield markdown(Table("not_run", "Fits in results, of those planned", missing, shown, NOTES))


def rows_of(file: str, found: pd.DataFrame, planned: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row for each recipe that an experiment asks for: named, found, planned, hours, command.

    Args:
        file: its name.
        found, planned: from `experiments.studies`.
    """
    name = Path(file).stem
    for asked, fits in planned.groupby("asked", sort=False):
        recipe = str(asked)
        rows = found[found["asked"] == recipe]
        also = f" recipe={recipe}" if recipe else ""
        yield {
            **{"named": f"{name}{f' ({recipe})' if recipe else ''}", "found": len(rows), "planned": len(fits)},
            "hours": experiments.remaining_hours(rows, fits) if len(rows) else float("nan"),
            "command": f"`experiment={name}{also}`",
        }
