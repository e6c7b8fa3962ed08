"""Initial weights as Keras draws them, because the paper's numbers come from Keras."""

import torch
from torch import nn


@torch.no_grad()
def like_keras(net: nn.Module) -> None:
    """Re-draw the weights of every Embedding, Linear, Conv1d, MultiheadAttention and LSTM inside `net` as Keras would.

        Embedding                  U(-0.05, 0.05)
        Linear, Conv1d             kernel Glorot-uniform, bias 0
        MultiheadAttention         each of its four kernels Glorot-uniform, biases 0
        LSTM                       input kernel Glorot-uniform, recurrent kernel orthogonal, both over all four gates at
                                   once; biases 0, that of the forget gate 1

    Keras has one bias per gate where torch has two. The second stays zero and is not trained, so that the number of
    trainable parameters and the size of an optimiser's step on the bias are those of Keras.
    """
    for module in net.modules():
        if isinstance(module, nn.Embedding):
            module.weight.uniform_(-0.05, 0.05)
        elif isinstance(module, nn.Linear | nn.Conv1d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MultiheadAttention):  # its output kernel is a Linear, see above
            for kernel in module.in_proj_weight.chunk(3):
                nn.init.xavier_uniform_(kernel)
            nn.init.zeros_(module.in_proj_bias)
        elif isinstance(module, nn.LSTM):
            _lstm_like_keras(module)


def _lstm_like_keras(lstm: nn.LSTM) -> None:
    forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
    for name, weight in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weight)
        elif name.startswith("weight_hh"):
            _orthogonal(weight)
        elif name.startswith("bias_ih"):
            weight.zero_()
            weight[forget] = 1.0
        elif name.startswith("bias_hh"):
            weight.zero_()
            weight.requires_grad_(False)


def _orthogonal(weight: torch.Tensor) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the last bits of LAPACK's QR depend on the number, and those of a run should not
    nn.init.orthogonal_(weight)
    torch.set_num_threads(threads)
