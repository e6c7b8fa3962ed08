"""TF-IDF and logistic regression, beside scikit-learn on the same texts."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from torch import Tensor

from models.tfidf import TfIdf

WORDS = ["ferry", "harbour", "tram", "lake", "owl"]  # word number i is WORDS[i - 1]


class Batch(NamedTuple):
    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


def corpus(classes: int = 3, documents: int = 60) -> Batch:
    """Documents of 0 to 6 words, in which the word with the number of the class is the most frequent."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(0, 7, (documents,), generator=generator)
    truth = torch.randint(0, classes, (documents,), generator=generator)
    tokens = torch.randint(1, 6, (documents, 6), generator=generator)
    tokens = torch.where(torch.rand(documents, 6, generator=generator) < 0.5, truth.unsqueeze(1) + 1, tokens)
    tokens[torch.arange(6) >= lengths.unsqueeze(1)] = 0
    return Batch(tokens, lengths, torch.eye(classes)[truth], torch.arange(documents))


def fitted(data: Batch, loss: str, batch_size: int = 7, order: Tensor | None = None) -> TfIdf:
    net = TfIdf(len(WORDS), data.targets.size(1))
    rows = data.rows if order is None else order
    net.fit([Batch(*(column[chosen] for column in data)) for chosen in rows.split(batch_size)], loss == "sigmoid")
    return net


def texts(data: Batch) -> list[str]:
    return [" ".join(WORDS[number - 1] for number in row if number) for row in data.tokens.tolist()]


@pytest.mark.parametrize("loss", ["sigmoid", "softmax"])
@pytest.mark.parametrize("classes", [2, 3])
def test_logits_are_those_of_scikit_learn_from_the_texts(loss: str, classes: int) -> None:
    data = corpus(classes)
    documents = TfidfVectorizer(vocabulary=WORDS).fit_transform(texts(data))
    regression = LogisticRegression(max_iter=1000)
    truth = data.targets.argmax(1).numpy()
    if loss == "sigmoid":
        oracle = OneVsRestClassifier(regression).fit(documents, data.targets.numpy()).decision_function(documents)
        logits = fitted(data, loss)(data.tokens, data.lengths).detach().numpy()
        np.testing.assert_allclose(logits, oracle, atol=1e-4)
    else:
        oracle = regression.fit(documents, truth).predict_proba(documents)
        shares = fitted(data, loss)(data.tokens, data.lengths).softmax(1).detach().numpy()
        np.testing.assert_allclose(shares, oracle, atol=1e-4)


@pytest.mark.parametrize("loss", ["sigmoid", "softmax"])
def test_order_and_size_of_the_batches_change_nothing(loss: str) -> None:
    data = corpus()
    other = fitted(data, loss, batch_size=25, order=torch.randperm(60, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(other.state_dict(), fitted(data, loss).state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("loss", ["sigmoid", "softmax"])
def test_a_class_that_no_document_has_is_unlikely_but_possible(loss: str) -> None:
    data = corpus()
    with_another = Batch(data.tokens, data.lengths, torch.cat([data.targets, torch.zeros(60, 1)], 1), data.rows)
    logits = fitted(with_another, loss)(data.tokens, data.lengths)
    shares = logits.sigmoid() if loss == "sigmoid" else logits.softmax(1)
    assert (shares[:, 3] > 0).all()
    assert (shares[:, 3] < 0.1).all()


def test_a_class_that_every_document_has_is_likely() -> None:
    data = corpus()
    shared = Batch(data.tokens, data.lengths, torch.cat([data.targets, torch.ones(60, 1)], 1), data.rows)
    shares = fitted(shared, "sigmoid")(data.tokens, data.lengths).sigmoid()[:, 3]
    assert ((shares > 0.9) & (shares < 1)).all()


def test_padding_is_no_word_wherever_it_stands() -> None:
    data = corpus()
    net = fitted(data, "sigmoid")
    behind = net(torch.tensor([[3, 1, 0, 0]]), torch.tensor([2]))
    in_front = net(torch.tensor([[0, 0, 3, 1]]), torch.tensor([4]))
    unseen = net(torch.tensor([[3, 1, 5, 5]]), torch.tensor([2]))
    torch.testing.assert_close(behind, in_front)
    torch.testing.assert_close(behind, unseen)


def test_a_document_without_words_gets_the_bias() -> None:
    net = fitted(corpus(), "sigmoid")
    torch.testing.assert_close(net(torch.zeros(1, 4, dtype=torch.long), torch.tensor([0]))[0], net.dense.bias)


def test_its_parameters_are_coefficients_and_intercepts() -> None:
    assert sum(p.numel() for p in TfIdf(vocabulary=100, classes=4).parameters()) == 100 * 4 + 4
