"""One finding: a heading that the runs support, sentences with their numbers, and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.report.svg import Figure


@dataclass(frozen=True)
class Finding:
    """A question and its answer.

    Attributes:
        name: of the picture's file.
        question: what was asked; the same whatever the runs say.
        answer: a sentence chosen by the runs; empty if they do not answer the question.
        sentences: the numbers behind the answer, or what is missing.
        figure: the picture; None if there is nothing to be drawn.
    """

    name: str
    question: str
    answer: str
    sentences: Sequence[str]
    figure: Figure | None = None


def unanswered(name: str, question: str, missing: str) -> Finding:
    """The finding of a question that no runs answer."""
    return Finding(name, question, "", [f"Not answered yet: {missing}."])
