"""The confusion matrix and the table of texts that TensorBoard shows."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch

from training.run import confusions as module
from training.run.confusions import Confusions, confusion
from training.run.tasks.classification import Classification, Predictions

CLASSES = ("a", "b", "c")


def predictions(documents: int) -> Predictions:
    """Predictions for documents of class a: the first is taken for a b, and no class of the others passes 0.5."""
    targets = torch.tensor([[1.0, 0, 0]]).repeat(documents, 1)
    probabilities = torch.tensor([[0.4, 0.3, 0.2]]).repeat(documents, 1)
    probabilities[0] = torch.tensor([0.1, 0.8, 0.1])
    return Predictions(torch.arange(documents), targets, (probabilities > 0.5).long(), probabilities)


def confusions(multilabel: bool = False) -> Confusions:
    texts = [f"text {row} | with a bar" for row in range(100)]
    return Confusions(SimpleNamespace(classes=CLASSES, multilabel=multilabel, texts=texts))  # type: ignore[arg-type]


def test_rows_are_the_truth_and_columns_the_most_probable_class() -> None:
    counts, _ = confusions()._counts(predictions(3))
    assert counts.tolist() == [[2, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_multi_label_counts_what_passes_the_threshold() -> None:
    counts, _ = confusions(multilabel=True)._counts(predictions(3))
    assert counts.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_the_picture_carries_the_numbers_of_each_cell() -> None:
    figure = confusion(torch.tensor([[2.0, 1], [0, 5]]), "most probable class", ("a", "b"))
    axes = figure.axes[0]
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), "2"), ((1, 0), "1"), ((0, 1), "0"), ((1, 1), "5"),
    ]  # fmt: skip
    assert axes.get_ylabel() == "truth"
    assert "predicted" in axes.get_xlabel()


def test_there_is_no_picture_of_more_classes_than_its_lines_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(most: int) -> list[str]:
        board = MagicMock()
        monkeypatch.setattr(module, "MOST_CLASSES", most)
        monkeypatch.setattr(module, "writer", lambda trainer: board)
        task = MagicMock(spec=Classification, predictions=predictions(3))
        confusions().on_test_end(MagicMock(), task)
        return [call[0] for call in board.method_calls]

    assert drawn(3) == ["add_figure", "add_text", "flush"]
    assert drawn(2) == ["add_text", "flush"]


def test_texts_come_from_all_over_the_part() -> None:
    lines = confusions()._table(predictions(100)).splitlines()[2:]
    assert len(lines) == 20
    assert lines[0] == "| text 0 / with a bar | a | b | b 0.80 |"
    assert lines[-1] == "| text 99 / with a bar | a | none | a 0.40 |"
