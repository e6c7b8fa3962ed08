"""The cell paper's claims in words, as data. `verdicts` says which of them the runs reproduce."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.published import cell_paper
from analysis.published.cell_paper import ALL_SETS, AVERAGED_SETS, BERT, COMPARED_SETS, LSTM_CS, SIMPLE
from analysis.statistics.improvements import F1

EVERY = "any alteration"
"""The subject of a claim about each alteration of Table 1 by itself."""

MEAN_CURRENT, MEAN_HIDDEN = "the current-state alterations", "the hidden-state alterations"
CROWDS_BEST_CURRENT = "C5, C7 and C11"

MEANS = {
    MEAN_CURRENT: tuple(cell_paper.alterations("C")),
    MEAN_HIDDEN: tuple(cell_paper.alterations("H")),
    CROWDS_BEST_CURRENT: ("C5", "C7", "C11"),
}
"""The subjects of claims about a mean over alterations, with these alterations."""

CURRENT_OVER_HIDDEN, C1_OVER_H2 = "the current-state alterations over the hidden-state ones", "C1 over H2"

CONTRASTS = {CURRENT_OVER_HIDDEN: (MEAN_CURRENT, MEAN_HIDDEN), C1_OVER_H2: ("C1", "H2")}
"""The subjects of claims that compare two alterations or means: the better one and the worse one."""

DATA_SETS, ALTERATIONS, COMPARISONS = "data sets", "alterations", "comparisons"
"""The items that a `CountingClaim` may count."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper about one number.

    Attributes:
        where: the place in the paper.
        text: the claim.
        subject: the alteration, or one of MEANS or of CONTRASTS; or the model that is compared with LSTM-CS with C1; or
            EVERY.
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
    """One sentence of the paper about how many data sets, alterations or comparisons go one way.

    Attributes:
        where, text: as in Claim.
        subjects: alterations, or the models that are compared with LSTM-CS with C1.
        metrics: the scores that count.
        sets: the data sets.
        least: how many, or more.
        counted: DATA_SETS on which some subject is better in all metrics; ALTERATIONS, those of the subjects that are
            better in all metrics on average over the sets; or COMPARISONS, each a set in one metric, in which LSTM-CS
            with C1 is better than every subject.
        most: at most so many; None: there is no such limit.
    """

    where: str
    text: str
    subjects: tuple[str, ...]
    metrics: tuple[str, ...]
    sets: tuple[str, ...]
    least: int
    counted: str = DATA_SETS
    most: int | None = None

    @property
    def every(self) -> int:
        """How many there are to be counted."""
        sizes = {DATA_SETS: len(self.sets), ALTERATIONS: len(self.subjects)}
        return sizes.get(self.counted, len(self.sets) * len(self.metrics))


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
    Claim("section 4.1", "C7 improves CROWD's weighted-F1 by 0.65 %", "C7", "weighted_f1", ("crowd",), 0.65),
    Claim("section 4.1", "C2 improves HATE's macro-F1 by 0.87 %", "C2", "macro_f1", ("hate",), 0.87),
    Claim("section 4.1", "C6 improves SEMEVAL's micro-F1 by 0.45 %", "C6", "micro_f1", ("semeval",), 0.45),
    Claim("section 4.1", "H3 improves SEMEVAL's micro-F1 by 0.28 %", "H3", "micro_f1", ("semeval",), 0.28),
    # "with an improvement in Accuracy as well": C2's in Table 8
    Claim("section 4.1", "C2 improves HATE's accuracy by 0.47 %", "C2", "accuracy", ("hate",), 0.47),
    # "up to 0.7% performance improvement": C2's 0.659 in Table 10 is the highest mean that the paper prints
    Claim(
        "section 2", "an alteration, C2, improves a metric by 0.7 % on average", "C2", "macro_f1", AVERAGED_SETS, 0.7
    ),
    Claim(
        "section 4.1",
        "CROWD's best current-state alterations, C5, C7 and C11, lower its accuracy",
        CROWDS_BEST_CURRENT,
        "accuracy",
        ("crowd",),
        0.0,
        "below",
    ),
    # "alterations of Hidden state are slightly outperformed by Current state ones", of MLMA and AG
    Claim(
        "section 4.1",
        "current-state alterations are above hidden-state ones in MLMA and AG, F1 metrics",
        CURRENT_OVER_HIDDEN,
        F1,
        ("mlma", "ag"),
        0.0,
        "above",
    ),
    # 0.5 % and 0.3 %; section 7: "Current state alterations not only result in improved performance but"
    Claim("abstract", "C1 is above H2 on average, F1 metrics", C1_OVER_H2, F1, AVERAGED_SETS, 0.0, "above"),
    Claim("section 4.1", "no alteration improves HASOC's accuracy", EVERY, "accuracy", ("hasoc",), 0.0, "below"),
    Claim("section 4.1", "no alteration improves HASOC's micro-F1", EVERY, "micro_f1", ("hasoc",), 0.0, "below"),
    # the paper: "a less than 10% increase in the required training time"; judged for each epoch, since early stopping
    # makes the number of epochs differ from run to run, whatever a step costs
    Claim("section 7", "no alteration takes 10 % more time per epoch", EVERY, "epoch_seconds", ALL_SETS, 10.0, "below"),
    # "typically involve shorter training periods": than the hidden-state ones, since alterations "increase training
    # time"; in all epochs
    Claim(
        "section 7",
        "current-state alterations train shorter than hidden-state ones",
        CURRENT_OVER_HIDDEN,
        "seconds",
        ALL_SETS,
        0.0,
        "below",
    ),
    # the paper says "all methods" and "our LSTM-CS": here LSTM-CS with C1, its best. No reading of Tables 12 and 15
    # gives its 0.668, 0.93 and 16.43, see cell_paper.CONTRADICTIONS
    Claim(
        "section 6", "SIMPLE's accuracy is 0.668 % above LSTM-CS with C1's", SIMPLE, "accuracy", COMPARED_SETS, 0.668
    ),
    # "improves upon the simple Transformer model", in which metric it does not say; section 6 has the contrary
    Claim("abstract", "SIMPLE's accuracy is below LSTM-CS with C1's", SIMPLE, "accuracy", COMPARED_SETS, 0.0, "below"),
    Claim("abstract", "SIMPLE's macro-F1 is below LSTM-CS with C1's", SIMPLE, "macro_f1", COMPARED_SETS, 0.0, "below"),
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

CURRENT, HIDDEN = MEANS[MEAN_CURRENT], MEANS[MEAN_HIDDEN]
ALL_F1 = ("macro_f1", "micro_f1", "weighted_f1")

COUNTING_CLAIMS = (
    CountingClaim(
        "section 4.1",
        "in six of seven data sets an alteration improves F1 and accuracy",
        (*CURRENT, *HIDDEN),
        (F1, "accuracy"),
        ALL_SETS,
        6,
    ),
    CountingClaim(
        "abstract", "BERT is more accurate than C1 in four of six data sets", (BERT,), ("accuracy",), COMPARED_SETS, 4
    ),
    # "the majority of Current and Hidden alterations result in significant improvements", of Tables 10 and 11: of each
    CountingClaim(
        "section 4.1",
        "the majority of current-state alterations, 7 of 12, improve the F1 metrics significantly on average",
        CURRENT,
        (F1,),
        AVERAGED_SETS,
        7,
        ALTERATIONS,
    ),
    CountingClaim(
        "section 4.1",
        "the majority of hidden-state alterations, 3 of 5, improve the F1 metrics significantly on average",
        HIDDEN,
        (F1,),
        AVERAGED_SETS,
        3,
        ALTERATIONS,
    ),
    CountingClaim(
        "section 4.1", "only one hidden-state alteration improves all F1 metrics on average", HIDDEN, ALL_F1,
        AVERAGED_SETS, 1, ALTERATIONS, 1,
    ),
    # "two alterations did not produce any improvement at all"
    CountingClaim(
        "section 4.1", "two of five hidden-state alterations do not improve the F1 metrics on average", HIDDEN, (F1,),
        AVERAGED_SETS, 0, ALTERATIONS, 3,
    ),
    CountingClaim(
        "section 4.1", "two of five hidden-state alterations improve CROWD in all F1 metrics", HIDDEN, ALL_F1,
        ("crowd",), 2, ALTERATIONS,
    ),
    CountingClaim(
        "section 4.1", "only two of five hidden-state alterations improve HATE in all F1 metrics", HIDDEN, ALL_F1,
        ("hate",), 2, ALTERATIONS, 2,
    ),
    # those of Table 3
    CountingClaim(
        "section 4.1", "C1, C4, C7, H2, H3 and H5 improve ROBO (here a stand-in) in F1 and accuracy",
        ("C1", "C4", "C7", "H2", "H3", "H5"), (F1, "accuracy"), ("robo",), 6, ALTERATIONS,
    ),
    # "3 out of 12 datasets": six sets, in Table 12 and in Table 15
    CountingClaim(
        "section 6", "C1 is above SIMPLE and BERT in 3 of 12 comparisons, accuracy and macro-F1", (SIMPLE, BERT),
        ("accuracy", "macro_f1"), COMPARED_SETS, 3, COMPARISONS,
    ),
)  # fmt: skip


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
