"""The bundled corpus agrees with its data card."""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from datamodules.texts.preprocess import PreprocessSettings, tokenize

FOLDER = Path(__file__).resolve().parents[3] / "datamodules" / "texts" / "robo"
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")
STATISTICS = {name: float(value) for name, value in re.findall(r"^\| ([^|]+) \| ([\d.]+) \|$", CARD, re.M)}
CLASSES = re.findall(r"^\| (\w+) \| [^|]+ \| ([^|]+) \| (\d+) \|$", CARD, re.M)  # (name, example, documents)
COUNTS = {name: int(documents) for name, _, documents in CLASSES}
Rows = list[tuple[str, str]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    with (FOLDER / "commands.csv").open(encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert header == ["text", "label"]
    return [(text, label) for text, label in rows]


def linear_accuracy(texts: list[str], labels: list[str]) -> float:
    """The card's linear model, in percent."""
    words = TfidfVectorizer(token_pattern=r"\S+")
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    correct = cross_val_score(make_pipeline(words, LogisticRegression()), texts, labels, cv=folds)
    return 100 * float(np.average(correct, weights=[len(test) for _, test in folds.split(texts, labels)]))


def test_size_and_number_of_classes_are_those_of_the_original(rows: Rows) -> None:
    assert len(rows) == 525 == STATISTICS["documents"]
    assert dict(Counter(label for _, label in rows)) == COUNTS
    assert len(COUNTS) == 5 == STATISTICS["classes"]
    largest = 100 * max(COUNTS.values()) / len(rows)
    assert largest == pytest.approx(STATISTICS["share of the largest class, %"], abs=0.05)


def test_texts_are_clean_distinct_and_sorted(rows: Rows) -> None:
    texts = [text for text, _ in rows]
    assert len({text.casefold() for text in texts}) == len(texts)
    assert [text for text in texts if not re.fullmatch(r"[a-z']+( [a-z']+)*", text)] == []
    order = list(COUNTS)
    assert rows == sorted(rows, key=lambda row: (order.index(row[1]), row[0]))


def test_lengths_and_vocabulary_agree_with_the_card(rows: Rows) -> None:
    documents = [text.split() for text, _ in rows]
    assert max(map(len, documents)) == 29 == STATISTICS["longest document, words"]
    mean = sum(map(len, documents)) / len(documents)
    assert mean == pytest.approx(STATISTICS["mean length, words"], abs=0.05)
    assert len({word for words in documents for word in words}) == 466 == STATISTICS["different words"]


def test_word_order_decides_some_labels(rows: Rows) -> None:
    bags: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for text, label in rows:
        bags[tuple(sorted(text.split()))][label] += 1
    assert sum(len(labels) > 1 for labels in bags.values()) == STATISTICS["sets of twins"]
    best = 100 * sum(max(labels.values()) for labels in bags.values()) / len(rows)
    assert best == pytest.approx(STATISTICS["best possible without word order, %"], abs=0.05)


def test_a_linear_model_is_well_above_chance_and_well_below_perfect(rows: Rows) -> None:
    texts, labels = map(list, zip(*rows, strict=True))
    accuracy = linear_accuracy(texts, labels)
    assert 3 * STATISTICS["share of the largest class, %"] < accuracy < 92
    # Solvers differ a little between versions of scikit-learn.
    assert accuracy == pytest.approx(STATISTICS["linear model, %"], abs=1)


def test_pre_processing_keeps_what_the_card_says(rows: Rows) -> None:
    tokens = tokenize([text for text, _ in rows], PreprocessSettings())
    texts = [" ".join(tokens.words[i] for i in ids) for ids in np.split(tokens.ids, tokens.offsets[1:-1])]
    found = {
        "longest document, words": tokens.lengths.max(),
        "different words": len(tokens.words),
        "empty documents": texts.count(""),
        "different documents": len(set(texts)),
        "words that occur more than once": (np.bincount(tokens.ids) > 1).sum(),
    }
    assert found == {name: STATISTICS[f"processed: {name}"] for name in found}
    accuracy = linear_accuracy(texts, [label for _, label in rows])
    assert accuracy == pytest.approx(STATISTICS["processed: linear model, %"], abs=1)


def test_the_examples_of_the_card_are_rows_of_the_file(rows: Rows) -> None:
    quoted = re.findall(rf'"([^"]+)"\s+is\s+({"|".join(COUNTS)})', CARD)
    examples = [(example, name) for name, example, _ in CLASSES] + quoted
    assert len(examples) == 5 + 6
    assert [example for example in examples if example not in rows] == []
