"""The cell paper's claims in words, as data. `verdicts` says which of them the runs reproduce."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.published import cell_paper
from analysis.published.cell_paper import ALL_SETS, AVERAGED_SETS, BERT, COMPARED_SETS, LSTM_CS, SIMPLE
from analysis.statistics.improvements import F1

EVERY = "any alteration"
"""The subject of a claim about each alteration of Table 1 by itself."""

MEAN_CURRENT = "the current-state alterations"
"""The subject of a claim about the mean of Table 1's current-state alterations."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper about one number.

    Attributes:
        where: the place in the paper.
        text: the claim.
        subject: the alteration; or the model that is compared with LSTM-CS with C1; or EVERY, or MEAN_CURRENT.
        metric: one of `improvements.improvements`.
        sets: the data sets over which it is averaged.
        number: the claimed percent over the baseline, or the bound.
        bound: "below" or "above" it; empty if the claim is "by `number`".
        model: the one that is altered.
        of_mean_scores: whether percent are of the mean over data sets, rather than the mean of percentages.
    """

    where: str
    text: str
    subject: str
    metric: str
    sets: tuple[str, ...]
    number: float
    bound: str = ""
    model: str = LSTM_CS
    of_mean_scores: bool = False


@dataclass(frozen=True)
class CountingClaim:
    """One sentence of the paper about a number of data sets.

    Attributes:
        where, text: as in Claim.
        subjects: alterations or models, one of which has to be better.
        metrics: it has to be better in all of them.
        sets: the data sets.
        least: on how many of them.
    """

    where: str
    text: str
    subjects: tuple[str, ...]
    metrics: tuple[str, ...]
    sets: tuple[str, ...]
    least: int


CLAIMS = (
    Claim("Table 10", "C1 improves macro-F1 by 0.643 % on average", "C1", "macro_f1", AVERAGED_SETS, 0.643),
    Claim("section 4.1", "C1 improves the F1 metrics by 0.5 % on average", "C1", F1, AVERAGED_SETS, 0.5),
    Claim("section 4.1", "C9, the least effective, improves the F1 metrics by 0.1 %", "C9", F1, AVERAGED_SETS, 0.1),
    Claim("Table 11", "H2 improves the F1 metrics by 0.29 % on average", "H2", F1, AVERAGED_SETS, 0.29),
    Claim("section 7", "H2 improves weighted-F1 by 0.317 % on average", "H2", "weighted_f1", AVERAGED_SETS, 0.317),
    # "reduces all metrics": the three F1 as their mean, and accuracy
    Claim("Table 11", "H1 reduces the F1 metrics", "H1", F1, AVERAGED_SETS, 0.0, "below"),
    Claim("Table 11", "H1 reduces accuracy", "H1", "accuracy", AVERAGED_SETS, 0.0, "below"),
    # "up to": the text names no alteration, these have the number in Tables 5 and 6; macro-F1: see claims_of_tables
    Claim("section 4.1", "C6 improves MLMA's micro-F1 by 1.9 %", "C6", "micro_f1", ("mlma",), 1.9),
    Claim("section 4.1", "C10 improves AG's accuracy by 0.3 %", "C10", "accuracy", ("ag",), 0.3),
    Claim("section 4.1", "no alteration improves HASOC's accuracy", EVERY, "accuracy", ("hasoc",), 0.0, "below"),
    Claim("section 4.1", "no alteration improves HASOC's micro-F1", EVERY, "micro_f1", ("hasoc",), 0.0, "below"),
    # the paper: "a less than 10% increase in the required training time"; judged for each epoch, since early stopping
    # makes the number of epochs differ from run to run, whatever a step costs
    Claim("section 7", "no alteration takes 10 % more time per epoch", EVERY, "epoch_seconds", ALL_SETS, 10.0, "below"),
    # "typically involve shorter training periods": than the baseline's, as the paper names nothing else, in all epochs
    Claim("section 7", "current-state alterations shorten training", MEAN_CURRENT, "seconds", ALL_SETS, 0.0, "below"),
    # the paper says "all methods" and "our LSTM-CS": here LSTM-CS with C1, its best. No reading of Tables 12 and 15
    # gives its 0.668, 0.93 and 16.43, see cell_paper.CONTRADICTIONS
    Claim(
        "section 6", "SIMPLE's accuracy is 0.668 % above LSTM-CS with C1's", SIMPLE, "accuracy", COMPARED_SETS, 0.668
    ),
    # "it even manages to improve performance when used with a simple transformer model", by how much it does not say
    Claim("section 6", "C1 improves SIMPLE's accuracy", "C1", "accuracy", COMPARED_SETS, 0.0, "above", SIMPLE),
    Claim("section 6", "C1 improves SIMPLE's macro-F1", "C1", "macro_f1", COMPARED_SETS, 0.0, "above", SIMPLE),
    Claim("section 6", "BERT's accuracy is 0.93 % above LSTM-CS with C1's", BERT, "accuracy", COMPARED_SETS, 0.93),
    Claim("section 6", "BERT's macro-F1 is 16.43 % above LSTM-CS with C1's", BERT, "macro_f1", COMPARED_SETS, 16.43),
    # 3588.2 s over 34 s in Table 14, the ratio of two means over data sets
    Claim(
        "section 7",
        "BERT takes 10,000 % more training time",
        BERT,
        "seconds",
        COMPARED_SETS,
        10_000.0,
        of_mean_scores=True,
    ),
)

COUNTING_CLAIMS = (
    CountingClaim(
        "section 4.1",
        "in six of seven data sets an alteration improves F1 and accuracy",
        tuple(cell_paper.alterations()),
        (F1, "accuracy"),
        ALL_SETS,
        6,
    ),
    CountingClaim(
        "abstract", "BERT is more accurate than C1 in four of six data sets", (BERT,), ("accuracy",), COMPARED_SETS, 4
    ),
)


def claims_of_tables(data: set[str]) -> Iterator[Claim]:
    """A claim for each macro-F1 that Tables 3-9 print for these data sets."""
    paper = cell_paper.improvements().query("cell != 'baseline'")
    columns = (paper[name] for name in ("table", "data", "cell", "macro_f1"))
    for table, name, cell, percent in zip(*columns, strict=True):
        if name in data:
            verb = "improves" if percent > 0 else "reduces"
            set_ = "robo (here a stand-in)" if name == "robo" else name
            text = f"{cell} {verb} the macro-F1 of {set_} by {abs(percent)} %"
            yield Claim(f"Table {table}", text, cell, "macro_f1", (name,), percent)
