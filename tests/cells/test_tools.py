"""Torch's other tools, each of which works with `nn.LSTM`: tracers, checkpoints, hooks, quantization, autocast."""

import threading
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils import skip_init
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from cells import LSTM, LSTMCell, backend, surroundings
from cells.backends import BackendError, observed
from cells.obstacle import ObstacleKind
from cells.stack import StackedLSTM
from cells.torchscript import compiler

X = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))


class Mixing(nn.Module):
    """No formula, so it runs on TorchScript."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, c: Tensor, h: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
        return c * torch.softmax(h, -1) * self.scale, h


# what follows every operation


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
@pytest.mark.parametrize("with_gradients", [False, True])
def test_a_graph_of_operations_computes_what_the_compiled_loops_do(mode: str, with_gradients: bool) -> None:
    lstm = LSTM(3, 4, 2, bidirectional=True, alteration="C1+H2")
    weights = {name: weight.detach() for name, weight in lstm.named_parameters()}

    def function(weights: dict[str, Tensor], x: Tensor) -> list[Tensor]:
        if not with_gradients:
            return [functional_call(lstm, weights, (x,))[0]]
        own = {name: weight.requires_grad_() for name, weight in weights.items()}
        x = x.requires_grad_()
        return list(torch.autograd.grad(functional_call(lstm, own, (x,))[0].sum(), [x, *own.values()]))

    graph = make_fx(function, tracing_mode=mode)(weights, X.clone())
    other = torch.randn_like(X)
    assert lstm.path == "llvm"
    for got, want in zip(graph(weights, other), function(weights, other), strict=True):
        torch.testing.assert_close(got, want)


class Watching(TorchDispatchMode):
    """A dispatch mode that nobody has foreseen."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):  # type: ignore[no-untyped-def]
        result = function(*arguments, **(options or {}))
        return result * 2 if function is torch.ops.aten.sigmoid.default else result


@pytest.mark.parametrize("stacked", [False, True])
def test_no_dispatch_mode_is_passed_by(stacked: bool) -> None:
    """All gates are doubled, where the compiled loops would not have seen the mode."""
    lstm = LSTM(3, 4, batch_first=True, alteration="i = 2 * sigmoid(a_i); f = 2 * sigmoid(a_f); o = 2 * sigmoid(a_o)")
    with torch.no_grad():
        plain = LSTM(3, 4, batch_first=True)
        plain.load_state_dict(lstm.state_dict())
    x, module = X, plain
    if stacked:
        x, module = torch.stack([X, X]), StackedLSTM([plain, plain])
    with Watching():
        assert module.path == "torchscript"
        kind, reason = module.obstacles["llvm"]
        got = module(x)[0]
    assert (kind, reason) == (
        ObstacleKind.CALL,
        "a dispatch mode of torch, such as that of make_fx, follows its operations",
    )
    torch.testing.assert_close(got[0] if stacked else got, lstm(X)[0])


def test_floating_point_operations_are_counted() -> None:
    """The products of W_ih and W_hh, forward once and backward twice."""
    with FlopCounterMode(display=False) as counter:
        LSTM(3, 4)(X.clone().requires_grad_())[0].sum().backward()
    steps, rows, inputs = X.shape
    once = 2 * steps * rows * 16 * (inputs + 4)
    assert once <= counter.get_total_flops() <= 3 * once


@pytest.mark.filterwarnings("ignore:The tensor attributes self._flat_weights.*:UserWarning")  # as for nn.LSTM
@pytest.mark.parametrize(
    "make",
    [
        lambda: LSTM(3, 4, batch_first=True),
        lambda: LSTM(3, 4, 2, batch_first=True, bidirectional=True, alteration="PEEPHOLES+C1"),
        lambda: LSTM(3, 4, batch_first=True, proj_size=2, alteration="o = sigmoid(layer_norm(a_o))"),
        lambda: LSTMCell(3, 4, alteration="sqrt(relu(c))"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_program_takes_any_batch(make: Callable[[], nn.Module], strict: bool) -> None:
    module = make().eval()
    x = X if isinstance(module, LSTM) else X[0]
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    exported = torch.export.export(module, (x,), dynamic_shapes=(batch,), strict=strict).module()
    for rows in (1, 2, 7):
        other = torch.randn(rows, *x.shape[1:])
        torch.testing.assert_close(exported(other), module(other))


@pytest.mark.filterwarnings("ignore:The tensor attributes self._flat_weights.*:UserWarning")  # as for nn.LSTM
def test_a_users_module_is_exported() -> None:
    module = LSTM(3, 4, alteration=Mixing()).eval()
    exported = torch.export.export(module, (X,), strict=False).module()
    torch.testing.assert_close(exported(2 * X), module(2 * X))


@pytest.mark.parametrize("kind", [LSTM, LSTMCell])
def test_compiled_by_dynamo(kind: type[nn.Module]) -> None:
    """In one graph. A recurrent layer, torch's as ours, needs `allow_rnn` for that and breaks the graph otherwise."""
    module = kind(3, 4, alteration="C1")
    net = nn.Sequential(nn.Linear(3, 3), module)
    x = (X if kind is LSTM else X[0]).clone().requires_grad_()
    found = []
    with torch._dynamo.config.patch(allow_rnn=True):
        for one in (net, torch.compile(net, fullgraph=True, backend="aot_eager")):
            output = one(x)[0]
            found.append([output, *torch.autograd.grad(output.sum(), [x, *net.parameters()])])
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want)


# who takes the saved tensors


@pytest.mark.parametrize("alteration", ["C1", "PEEPHOLES; zoneout = 0.2", Mixing()], ids=str)
@pytest.mark.parametrize("kind", [LSTM, LSTMCell])
@pytest.mark.parametrize("path", ["torchscript", ""])
def test_checkpoints(alteration: object, kind: type[nn.Module], path: str) -> None:
    module = kind(3, 4, alteration=alteration)
    found = []
    for again in (False, True):
        x = (X if kind is LSTM else X[0]).clone().requires_grad_()
        module.zero_grad()
        torch.manual_seed(0)
        with backend(path or module.path):
            output = checkpoint(lambda x: module(x)[0], x, use_reentrant=False) if again else module(x)[0]
        (output * output).sum().backward()
        found.append([output.detach(), x.grad, *(weight.grad for weight in module.parameters())])
    for one, other in zip(*found, strict=True):
        if one is not None or other is not None:
            torch.testing.assert_close(other, torch.zeros_like(other) if one is None else one)


def test_checkpoints_in_a_stack_and_tensors_saved_elsewhere() -> None:
    stack = StackedLSTM([LSTM(3, 4, batch_first=True, alteration="C1") for _ in range(2)]).double()
    x = torch.randn(2, 2, 5, 3, dtype=torch.float64, requires_grad=True)
    (want,) = torch.autograd.grad(stack(x)[0].sum(), x)
    with backend("torchscript"):
        (got,) = torch.autograd.grad(checkpoint(lambda x: stack(x)[0].sum(), x, use_reentrant=False), x)
        with torch.autograd.graph.save_on_cpu():
            (elsewhere,) = torch.autograd.grad(stack(x)[0].sum(), x)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(elsewhere, want)


def test_where_torch_does_not_tell_who_takes_saved_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = LSTM(3, 4, alteration="C1"), X.clone().requires_grad_()
    with backend("torchscript"):
        (want,) = torch.autograd.grad(module(x)[0].sum(), x)
        monkeypatch.setattr(surroundings, "_top_hooks", None)  # as torch 2.6, which has no such function
        (got,) = torch.autograd.grad(module(x)[0].sum(), x)
        (again,) = torch.autograd.grad(checkpoint(lambda x: module(x)[0].sum(), x, use_reentrant=False), x)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(again, want)


def test_second_derivatives_with_hooks_of_saved_tensors() -> None:
    module = LSTM(2, 3, alteration="C1", dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def output(x: Tensor) -> Tensor:
        with torch.autograd.graph.save_on_cpu(), backend("torchscript"):
            return module(x)[0]

    assert torch.autograd.gradgradcheck(output, [x], fast_mode=True)


# hooks and quantization

REGISTER = [
    "register_forward_pre_hook",
    "register_forward_hook",
    "register_full_backward_pre_hook",
    "register_full_backward_hook",
]


@pytest.mark.parametrize("register", REGISTER)
@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("kind", [LSTM, LSTMCell])
@pytest.mark.parametrize("path", ["torchscript", ""])
def test_hooks_on_every_submodule(register: str, called_before: bool, kind: type[nn.Module], path: str) -> None:
    module = kind(3, 4, alteration="C1")
    calls = []
    with backend(path or module.path):
        x = (X if kind is LSTM else X[0]).clone().requires_grad_()
        expected = module(x)[0] if called_before else None
        for one in module.modules():
            getattr(one, register)(lambda one, *_: calls.append(one))
        output = module(x)[0]
        output.sum().backward()
    assert calls.count(module) == 1
    assert expected is None or torch.equal(output, expected)
    assert not any(vars(one)["_forward_hooks"] for one in kind(3, 4, alteration="C1").modules())


class Net(nn.Module):
    def __init__(self, alteration: object) -> None:
        super().__init__()
        self.lstm, self.linear = LSTM(3, 4, alteration=alteration), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.lstm(x)[0])


@pytest.mark.parametrize("alteration", ["C1", Mixing()], ids=str)
@pytest.mark.parametrize("what", [{nn.Linear}, None])
@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions.*deprecated:UserWarning")
def test_linear_layers_beside_an_lstm_are_quantized(alteration: object, what: set[type] | None) -> None:
    net = Net(alteration)
    quantized = torch.ao.quantization.quantize_dynamic(net, what)
    assert "quantized" in type(quantized.linear).__module__
    assert torch.equal(quantized.lstm(X)[0], net.lstm(X)[0])
    torch.testing.assert_close(quantized(X), net(X), atol=0.02, rtol=0.02)


# autocast


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_autocast_answers_as_torch_does(options: dict[str, object], dtype: torch.dtype) -> None:
    stock, ours = nn.LSTM(3, 4, dtype=dtype, **options), LSTM(3, 4, dtype=dtype, **options)
    ours.load_state_dict(stock.state_dict())
    results = []
    for module in (stock, ours):
        with torch.autocast("cpu", torch.bfloat16):
            output, states = module(X.to(dtype))
        output.float().sum().backward()
        results.append([output, *states, *(weight.grad for weight in module.parameters())])
    for got, want in zip(*results, strict=True):
        assert got.dtype == want.dtype
        torch.testing.assert_close(got, want, atol=0.1, rtol=0.1)


def test_autocast_of_a_stack_a_cell_and_a_module_with_tensors() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert StackedLSTM([LSTM(3, 4, batch_first=True)] * 2)(torch.stack([X, X]))[0].dtype == torch.bfloat16
        assert LSTMCell(3, 4)(X[0])[0].dtype == nn.LSTMCell(3, 4)(X[0])[0].dtype
        for lstm in (LSTM(3, 4, alteration=Mixing()), LSTM(3, 4, proj_size=2)):
            output, states = lstm(X)
            assert {tensor.dtype for tensor in (output, *states)} == {torch.bfloat16}


@pytest.mark.parametrize("alteration", ["softmax(c) * 0.75", Mixing()], ids=str)
@pytest.mark.parametrize("kind", [LSTM, LSTMCell])
def test_autocast_leaves_nothing_behind(alteration: object, kind: type[nn.Module]) -> None:
    """TorchScript would keep its casts for other layers of this cell."""
    x = X if kind is LSTM else X[0]
    for dtype in (torch.bfloat16, torch.float32, torch.float32, torch.float32):
        module = kind(3, 4, alteration=alteration)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
            output = module(x)[0]
        output.float().sum().backward()
        assert output.dtype == (dtype if kind is LSTM else torch.float32)


# smaller things


@pytest.mark.parametrize("path", ["llvm", "torchscript", "eager"])
@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: LSTM(3, 4, 2, bidirectional=True, alteration="PEEPHOLES"), X),
        (lambda: LSTM(3, 4, alteration="C1", proj_size=2), X),
        (lambda: LSTM(3, 4, bidirectional=True, bias=False, alteration="C1+H2", proj_size=2), X),
        (lambda: LSTM(3, 4, alteration=Mixing()), X),
        (lambda: LSTMCell(3, 4, alteration="PEEPHOLES"), X[0]),
        (lambda: StackedLSTM([LSTM(3, 4, batch_first=True, alteration="PEEPHOLES")] * 2), torch.stack([X, X])),
        (lambda: StackedLSTM([LSTM(3, 4, batch_first=True, bidirectional=True)] * 2), torch.stack([X, X])),
    ],
    ids=["layers", "projection", "projections", "module", "cell", "stack", "both ways"],
)
def test_weight_gradients_lie_as_the_weights(path: str, make: Callable[[], nn.Module], x: Tensor) -> None:
    """In the first calls, in which TorchScript watches and compiles, and in those after them."""
    module = make()
    weights = dict(module.named_parameters())
    with backend(path):
        if path == "llvm":
            try:
                module(x)
            except BackendError as error:
                pytest.skip(str(error))
        for _ in range(4):
            found = torch.autograd.grad(module(x)[0].sum(), list(weights.values()), allow_unused=True)
            got = {name: one.stride() for name, one in zip(weights, found, strict=True) if one is not None}
            assert got == {name: weights[name].stride() for name in got}


@pytest.mark.parametrize("options", [{}, {"proj_size": 2}], ids=str)
def test_weight_gradients_lie_as_the_weights_beside_observed_states(options: dict[str, int]) -> None:
    module = LSTM(3, 4, alteration="C1", **options)
    for path in ("torchscript", "eager"):
        for _ in range(4):
            with backend(path), observed():
                found = torch.autograd.grad(module(X)[0].sum(), list(module.parameters()))
            assert [gradient.stride() for gradient in found] == [weight.stride() for weight in module.parameters()]


def test_a_cell_without_initialisation() -> None:
    cell = skip_init(LSTMCell, 3, 4, alteration="C1")
    assert cell.weight_ih.device.type == "cpu"
    twin = LSTMCell(3, 4, False, "cpu", torch.float64, alteration="C1")
    assert (twin.bias, twin.weight_ih.dtype) == (False, torch.float64)


# several threads


def test_first_calls_from_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's compiler fails where two threads compile one class, which a slow one makes sure that they would."""
    script, compiling, at_once = torch.jit.script, set(), []

    def slow(*arguments: object, **options: object) -> object:
        compiling.add(threading.get_ident())  # the compiler calls this for functions as well
        at_once.append(len(compiling))
        time.sleep(0.05)
        result = script(*arguments, **options)
        compiling.discard(threading.get_ident())
        return result

    monkeypatch.setattr(compiler.torch.jit, "script", slow)
    shared = LSTM(3, 4, alteration="o = sigmoid(layer_norm(a_o)) + 0.125")
    modules = [shared, shared, *(LSTM(3, 4, alteration=Mixing()) for _ in range(2))]
    results: list[Tensor] = []
    threads = [threading.Thread(target=lambda own: results.append(own(X)[0]), args=(own,)) for own in modules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(modules)
    assert set(at_once) == {1}
