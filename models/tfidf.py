"""TF-IDF and logistic regression by scikit-learn, the baseline that practitioners try first."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch import TextBatch
from models.fitted import FittedNet
from models.on_cpu import on_cpu

Floats = NDArray[np.float64]


class TfIdf(FittedNet):
    """`tokens [B, T]` and `lengths [B]` to logits `[B, classes]`: one dense layer on a document's tf-idf vector.

        tf-idf(d, w) = count of w in d * idf(w), scaled to length 1 for each d
        idf(w)       = 1 + log((1 + n) / (1 + documents that have w)) over n training documents

    Token 0 is padding and no word; a document without words gets the bias. `fit` learns with scikit-learn's defaults,
    but up to 1000 iterations, and keeps the result as the net's weights.

    Args:
        vocabulary: number of words V, without padding.
        classes: number of logits C.
    """

    idf: Tensor

    def __init__(self, vocabulary: int, classes: int):
        super().__init__()
        self.register_buffer("idf", torch.ones(vocabulary))
        self.dense = nn.Linear(vocabulary, classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, classes]` of `tokens [B, T]` with `lengths [B]`."""
        return self.dense(F.normalize(self._counts(tokens, lengths) * self.idf))

    def _counts(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """How often each word occurs in each document, `[B, V]`."""
        real = torch.arange(tokens.size(1), device=tokens.device) < lengths.unsqueeze(1)
        counts = self.idf.new_zeros(tokens.size(0), self.idf.size(0) + 1, device=tokens.device)
        return counts.scatter_add(1, tokens, real.to(counts.dtype))[:, 1:]

    @torch.no_grad()
    def fit(self, batches: Iterable[TextBatch], one_versus_rest: bool) -> None:
        """See `FittedNet`: a regression for each class, or one multinomial regression."""
        parts = on_cpu([(self._counts(b.tokens, b.lengths), b.targets, b.rows) for b in batches])
        # in the order of the corpus, so that neither the seed nor the batch size changes a bit
        order = torch.cat([rows for *_, rows in parts]).argsort().numpy()
        counts = sparse.vstack([sparse.csr_matrix(counts.numpy(), dtype=np.float64) for counts, *_ in parts])
        targets = torch.cat([targets for _, targets, _ in parts]).numpy()
        weighting = TfidfTransformer()
        documents = weighting.fit_transform(counts[order])
        learn = _one_versus_rest if one_versus_rest else _multinomial
        coefficients, intercepts = learn(documents, targets[order])
        self.idf.copy_(torch.from_numpy(weighting.idf_))
        self.dense.weight.copy_(torch.from_numpy(coefficients))
        self.dense.bias.copy_(torch.from_numpy(intercepts))


def _one_versus_rest(documents: sparse.csr_matrix, targets: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Coefficients `[C, V]` and intercepts `[C]` of a regression for each column of `targets [N, C]`."""
    fits = [_regression(documents, targets[:, c], values=np.array([0, 1])) for c in range(targets.shape[1])]
    return np.vstack([fit.coef_ for fit in fits]), np.concatenate([fit.intercept_ for fit in fits])


def _multinomial(documents: sparse.csr_matrix, targets: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Coefficients and intercepts, as above, of one regression for all classes; each document has one class."""
    fit = _regression(documents, targets.argmax(1), values=np.arange(targets.shape[1]))
    if len(fit.classes_) == 2:  # for two classes scikit-learn has one logit, that of the second
        return np.vstack([-fit.coef_, fit.coef_]) / 2, np.concatenate([-fit.intercept_, fit.intercept_]) / 2
    return fit.coef_, fit.intercept_


def _regression(documents: sparse.csr_matrix, truth: NDArray[Any], values: NDArray[np.int64]) -> LogisticRegression:
    """Fit a regression in which each of `values` occurs: one that no document has gets half a document without words.

    The class becomes unlikely, not impossible; otherwise the regression could not be fitted, or would lack the class.
    """
    absent = np.setdiff1d(values, truth)
    none = sparse.csr_matrix((len(absent), documents.shape[1]))
    weights = np.concatenate([np.ones(len(truth)), np.full(len(absent), 0.5)])
    regression = LogisticRegression(max_iter=1000)
    return regression.fit(sparse.vstack([documents, none]), np.concatenate([truth, absent]), weights)
