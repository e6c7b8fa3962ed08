"""The paper's text classifier: a stack of two bidirectional LSTMs (Figure 3 of the LSTM-CS paper)."""

from torch import Tensor, nn
from torch.nn import functional as F

from cells import LSTM
from cells.alterations import Spec

from .initialise import like_keras
from .pooling import max_and_mean


class StackedBiLSTM(nn.Module):
    """Embedding, spatial dropout, two BiLSTMs, max- and mean-pooling over time, one dense layer.

    `tokens [B, T]` and `lengths [B]` to logits `[B, classes]`. Token 0 is padding. Steps at and after a row's length
    are not seen by the LSTMs and the pools; a row of length 0 pools to zeros.

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
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is a probability below 1, not {dropout}")
        if embedding < 1:
            raise ValueError(f"embedding is 1 or more, not {embedding}")
        self.dropout = dropout
        self.embedding = nn.Embedding(vocabulary + 1, embedding)
        self.lstm_1 = LSTM(embedding, hidden, batch_first=True, bidirectional=True, alteration=alteration)
        self.lstm_2 = LSTM(2 * hidden, hidden, batch_first=True, bidirectional=True, alteration=alteration)
        self.dense = nn.Linear(4 * hidden, classes)
        like_keras(self)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, classes]` of `tokens [B, T]` with `lengths [B]`."""
        x = self._spatial_dropout(self.embedding(tokens))
        x, _ = self.lstm_1(x, None, lengths)
        x, _ = self.lstm_2(x, None, lengths)
        return self.dense(max_and_mean(x, lengths))

    def _spatial_dropout(self, x: Tensor) -> Tensor:
        kept = F.dropout(x.new_ones(x.size(0), 1, x.size(2)), self.dropout, self.training)
        return x * kept
