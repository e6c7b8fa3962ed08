"""The vocabulary, learned from the training part alone, and documents encoded as its word numbers."""

from typing import NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.split import Rows
from datamodules.texts.preprocess import TokenizedTexts

MEMORY_SHARE = 0.5
"""The part of the free memory that the numbers of all words may take."""

SMALL = 1 << 26
"""Bytes that fit into any memory."""


class EncodedCorpus(NamedTuple):
    """Documents as word numbers.

    Attributes:
        vocabulary: word number i is `vocabulary[i - 1]`; 0 is padding.
        tokens: `[N, T]`, one row per document, padded with zeros; T is the length of the longest, at least 1.
        lengths: `[N]`, known words of each document.
    """

    vocabulary: list[str]
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]


def learn_vocabulary(texts: TokenizedTexts, train: Rows, min_count: int, tfidf_terms: int | None = None) -> list[str]:
    """Words that occur at least `min_count` times in the documents `train`, the most frequent first.

    Words of the same frequency keep the order in which the corpus has them.

    The paper reduces AG "by using a Term Frequency - Inverse Document Frequency (TF-IDF) algorithm" and says no more.
    Here `tfidf_terms` words of the highest mean TF-IDF are kept, the mean being over the documents that have the word.
    This drops words that are common and say little, and is the reading that comes nearest to its Table 2, see
    docs/data-sets.md. The paper's reduction knows all documents; here the training part alone decides.

    Args:
        texts: the words of all documents.
        train: the documents to learn from.
        min_count: see above.
        tfidf_terms: see above; None: all words.
    """
    document = _document_of_each_word(texts)
    there = np.isin(document, train)
    ids = texts.ids[there]
    counts = np.bincount(ids, minlength=len(texts.words))
    by_count = np.argsort(-counts, kind="stable")
    known = by_count[counts[by_count] >= min_count]
    if tfidf_terms is not None:
        scores = _mean_tfidf(ids, document[there], known)
        known = known[np.sort(np.argsort(-scores, kind="stable")[:tfidf_terms])]
    return [texts.words[word] for word in known]


def encode(texts: TokenizedTexts, vocabulary: list[str], padding_first: bool) -> EncodedCorpus:
    """Replace words by their numbers in `vocabulary` and drop all other words.

    A document without a known word stays, with length 0.

    Args:
        texts: the words of all documents.
        vocabulary: the known words; the first one has number 1.
        padding_first: put the zeros before the words, not after them.
    """
    number_of = {word: i for i, word in enumerate(vocabulary, 1)}
    ids = np.array([number_of.get(word, 0) for word in texts.words], np.int32)[texts.ids]
    document = _document_of_each_word(texts)[ids > 0]
    ids = ids[ids > 0]
    lengths = np.bincount(document, minlength=len(texts.lengths))
    longest = max(1, int(lengths.max(initial=0)))
    _refuse_too_long(len(lengths), longest)
    first_step = longest - lengths if padding_first else np.zeros_like(lengths)
    starts = np.cumsum(lengths) - lengths
    step = np.arange(len(ids)) - starts[document] + first_step[document]
    tokens = np.zeros((len(lengths), longest), np.int32)
    tokens[document, step] = ids
    return EncodedCorpus(vocabulary, tokens, lengths)


def _refuse_too_long(documents: int, longest: int) -> None:
    """All documents are padded to the longest one: refuse what would fill the memory."""
    needed = 4 * documents * longest
    if needed > SMALL and needed > MEMORY_SHARE * psutil.virtual_memory().available:
        raise DataError(
            f"{documents:,} documents of up to {longest:,} words take {needed / 1e9:.1f} GB, more than "
            f"{MEMORY_SHARE:.0%} of the free memory: cut them, for example after preprocess.max_words=1000."
        )


def _mean_tfidf(ids: NDArray[np.int32], document: Rows, known: Rows) -> NDArray[np.float64]:
    """The mean TF-IDF of each known word over the documents that have it, as scikit-learn computes it.

    tf-idf(w, d) = tf(w, d) (ln((1 + N) / (1 + df(w))) + 1), over the norm of document d's; N documents.

    Args:
        ids, document: number and document of each word of the training part.
        known: the words to score; others do not count.
    """
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    place = np.full(int(ids.max(initial=-1)) + 1, -1)
    place[known] = np.arange(len(known))
    columns = place[ids]
    rows = np.unique(document, return_inverse=True)[1][columns >= 0]
    columns = columns[columns >= 0]
    counts = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(np.unique(document)), len(known)))
    counts.sum_duplicates()
    weights = TfidfTransformer().fit_transform(counts)
    return np.asarray(weights.sum(axis=0)).ravel() / counts.getnnz(axis=0)


def _document_of_each_word(texts: TokenizedTexts) -> Rows:
    return np.repeat(np.arange(len(texts.lengths)), texts.lengths)
