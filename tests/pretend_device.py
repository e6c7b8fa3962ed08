"""A device that only pretends to be one, so that mistakes with devices fail where there is no GPU.

Its tensors lie in the CPU's memory and are computed there, but torch takes them for tensors of another device. What
CUDA refuses is refused: operations on tensors of two devices, NumPy, and generators of another device. What it allows
is allowed: a number from the CPU, indices from the CPU, copies. Lightning trains on it.

It finds wrong devices, not wrong numbers: there are no streams, no CUDA kernels and no `torch.cuda`.
"""

import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar
from unittest import mock

import torch
from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.trainer.connectors.accelerator_connector import _AcceleratorConnector
from torch import Tensor, nn
from torch.utils import backend_registration
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import return_and_correct_aliasing

NAME = "pretend"
DEVICE_0 = "pretend:0"

COPYING = {"copy", "_to_copy"}
"""Operators that take tensors of two devices."""

INDEXING = {"index", "index_put", "_index_put_impl", "_unsafe_index"}
"""Operators whose indices may lie on the CPU."""

WITHOUT_NUMBERS = {
    *("cat", "stack", "index_select", "gather", "scatter", "scatter_add", "index_add", "index_copy", "index_fill"),
    *("embedding", "take", "masked_select", "masked_scatter"),
}
"""Operators that do not take a number, which is a tensor without dimensions, from the CPU."""

READING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero"}
"""Operators whose result the CPU waits for."""

MAKING = ("arange", "arange.start", "arange.start_step", "eye", "eye.m")
"""Operators that would make an empty tensor and have it resized."""

counted: Counter[str] = Counter()
"""Since `pretend_device` began: copies "to the device", and "waits" of the CPU until a GPU has done what it began."""


_exists = False


class DeviceTensor(Tensor):
    """A tensor on the device.

    Attributes:
        inner: the tensor on the CPU with its numbers.
    """

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> "DeviceTensor":
        sizes = inner.shape, inner.stride(), inner.storage_offset()
        device = torch.device(DEVICE_0)
        made = Tensor._make_wrapper_subclass(cls, *sizes, dtype=inner.dtype, layout=inner.layout, device=device)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(operator, args, kwargs or {})

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: "DeviceTensor") -> None:
        Tensor.data.__set__(self, value)
        self.inner = value.inner

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {DEVICE_0} device type tensor to numpy. Use Tensor.cpu() first.")

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __format__(self, how: str) -> str:
        return format(self.cpu(), how)

    def __repr__(self, **_: Any) -> str:
        return f"{self.inner!r} on {self.device}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Saved, it remembers its device, as a tensor on a GPU does."""
        about = self.inner.detach(), self.dtype, DEVICE_0, self.requires_grad
        return torch._utils._rebuild_device_tensor_from_cpu_tensor, about


class Generator(torch._C.Generator):
    """`torch.Generator`, which the real one cannot be for this device."""

    on_device: ClassVar[set[int]] = set()  # their addresses: an operator gets them without their Python class

    def __new__(cls, device: Any = "cpu") -> "Generator":
        pretends = torch.device(device).type == NAME
        made = super().__new__(cls, "cpu" if pretends else device)
        (cls.on_device.add if pretends else cls.on_device.discard)(made._cdata)
        return made


DRAWING = {
    torch: ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson", "binomial"),
    Tensor: (
        *("bernoulli", "multinomial", "bernoulli_", "normal_", "uniform_", "random_", "exponential_", "geometric_"),
        *("cauchy_", "log_normal_"),
    ),
}
"""Functions that draw numbers: on the CPU, they never come to `compute`."""


def drawing(function: Any) -> Any:
    """A function of DRAWING that refuses a generator of the device for a tensor on the CPU."""

    @functools.wraps(function)
    def checked(*args: Any, device: Any = None, generator: Any = None, **kwargs: Any) -> Any:
        given = [value.device for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        place = given[0] if given else torch.device(torch.get_default_device() if device is None else device)
        if generator is not None and generator._cdata in Generator.on_device and place.type != NAME:
            raise RuntimeError(f"Expected a '{place.type}' device type for generator but found '{NAME}'")
        named = {"device": device, "generator": generator}
        return function(*args, **{name: value for name, value in named.items() if value is not None}, **kwargs)

    return checked


def compute(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of an operator: computed on the CPU, and on the device if it should be there."""
    if not _exists:
        raise RuntimeError(f"there is no device {NAME} here")
    name, given = base_name(operator), list(leaves([args, list(kwargs.values())]))
    has_device = any(isinstance(value, DeviceTensor) for value in given)
    wanted = kwargs.get("device")
    to_device = has_device if wanted is None else torch.device(wanted).type == NAME
    if has_device:
        check(operator, args, kwargs)
    for value in given:
        if isinstance(value, torch._C.Generator) and (value._cdata in Generator.on_device) != to_device:
            raise RuntimeError(f"Expected a '{NAME if to_device else 'cpu'}' device type for generator")
    inner_kwargs = {key: each(unwrapped, value) for key, value in kwargs.items()}
    if wanted is not None:
        inner_kwargs["device"] = torch.device("cpu") if to_device else wanted
    result = operator(*each(unwrapped, args), **inner_kwargs)
    count(name, args, to_device)
    named = by_name(operator, args, kwargs)
    for value in map(named.get, written(operator)):
        if isinstance(value, DeviceTensor) and value.shape != value.inner.shape:
            raise NotImplementedError(f"{operator} resizes a tensor: add what called it to MAKING")
    if name == "copy" and not isinstance(args[0], DeviceTensor):
        return args[0]  # to a tensor on the CPU
    if not to_device:
        return result.clone() if name == "_to_copy" and result is args[0].inner else result
    return return_and_correct_aliasing(operator, args, kwargs, each(wrapped, result)) if has_device else wrapped(result)


def check(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what CUDA raises when tensors are not where they should be."""
    name = base_name(operator)
    if name in COPYING:
        return
    named = by_name(operator, args, kwargs)
    if name in INDEXING:
        on_device = [isinstance(index, DeviceTensor) for index in named.pop("indices") if index is not None]
        if any(on_device) and not isinstance(args[0], DeviceTensor):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    devices = set()
    for argument, value in named.items():
        for tensor in leaves(value):
            if isinstance(tensor, Tensor):
                may_be_number = name not in WITHOUT_NUMBERS and argument not in written(operator)
                if isinstance(tensor, DeviceTensor) or tensor.dim() or not may_be_number:
                    devices.add(str(tensor.device))
    if len(devices) > 1:
        found = " and ".join(sorted(devices))
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {found} (in {operator})")


def count(name: str, args: tuple[Any, ...], to_device: bool) -> None:
    """Count what costs a GPU time beside its work."""
    if name in COPYING:
        source, target = (args[0], to_device) if name == "_to_copy" else (args[1], isinstance(args[0], DeviceTensor))
        if isinstance(source, DeviceTensor) != target:
            counted["to the device" if target else "waits"] += 1
    by_mask = name in INDEXING and any(isinstance(i, Tensor) and i.dtype == torch.bool for i in args[1])
    counted["waits"] += name in READING or by_mask


@functools.cache
def base_name(operator: Any) -> str:
    """The name of an operator without its overload and the sign of those that write to their first argument."""
    return operator._schema.name.removeprefix("aten::").removesuffix("_")


@functools.cache
def written(operator: Any) -> list[str]:
    """The names of the arguments that an operator writes to."""
    arguments = operator._schema.arguments
    return [argument.name for argument in arguments if argument.alias_info and argument.alias_info.is_write]


def by_name(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an operator by their names."""
    return dict(zip((argument.name for argument in operator._schema.arguments), args, strict=False)) | kwargs


def leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, (list, tuple)):
        for value in values:
            yield from leaves(value)
    else:
        yield values


def each(change: Callable[[Any], Any], values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return type(values)([each(change, value) for value in values])
    return change(values)


def wrapped(value: Any) -> Any:
    return DeviceTensor(value) if isinstance(value, Tensor) and not isinstance(value, DeviceTensor) else value


def unwrapped(value: Any) -> Any:
    return value.inner if isinstance(value, DeviceTensor) else value


class Accelerator(CUDAAccelerator):
    """Lightning's accelerator for the device. A Trainer asks only CUDA's and Apple's where the device is."""

    def setup_device(self, device: torch.device) -> None:
        """Nothing to set up."""

    def setup(self, trainer: Any) -> None:
        """Nothing to set up."""

    def teardown(self) -> None:
        """Nothing to tear down."""

    parse_devices = staticmethod(lambda devices: [0])
    get_parallel_devices = staticmethod(lambda devices: [torch.device(DEVICE_0)])
    auto_device_count = staticmethod(lambda: 1)
    is_available = staticmethod(lambda: True)
    name = staticmethod(lambda: NAME)


_plain_apply = nn.Module._apply


def apply(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """`Module._apply`, by which `.to` and `.cpu()` move: the weights stay the same objects, as on a GPU."""
    swaps = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        return _plain_apply(module, *args, **kwargs)
    except RuntimeError as error:
        if "Couldn't swap" not in str(error):
            raise
        torch.__future__.set_swap_module_params_on_conversion(False)
        return _plain_apply(module, *args, **kwargs)  # a graph still holds the weights: new ones then
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swaps)


@functools.cache
def register() -> tuple[torch.library.Library, ...]:
    """Tell torch of the device, which it knows then until the process ends; what is returned has to be kept."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    library = torch.library.Library("_", "IMPL")
    library.fallback(lambda operator, *args, **kwargs: compute(operator, args, kwargs), "PrivateUse1")
    made = torch.library.Library("aten", "IMPL")
    for name in MAKING:
        packet, _, overload = name.partition(".")
        operator = getattr(getattr(torch.ops.aten, packet), overload or "default")
        made.impl(name, lambda *args, of=operator, **kwargs: compute(of, args, kwargs), "PrivateUse1")
    return library, made


@contextmanager
def pretend_device() -> Iterator[torch.device]:
    """The device, which exists while the `with` statement lasts."""
    register()
    _device_constructors()  # kept by torch from its first call on: without what stands in for DRAWING
    lifts = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(.., device=..) makes one on the CPU and moves it
    counted.clear()
    with ExitStack() as stack:
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifts)
        for place, name, pretended in (
            (sys.modules[__name__], "_exists", True),
            (torch, "Generator", Generator),
            (nn.Module, "_apply", apply),
            *((owner, name, drawing(getattr(owner, name))) for owner, names in DRAWING.items() for name in names),
            (_AcceleratorConnector, "_choose_auto_accelerator", staticmethod(Accelerator)),
        ):
            stack.enter_context(mock.patch.object(place, name, pretended))
        yield torch.device(DEVICE_0)


@contextmanager
def only_the_cpu() -> Iterator[None]:
    """A machine without the device: it is as if `pretend_device` were over, and Lightning does not use a GPU."""
    with (
        mock.patch.object(sys.modules[__name__], "_exists", False),
        mock.patch.object(_AcceleratorConnector, "_choose_auto_accelerator", staticmethod(lambda: "cpu")),
    ):
        yield
