"""A pre-trained encoder of the BERT family with two dense layers on top, trained as a whole."""

import torch
from torch import Tensor, nn

from datamodules.texts.encoders import checkpoint_folder
from models.initialise import like_keras

DOCUMENTS_AT_ONCE = 16
"""Documents of similar length that pass the encoder at once; a single long one would pad all others of a batch."""


class Bert(nn.Module):
    """`tokens [B, T]` and `lengths [B]` to logits `[B, classes]`; tokens are the encoder's own word pieces.

    A document's vector is the encoder's pooled output or, if there is none, [CLS] in its last layer.

    Args:
        encoder: of transformers, as `AutoModel` makes it.
        classes: number of logits.
        hidden: size of the first dense layer, which ends in a ReLU.
        dropout: probability, between the two dense layers; the encoder has its own.

    Raises:
        ValueError: the size or the dropout is out of range.
    """

    def __init__(self, encoder: nn.Module, classes: int, hidden: int, dropout: float):
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {hidden}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be a probability below 1, not {dropout}")
        self.encoder = encoder
        features = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.head = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )
        like_keras(self.head)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, classes]` of `tokens [B, T]` with `lengths [B]`, 1 or more each."""
        order = lengths.argsort()
        pooled = [self._pooled(tokens[rows], lengths[rows]) for rows in order.split(DOCUMENTS_AT_ONCE)]
        return self.head(torch.cat(pooled)[order.argsort()])

    def _pooled(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The vectors `[B, F]` of documents `tokens [B, T]`."""
        step = torch.arange(int(lengths.max()), device=tokens.device)
        mask = (step < lengths.unsqueeze(1)).long()
        output = self.encoder(input_ids=tokens[:, : len(step)], attention_mask=mask)
        pooled = output.get("pooler_output")
        return output.last_hidden_state[:, 0] if pooled is None else pooled


def pretrained(classes: int, checkpoint: str, hidden: int, dropout: float) -> Bert:
    """A `Bert` with the weights of a checkpoint.

    Args:
        classes, hidden, dropout: see `Bert`.
        checkpoint: a folder, a package or a name on the hub, see `encoders.checkpoint_folder`.

    Raises:
        DataError: there is no such encoder.
    """
    with checkpoint_folder(checkpoint) as folder:
        from transformers import AutoModel

        encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return Bert(encoder.train(), classes, hidden, dropout)  # transformers returns it in evaluation mode
