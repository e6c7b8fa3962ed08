"""The findings about the LSTM-CS paper: improvement, the best of many, and which difference could have been seen."""

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from analysis.findings import not_learned
from analysis.findings.evidence import Texts
from analysis.findings.finding import Finding, unanswered
from analysis.findings.pictures import of_chance, of_power
from analysis.published import cell_paper
from analysis.published.cell_paper import LSTM_CS, PRINTED_SCORES
from analysis.report import improvement
from analysis.report.svg import Figure
from analysis.statistics.averages import averages
from analysis.statistics.best_of_many import PAPERS_FOLDS, PAPERS_SEEDS
from analysis.statistics.false_alarms import ALL_SEEDS, ONE_SEED, SHARED_BY
from analysis.statistics.power import FEWEST_SPLITS
from analysis.statistics.significance import ALPHA
from analysis.study.results import has_failed
from analysis.tables.alteration_tables import LEFT_OUT, TITLES
from analysis.tables.formatting import estimate, estimates, number
from datamodules.counts import count

SCORE = "macro_f1"
"""The score of the headlines: the paper's own choice for its Table 15."""

MOST_NAMED = 6


def improves(texts: Texts) -> Finding:
    """Whether any alteration is significantly better than the unaltered cell."""
    name, question = "improvement", "Does an altered cell classify better?"
    rows = _altered(texts.improved).dropna(subset="p_holm")
    rows = rows[rows["splits"] >= FEWEST_SPLITS]
    if rows.empty:
        return unanswered(name, question, f"no alteration was run on {FEWEST_SPLITS} splits of a data set")
    above = rows[(rows["p_holm"] < ALPHA) & (rows["improvement"] > 0)]
    cells = rows["cell"].nunique()
    if above.empty:
        answer = f"None of {cells} alterations is significantly better than the unaltered cell in any score on any set."
    else:
        answer = f"{above['cell'].nunique()} of {cells} alterations are significantly better in some score on some set."
    sentences = [_counted(str(recipe), part) for recipe, part in rows.groupby("recipe", sort=False)]
    if len(above):
        sentences.append(f"Better: {_listed(above)}.")
    sentences += [
        *_claimed(texts),
        *not_learned.sentences(texts.not_learned),
        *_failed(texts.without_result),
        *_too_few(texts),
    ]
    return Finding(name, question, answer, sentences, _improvement(texts))


def _altered(improved: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's alterations in the printed scores."""
    return improved[improved["metric"].isin(PRINTED_SCORES) & improved["cell"].isin(cell_paper.alterations())]


def _counted(recipe: str, rows: pd.DataFrame) -> str:
    significant = rows[rows["p_holm"] < ALPHA]
    better, worse = (int((significant["improvement"] * sign > 0).sum()) for sign in (1, -1))
    sets = ", ".join(name.upper() for name in dict.fromkeys(rows["data"]))
    which = f" with `recipe={recipe}`" if recipe in ("best", "paper") else f" with {recipe}" if recipe else ""
    return (
        f"On {sets}{which}: of {len(rows)} comparisons (alteration, data set, one of four scores) {better} are "
        f"significantly better and {worse} worse after Holm's correction over the alterations."
    )


def _listed(rows: pd.DataFrame) -> str:
    rows = rows.sort_values("p_holm", kind="stable")
    named = rows.head(MOST_NAMED)
    words = [
        f"{row['cell']} on {row['data'].upper()} in {TITLES[row['metric']]} ({percent} %)"
        for row, percent in zip(named.to_dict("records"), estimates(named), strict=True)
    ]
    return ", ".join(words) + (f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else "")


def _claimed(texts: Texts) -> list[str]:
    """The paper's best cell of each state beside ours, averaged over the data sets that were run."""
    found = averages(texts.improved[texts.improved["recipe"] == texts.recipe], LEFT_OUT)
    paper = cell_paper.average_improvements().set_index("cell")[SCORE]
    sentences = []
    for cell in ("C1", "H2"):
        rows = found[(found["metric"] == SCORE) & (found["cell"] == cell)]
        for row in rows.to_dict("records"):
            sentences.append(
                f"{cell}, which the paper has at {paper[cell]:+.2f} % in macro-F1 over six data sets, is at "
                f"{estimate(row['improvement'], row['low'], row['high'])} % here ({row['data'].upper()})."
            )
    return sentences


def _failed(without_result: pd.DataFrame) -> list[str]:
    """The fits that ended without a result, which no comparison has."""
    failed = without_result[has_failed(without_result["error"]) & (without_result["model"] == LSTM_CS)]
    if failed.empty:
        return []
    named = [
        f"{cell} on {str(data).upper()} ({count(len(rows), 'fit')})"
        for (data, cell), rows in failed.groupby(["data", "cell"], sort=False)
    ]
    return [f"Without a result, and so not compared: {', '.join(named)}."]


def _improvement(texts: Texts) -> Figure | None:
    rows = texts.improved[(texts.improved["recipe"] == texts.recipe) & (texts.improved["metric"] == SCORE)]
    return next(improvement.figures(rows, texts.without_result), None)


def best_of_many(texts: Texts) -> Finding:
    """The paper's best improvements beside those of the best of as many placebos."""
    name, question = "best_of_many", "Are the paper's best improvements more than chance?"
    every = texts.best_of_many[texts.best_of_many["recipe"] == texts.recipe]
    kept = every[~every["data"].isin(LEFT_OUT)]  # the paper's ROBO is another data set
    rows = kept[kept["metric"] == SCORE].dropna(subset="paper")
    if rows.empty:
        return unanswered(name, question, "the placebo was run on no data set of Tables 3 and 5-9")
    beyond = rows[rows["paper"] > rows["paper_high"]]
    sets = ", ".join(row.upper() for row in rows["data"])
    rule = "above the 95 % quantile of the best of 17 placebos, unaltered cells with other initial weights"
    if beyond.empty:
        answer = f"Not here ({sets}): on none of these sets is the paper's best macro-F1 {rule}."
    else:
        answer = f"On {len(beyond)} of {len(rows)} data sets ({', '.join(beyond['data'].str.upper())}) it is {rule}."
    sentences = [
        f"{row['data'].upper()}: the paper's best macro-F1 is {row['paper']:+.2f} % ({row['paper_cell']}). The best of "
        f"17 placebos is at {row['paper_mean']:+.2f} % on average over {PAPERS_SEEDS} x {PAPERS_FOLDS} runs, its 95 % "
        f"quantile at {row['paper_high']:+.2f} %. Over the {row['seeds']} x {row['folds']} runs here both "
        f"are {row['mean']:+.2f} % and {row['high']:+.2f} %, and the best alteration is {_best_here(row)}."
        for row in rows.to_dict("records")
    ]
    told = [*sentences, *_beyond_here(kept, texts.improved), *_left_out(every), *_too_few(texts)]
    return Finding(name, question, answer, told, of_chance(rows))


def _beyond_here(rows: pd.DataFrame, improved: pd.DataFrame) -> Sequence[str]:
    """A sentence on alterations here that are beyond the quantile for these runs, and what the corrected test says."""
    beyond = rows[rows["ours"] > rows["high"]].rename(columns={"our_cell": "cell"})
    if beyond.empty:
        return ["Of the best alterations here none is above the quantile for these runs, in any of the four scores."]
    beyond = beyond.merge(improved[[*SHARED_BY, "cell", "p_holm"]], on=[*SHARED_BY, "cell"])
    named = [
        f"{row['cell']} on {row['data'].upper()} in {TITLES[row['metric']]} ({row['ours']:+.2f} %, quantile "
        f"{row['high']:+.2f} %)"
        for row in beyond.to_dict("records")
    ]
    significant = int((beyond["p_holm"] < ALPHA).sum())
    called = "none" if significant == 0 else str(significant)
    return [
        f"Above the quantile for the runs here, in one of four scores: {', '.join(named)}. The corrected test with "
        f"Holm's correction (finding 1) calls {called} of these {len(beyond)} significant: it has the spread of the "
        "alteration's own runs, the quantile that of the placebo's."
    ]


def _left_out(rows: pd.DataFrame) -> Sequence[str]:
    """A sentence on each data set here that only stands in for the paper's."""
    rows = rows[rows["data"].isin(LEFT_OUT) & (rows["metric"] == SCORE)].dropna(subset="paper")
    return [
        f"{row['data'].upper()} is left out: it is a stand-in here. The paper's best, {row['paper']:+.2f} % "
        f"({row['paper_cell']}), is {'above' if row['paper'] > row['paper_high'] else 'below'} the quantile of "
        f"{row['paper_high']:+.2f} % that the stand-in gives, but is about documents that are not public."
        for row in rows.to_dict("records")
    ]


def _best_here(row: Mapping[Hashable, object]) -> str:
    return f"{row['our_cell']} at {row['ours']:+.2f} %" if row["our_cell"] else "not known"


def could_be_seen(texts: Texts) -> Finding:
    """The least difference that these runs could have told, and the placebo's false alarms."""
    name, question = "power", "Could these runs have seen an improvement?"
    rows = texts.detectable
    rows = rows[(rows["recipe"] == texts.recipe) & (rows["metric"] == SCORE)]
    if rows.empty:
        return unanswered(name, question, f"no alteration was run on {FEWEST_SPLITS} splits of a data set")
    claimed = float(cell_paper.average_improvements()[SCORE].max())
    small = rows[rows["alone"] <= claimed]
    if small.empty:
        answer = (
            f"Not one as small as the paper's: its largest average, {claimed:+.2f} % in macro-F1, is below what the "
            "test finds on any of these data sets."
        )
    else:
        answer = f"Yes, on {', '.join(small['data'].str.upper())} even the paper's largest average, {claimed:+.2f} %."
    sentences = [
        f"{row['data'].upper()}: with {row['splits']} splits the corrected test finds an improvement of macro-F1 of "
        f"{row['alone']:.1f} % with 80 % power, or {row['corrected']:.1f} % as the best of {row['cells']} alterations."
        for row in rows.to_dict("records")
    ]
    told = [*sentences, *_too_few(texts), *_alarms(texts.false_alarms)]
    return Finding(name, question, answer, told, of_power(rows))


def _too_few(texts: Texts) -> Sequence[str]:
    """A sentence on the data sets that were run on too few splits."""
    rows = texts.improved[texts.improved["recipe"] == texts.recipe]
    most = rows.groupby("data")["splits"].max()
    few = ", ".join(str(name).upper() for name in most.index[most < FEWEST_SPLITS])
    return [f"{few}: fewer than {FEWEST_SPLITS} splits, too few to say how much they vary."] if few else []


def _alarms(alarms: pd.DataFrame) -> Sequence[str]:
    """How often the test called the placebo better or worse, in the score of the headlines and over all."""
    found = []
    for over, words in ((ONE_SEED, "one seed's folds"), (ALL_SEEDS, "a whole study")):
        rows = alarms[(alarms["over"] == over) & alarms["metric"].isin(PRINTED_SCORES)]
        if len(rows):
            tests, called = int(rows["tests"].sum()), int(rows["significant"].sum())
            found.append(
                f"False alarms: of {tests} tests of the placebo over {words} the corrected test calls {called} "
                f"significant ({number(100 * called / tests, 1)} %; nominal 5 %), Student's test "
                f"{number(100 * (rows['student'] * rows['tests']).sum() / tests, 1)} %."
            )
    return found
