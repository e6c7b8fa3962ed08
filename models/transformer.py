"""The LSTM-CS paper's SIMPLE: a small transformer without pre-training, alone or with a BiLSTM on top."""

import torch
from torch import Tensor, nn

from cells import LSTM
from cells.alterations import Alteration, Spec, resolve
from models.initialise import like_keras
from models.pooling import max_and_mean


class Transformer(nn.Module):
    """Token and position embeddings, a transformer block, a BiLSTM, max- and mean-pooling over time, one dense layer.

    `tokens [B, T]` and `lengths [B]` to logits `[B, classes]`. Token 0 is padding. Steps at and after a row's length
    are seen by none of the layers; a row of length 0 pools to zeros. Of a document with more than `max_length` words,
    which can only be one that the training data did not have, the first `max_length` words are read.

        x = embedding of the token + embedding of the position
        y = norm(x + attention(x, x, x))
        z = norm(y + W2 relu(W1 y))

    z goes into the BiLSTM. The paper says neither where the norm stands nor that there is a ReLU: both are as in the
    first transformer (Vaswani et al. 2017).

    Args:
        vocabulary: number of words, without padding.
        classes: number of logits.
        max_length: number of positions.
        embedding: size E of the vector of a word, of a position, and of the block's output at each step.
        heads: number of attention heads, a divisor of E.
        feedforward: size of the hidden layer in the second half of the block.
        dropout: probability, inside the block.
        bilstm: whether there is the BiLSTM.
        hidden: size H of one of its directions.
        alteration: of the BiLSTM's cells, as in `cells.LSTM`.

    Raises:
        ValueError: a size or the dropout is out of range, or there is an alteration and no LSTM.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        max_length: int,
        embedding: int,
        heads: int,
        feedforward: int,
        dropout: float,
        bilstm: bool,
        hidden: int,
        alteration: Spec = None,
    ):
        super().__init__()
        if embedding < 1 or heads < 1 or embedding % heads:
            raise ValueError(
                f"embedding={embedding} is not a multiple of heads={heads}: choose model.heads that divides it"
            )
        if feedforward < 1:
            raise ValueError(f"feedforward must be at least 1, not {feedforward}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be a probability below 1, not {dropout}")
        if not bilstm and resolve(alteration) != Alteration():
            raise ValueError("with bilstm=false there is no LSTM whose cell could be altered, leave cell= out")
        self.embedding = nn.Embedding(vocabulary + 1, embedding)
        self.position = nn.Embedding(max_length, embedding)
        self.block = nn.TransformerEncoderLayer(embedding, heads, feedforward, float(dropout), batch_first=True)
        self.lstm = None
        if bilstm:
            self.lstm = LSTM(embedding, hidden, batch_first=True, bidirectional=True, alteration=alteration)
        self.dense = nn.Linear(4 * hidden if bilstm else 2 * embedding, classes)
        like_keras(self)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, classes]` of `tokens [B, T]` with `lengths [B]`."""
        positions = self.position.num_embeddings
        tokens, lengths = tokens[:, :positions], lengths.clamp(max=positions)
        step = torch.arange(tokens.size(1), device=tokens.device)
        # a row of length 0 attends to its first padding, which nobody reads: attention over no step at all would be NaN
        padding = step >= lengths.clamp(min=1).unsqueeze(1)
        x = self.block(self.embedding(tokens) + self.position(step), src_key_padding_mask=padding)
        if self.lstm is not None:
            x, _ = self.lstm(x, None, lengths)
        return self.dense(max_and_mean(x, lengths))
