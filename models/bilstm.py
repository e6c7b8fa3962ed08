"""The LSTM-CS paper's text classifier, with two bidirectional LSTMs (Figure 3)."""

import torch
from torch import Tensor, nn

from cells import LSTM
from cells.alterations import Spec
from cells.packed import Packed, packed
from models.dropout import SpatialDropout
from models.initialise import like_keras
from models.pooling import max_and_mean, max_and_mean_of_rows

_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # torch 2.6 has no is_exporting


class BiLSTMClassifier(nn.Module):
    """Embedding, spatial dropout, two BiLSTMs, max- and mean-pooling over time, one dense layer.

    `tokens [B, T]` and `lengths [B]` to logits `[B, classes]`. Token 0 is padding. Steps at and after a row's length
    are seen by neither the LSTMs nor the pools; a row of length 0 pools to zeros.

    Args:
        vocabulary: number of words, without padding.
        classes: number of logits.
        embedding: size E of a word's vector.
        hidden: size H of one direction of one LSTM.
        dropout: probability that spatial dropout zeroes a feature of the embedding, for all steps of a document.
        alteration: of the cells of both BiLSTMs, as in `cells.LSTM`.

    Raises:
        ValueError: a size or the dropout is out of range.
    """

    def __init__(
        self, vocabulary: int, classes: int, embedding: int, hidden: int, dropout: float, alteration: Spec = None
    ):
        super().__init__()
        if embedding < 1:
            raise ValueError(f"embedding must be at least 1, not {embedding}")
        self.dropout = SpatialDropout(dropout)
        self.embedding = nn.Embedding(vocabulary + 1, embedding)
        self.lstm_1 = LSTM(embedding, hidden, batch_first=True, bidirectional=True, alteration=alteration)
        self.lstm_2 = LSTM(2 * hidden, hidden, batch_first=True, bidirectional=True, alteration=alteration)
        self.dense = nn.Linear(4 * hidden, classes)
        like_keras(self)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, classes]` of `tokens [B, T]` with `lengths [B]`."""
        if not torch.jit.is_scripting():  # noqa: SIM102 (TorchScript evaluates this condition only if it stands alone)
            if not _is_exporting():
                return self.of_rows(tokens, packed(lengths, tokens.size(-1), tokens.device))
        return self._padded(tokens, lengths)

    def _padded(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(tokens))
        x, _ = self.lstm_1(x, None, lengths)
        x, _ = self.lstm_2(x, None, lengths)
        return self.dense(max_and_mean(x, lengths))

    def of_rows(self, tokens: Tensor, layout: Packed) -> Tensor:
        """The same logits, computed for the real words only; scripted and exported nets use `_padded`."""
        x = self.dropout.rows(self.embedding(layout.pick(tokens)), layout)
        x, _ = self.lstm_1(layout.sequence(x))
        x, _ = self.lstm_2(layout.sequence(x.data))
        return self.dense(max_and_mean_of_rows(x.data, layout))
