"""docs/RESULTS.md and its pictures: `python -m analysis findings results -o docs`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.findings import about_market, about_texts, answers, claim_tables, not_run, walking
from analysis.findings.evidence import Evidence, evidence_of
from analysis.findings.finding import Finding, unanswered
from analysis.published.cell_paper import BERT
from analysis.report.svg_file import svg_file
from analysis.study import market_results
from analysis.study.archive import archive_at
from analysis.study.reasons import reasons
from analysis.tables.all_tables import all_tables
from analysis.tables.chance_tables import chance_tables
from analysis.tables.formatting import number, with_recipe
from analysis.tables.output_folder import write_files
from analysis.tables.placebo_table import placebo_table
from analysis.tables.table import Table, markdown
from datamodules.counts import count
from training.run.folder.faults import OWN_SOURCES

PAGE, PICTURES = "RESULTS.md", "results"
TABLES = f"{PICTURES}/tables.md"
COMMAND = "python -m analysis findings results -o docs"

NO_STACKS = (
    "- Which runs were trained in [stacks](stacks.md), many nets as one, is not recorded. Rounding in a stack differs, "
    "so that a run alone gives other digits."
)

NO_TEXTS = "there are no runs on texts"
NO_MARKET = "there are no runs on the market with the paper's protocol"


def write(runs: Path, folder: Path, readme: Path | None = None) -> str:
    """Write RESULTS.md and its pictures; pictures of an earlier page are removed. Returns a sentence.

    Args:
        runs: a folder of runs or an archive.
        folder: of the page.
        readme: a file in which the page's answers stand as well.

    Raises:
        UserError: there are no runs, the folder cannot be written, or that file has no place for the answers.
    """
    files = page_of(runs)
    if readme is not None:
        answers.write(files[PAGE], readme)
    for path in (folder / PICTURES).glob("*.svg"):
        if f"{PICTURES}/{path.name}" not in files:
            path.unlink()
    write_files(folder, files)
    return f"{folder / PAGE}, {folder / TABLES} and {len(files) - 2} pictures."


def page_of(runs: Path) -> dict[str, str]:
    """The texts of the page and of its pictures, by their names.

    Raises:
        UserError: there are no runs.
    """
    evidence = evidence_of(runs)
    found = list(findings(evidence))
    files = {f"{PICTURES}/{finding.name}.svg": svg_file(finding.figure) for finding in found if finding.figure}
    told = [part for place, finding in enumerate(found, start=1) for part in finding_text(place, finding)]
    parts = [_head(), "## Findings", *told, *_claims(evidence), *_how_sure(evidence), *_what_was_run(runs, evidence)]
    parts += not_run.section(runs) if archive_at(runs) else []
    tables = [_tables_head(), *map(markdown, all_tables(runs))]
    return {**{name: "\n\n".join(text) + "\n" for name, text in ((PAGE, parts), (TABLES, tables))}, **files}


def findings(evidence: Evidence) -> Iterator[Finding]:
    """The five findings, in the order of the page."""
    texts, market = evidence.texts, evidence.market
    if texts is None:
        yield unanswered("improvement", "Does an altered cell classify better?", NO_TEXTS)
    else:
        yield about_texts.improves(texts)
        yield about_texts.best_of_many(texts)
        yield about_texts.could_be_seen(texts)
    if market is None:
        yield unanswered("persistence", "Does a net forecast Bitcoin's next close?", NO_MARKET)
    else:
        yield about_market.beats_persistence(market, evidence.walked)
        yield about_market.sentiment_helps(market, evidence.walked, evidence.pairs)


def _head() -> str:
    return (
        f"# Results\n\nWritten by `{COMMAND}` from the runs in [results](../results): every number,\n"
        "sentence and picture, and a test compares them. What was done as in the papers and what was not:\n"
        "[Beside the papers](beside_the_papers.md). How the statistics work: [Studies](studies.md#the-test).\n"
        f"Every number beside the papers': [All tables]({TABLES})."
    )


def _tables_head() -> str:
    return (
        f"# All tables\n\nWritten by `{COMMAND}`: every table of both papers\nbeside the runs in "
        f"[results](../../results). What they say is told in [Results](../{PAGE})."
    )


def finding_text(place: int, finding: Finding) -> Iterator[str]:
    """The paragraphs of a finding: its question, the answer, the sentences behind it, and the picture."""
    yield f"### {place}. {finding.question}"
    if finding.answer:
        yield f"**{finding.answer}**"
    yield "\n".join(f"- {sentence}" for sentence in finding.sentences)
    if finding.figure:
        yield f"![{finding.figure.title}]({PICTURES}/{finding.name}.svg)"


def _claims(evidence: Evidence) -> Iterator[str]:
    if evidence.texts:
        yield "## The LSTM-CS paper, claim by claim"
        yield from map(markdown, claim_tables.of_texts(evidence.texts))
    if evidence.market:
        yield "## The Bitcoin paper, claim by claim"
        yield markdown(claim_tables.of_market(evidence.market))
    if evidence.walked is not None:
        yield "## Bitcoin, walking forward"
        yield markdown(walking.walks_table(evidence.walked))


def _how_sure(evidence: Evidence) -> Iterator[str]:
    if evidence.texts:
        tables = [
            *placebo_table(evidence.texts.compared),
            *chance_tables(evidence.texts.compared, evidence.texts.improved),
        ]
        if tables:
            yield "## How sure"
            yield from map(markdown, tables)


def _what_was_run(runs: Path, evidence: Evidence) -> Iterator[str]:
    yield "## What was run"
    parts = []
    if evidence.texts:
        rows = evidence.texts.results
        parts.append(_runs(rows.assign(of=rows["data"], model=_named(rows, evidence.texts.encoders))))
    if evidence.market or evidence.walked is not None:
        rows = market_results.scored(runs)
        rows = rows[~rows["source"].isin(OWN_SOURCES)].sort_values(["protocol", "target", "horizon", "window"])
        parts.append(_runs(rows.assign(of=_forecasts(rows))))
    if parts:
        found = pd.concat(parts, ignore_index=True)
        shown = found.assign(hours=[number(hours, 2) for hours in found["hours"]])
        all_in_all = f"{count(int(found['fits'].sum()), 'fit')}, {number(found['hours'].sum(), 1)} hours of training."
        yield markdown(Table("runs", "Finished fits", shown, shown, [all_in_all]))
    if evidence.texts is not None and len(evidence.texts.without_result):
        yield "\n".join(_without_result(evidence.texts.without_result))
    if archived := archive_at(runs):
        runs_by = archived.provenance["runs_by"]
        yield "\n".join([*_programs(runs_by), *([] if "stack" in runs_by else [NO_STACKS])])


def _runs(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each data set or window and model: cells or feature sets, seeds, folds, fits and hours."""
    groups = rows.groupby(["of", "model"], sort=False)
    found = groups.agg(
        cells=("cell", "nunique"),
        seeds=("seed", "nunique"),
        folds=("fold", "nunique"),
        fits=("seed", "size"),
        hours=("seconds", lambda seconds: float(seconds.sum()) / 3600),
    )
    return found.reset_index().rename(columns={"of": "data"})


def _forecasts(rows: pd.DataFrame) -> list[str]:
    """Names for runs on the market by their target, window and horizon, and by how they are tested."""
    return [
        "Bitcoin"
        + ("'s volatility" if row["target"] == "volatility" else "")
        + f", window {row['window']}"
        + (f", horizon {row['horizon']}" if row["horizon"] != 1 else "")
        + (", walking forward" if row["protocol"] == "walk_forward" else "")
        for row in rows.to_dict("records")
    ]


def _named(rows: pd.DataFrame, encoders: str) -> list[str]:
    """Each run's model with its recipe, and BERT's with the encoder that stands for it."""
    pairs = zip(rows["model"], rows["recipe"], strict=True)
    names = {(a, b): with_recipe(str(a), str(b)) for a, b in dict.fromkeys(pairs)}
    names = {key: f"{name}: {encoders}" if key[0] == BERT else name for key, name in names.items()}
    return [names[key] for key in zip(rows["model"], rows["recipe"], strict=True)]


def _without_result(rows: pd.DataFrame) -> Iterator[str]:
    """A line for each cell with runs that have no result."""
    for (data, model, cell), fits in rows.groupby(["data", "model", "cell"], sort=False):
        for reason, same in fits.groupby(reasons(fits["error"]), sort=False):
            yield f"- No result of {count(len(same), 'fit')} of {cell} on {str(data).upper()} ({model}): {reason}"


def _programs(runs_by: dict[str, dict[str, int]]) -> Iterator[str]:
    """A line for each fact about the programs and machines: its values, with the number of runs."""
    for key, values in runs_by.items():
        yield f"- {key}: {', '.join(f'{value} ({count:,} runs)' for value, count in values.items())}"
