"""Other people's LSTMs, if they are installed (the extra `benchmarks`): Keras on TensorFlow, and torchrecurrent.

Each gets nn.LSTM's weights, and has to give nn.LSTM's results before it is measured.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.contenders import calls_of
from benchmarks.measure import Calls
from benchmarks.shapes import Shape
from cells import LSTM


def has_keras() -> bool:
    """Whether Keras can be imported, and TensorFlow with it."""
    return all(importlib.util.find_spec(name) for name in ("keras", "tensorflow"))


def full(shape: Shape, keras: bool) -> dict[str, Callable[[], Calls]]:
    """Those that are installed, on full rows, by name; Keras only if wanted."""
    contenders: dict[str, Callable[[], Calls]] = {}
    if importlib.util.find_spec("torchrecurrent"):
        contenders["torchrecurrent"] = lambda: torchrecurrent_calls(shape)
    if keras:
        contenders["Keras LSTM"] = lambda: keras_calls(shape, altered=False)
        contenders["Keras, own C1 cell"] = lambda: keras_calls(shape, altered=True)
    return contenders


def _input(shape: Shape) -> Tensor:
    return torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)


def _check(name: str, results: np.ndarray, expected: Tensor) -> None:
    difference = float(np.abs(results - expected.detach().numpy()).max())
    if difference > 1e-4:
        raise RuntimeError(f"{name} differs from ours by {difference:.1e} with the same weights: not measured")


def torchrecurrent_calls(shape: Shape) -> Calls:
    """The calls of `Peephole`."""
    module, x = Peephole(shape), _input(shape)
    return calls_of(module, x, lambda: module(x))


class Peephole(nn.Module):
    """torchrecurrent's LSTM with peepholes of zero; for two directions, a second one reads the steps backwards."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        import torchrecurrent

        self.directions = nn.ModuleList(
            torchrecurrent.PeepholeLSTM(shape.inputs, shape.hidden) for _ in range(shape.directions)
        )
        stock = nn.LSTM(shape.inputs, shape.hidden, bidirectional=shape.directions == 2)
        with torch.no_grad():
            for direction, suffix in zip(self.directions, ("", "_reverse"), strict=False):
                for name, parameter in direction.named_parameters():  # cells.0.weight_ih, ...
                    of_stock = getattr(stock, f"{name.split('.')[-1]}_l0{suffix}", None)
                    parameter.copy_(torch.zeros(()) if of_stock is None else of_stock)
            x = _input(shape)
            _check("torchrecurrent", self(x)[0].detach().numpy(), stock(x)[0])

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """The output [T, B, D H], in a tuple of one."""
        ahead, *back = self.directions
        return (torch.cat([ahead(x)[0], *(direction(x.flip(0))[0].flip(0) for direction in back)], 2),)


def keras_calls(shape: Shape, altered: bool) -> Calls:
    """The calls of Keras' LSTM, or of its RNN with a cell that alters c as C1 does, compiled by tf.function."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
    tf.config.threading.set_inter_op_parallelism_threads(torch.get_num_threads())
    made = keras.layers.RNN(c1_cell(shape.hidden), return_sequences=True) if altered else None
    layer = made or keras.layers.LSTM(shape.hidden, return_sequences=True)
    both = shape.directions == 2
    if both:
        layer = keras.layers.Bidirectional(layer)
    twin = LSTM(shape.inputs, shape.hidden, batch_first=True, bidirectional=both, alteration="C1" if altered else None)
    values = _input(shape).detach().transpose(0, 1).contiguous()
    x, gradient = (
        tf.Variable(values.numpy()),
        tf.random.normal((shape.batch, shape.steps, shape.directions * shape.hidden)),
    )
    layer.build(x.shape)
    weights = []
    for suffix in ("_l0", "_l0_reverse")[: shape.directions]:
        of = {name: getattr(twin, name + suffix).detach() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        weights += [of["weight_ih"].t().numpy(), of["weight_hh"].t().numpy(), (of["bias_ih"] + of["bias_hh"]).numpy()]
    layer.set_weights(weights)

    @tf.function
    def forward() -> Any:
        return layer(x)

    @tf.function
    def backward() -> Any:
        with tf.GradientTape() as tape:
            output = layer(x)
        return tape.gradient(output, [x, *layer.trainable_variables], gradient)

    _check("Keras", forward().numpy(), twin(values)[0])
    return Calls(lambda: forward().numpy(), lambda: backward()[0].numpy())


def c1_cell(hidden: int) -> Any:
    """A Keras cell with the paper's C1: c * o is handed to the next step."""
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("benchmarks")  # Bidirectional copies a layer through its configuration
    class C1Cell(keras.layers.LSTMCell):
        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            h, c = states
            gates = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
            i, f, g, o = ops.split(gates, 4, axis=1)
            o = ops.sigmoid(o)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = o * ops.tanh(c)
            return h, [h, c * o]

    return C1Cell(hidden)
