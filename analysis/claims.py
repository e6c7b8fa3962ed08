"""What the cell paper claims in words, as data. `judge` says what becomes of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis import published
from analysis.compare import F1, LSTM_CS

SIX = ("mlma", "hasoc", "ag", "crowd", "hate", "semeval")
"""The data sets of the averages: all but ROBO."""

SEVEN = (*SIX, "robo")

COMPARED = ("mlma", "hasoc", "ag", "robo", "crowd", "hate")
"""Those of Tables 12-15."""

SIMPLE, BERT = "transformer", "bert"

EVERY = "any alteration"
"""Of Table 1, each by itself."""

MEAN_CURRENT = "the current-state alterations"
"""Of Table 1, their mean."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper about one number.

    Attributes:
        where: in the paper.
        text: the claim.
        subject: the alteration; or the model that is compared with LSTM-CS with C1; or EVERY, or MEAN_CURRENT.
        metric: of `compare.improvements`.
        sets: the data sets over which it is averaged.
        number: percent over the baseline that are claimed, or the bound.
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
class Counted:
    """One sentence of the paper about a number of data sets.

    Attributes:
        where, text: as in Claim.
        subjects: it is enough that one of them is better.
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
    Claim("Table 10", "C1 improves macro-F1 by 0.643 % on average", "C1", "macro_f1", SIX, 0.643),
    Claim("section 4.1", "C1 improves the F1 metrics by 0.5 % on average", "C1", F1, SIX, 0.5),
    Claim("section 4.1", "C9, the least effective, improves the F1 metrics by 0.1 %", "C9", F1, SIX, 0.1),
    Claim("Table 11", "H2 improves the F1 metrics by 0.29 % on average", "H2", F1, SIX, 0.29),
    Claim("section 7", "H2 improves weighted-F1 by 0.317 % on average", "H2", "weighted_f1", SIX, 0.317),
    # "reduces all metrics": the three F1 as their mean, and accuracy
    Claim("Table 11", "H1 reduces the F1 metrics", "H1", F1, SIX, 0.0, "below"),
    Claim("Table 11", "H1 reduces accuracy", "H1", "accuracy", SIX, 0.0, "below"),
    # "up to": the text names no alteration, these have the number in Tables 5 and 6; macro-F1: see of_the_tables
    Claim("section 4.1", "C6 improves MLMA's micro-F1 by 1.9 %", "C6", "micro_f1", ("mlma",), 1.9),
    Claim("section 4.1", "C10 improves AG's accuracy by 0.3 %", "C10", "accuracy", ("ag",), 0.3),
    Claim("section 4.1", "no alteration improves HASOC's accuracy", EVERY, "accuracy", ("hasoc",), 0.0, "below"),
    Claim("section 4.1", "no alteration improves HASOC's micro-F1", EVERY, "micro_f1", ("hasoc",), 0.0, "below"),
    # the paper: "a less than 10% increase in the required training time"; judged for each epoch, since early stopping
    # makes the number of epochs differ from run to run, whatever a step costs
    Claim("section 7", "no alteration takes 10 % more time per epoch", EVERY, "epoch_seconds", SEVEN, 10.0, "below"),
    # "typically involve shorter training periods": than the baseline's, as the paper names nothing else, in all epochs
    Claim("section 7", "current-state alterations shorten training", MEAN_CURRENT, "seconds", SEVEN, 0.0, "below"),
    # the paper says "all methods" and "our LSTM-CS": here LSTM-CS with C1, its best. No reading of Tables 12 and 15
    # gives its 0.668, 0.93 and 16.43, see published.CONTRADICTIONS
    Claim("section 6", "SIMPLE's accuracy is 0.668 % above LSTM-CS with C1's", SIMPLE, "accuracy", COMPARED, 0.668),
    # "it even manages to improve performance when used with a simple transformer model", by how much it does not say
    Claim("section 6", "C1 improves SIMPLE's accuracy", "C1", "accuracy", COMPARED, 0.0, "above", SIMPLE),
    Claim("section 6", "C1 improves SIMPLE's macro-F1", "C1", "macro_f1", COMPARED, 0.0, "above", SIMPLE),
    Claim("section 6", "BERT's accuracy is 0.93 % above LSTM-CS with C1's", BERT, "accuracy", COMPARED, 0.93),
    Claim("section 6", "BERT's macro-F1 is 16.43 % above LSTM-CS with C1's", BERT, "macro_f1", COMPARED, 16.43),
    # 3588.2 s over 34 s in Table 14, the ratio of two means over data sets
    Claim(
        "section 7",
        "BERT takes 10,000 % more training time",
        BERT,
        "seconds",
        COMPARED,
        10_000.0,
        of_mean_scores=True,
    ),
)

COUNTED = (
    Counted(
        "section 4.1",
        "in six of seven data sets an alteration improves F1 and accuracy",
        tuple(published.alterations()),
        (F1, "accuracy"),
        SEVEN,
        6,
    ),
    Counted("abstract", "BERT is more accurate than C1 in four of six data sets", (BERT,), ("accuracy",), COMPARED, 4),
)


def of_the_tables(data: set[str]) -> Iterator[Claim]:
    """The macro-F1 of Tables 3-9, for these data sets."""
    paper = published.improvements().query("cell != 'baseline'")
    columns = (paper[name] for name in ("table", "data", "cell", "macro_f1"))
    for table, name, cell, percent in zip(*columns, strict=True):
        if name in data:
            verb = "improves" if percent > 0 else "reduces"
            set_ = "robo (here a stand-in)" if name == "robo" else name
            text = f"{cell} {verb} the macro-F1 of {set_} by {abs(percent)} %"
            yield Claim(f"Table {table}", text, cell, "macro_f1", (name,), percent)
