"""Import Lightning without its slow, unused dependencies: a command starts in about half the time.

Lightning imports torchmetrics, which imports every optional package that it finds (transformers, scipy.signal, pyplot)
for metrics of other fields, and torch's compiler `torch._dynamo`, which nobody calls here: together they take longer
than Lightning, torch and the training of a small net. Looking for garbage among the hundred thousands of objects that
modules consist of, again and again while they are imported and at the end, takes another second.
"""

import atexit
import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

OPTIONAL = ("matplotlib", "scipy", "transformers")
"""Packages for which torchmetrics brings metrics and plots that are not used here."""

DYNAMO = "torch._dynamo"


def import_lightning() -> None:
    """Import Lightning, if that has not been done; the rest of the program imports it as usual afterwards."""
    if "lightning" in sys.modules or "torchmetrics" in sys.modules:
        return
    with uncollected_imports():
        importlib.import_module("torch")  # on its own: some builds need their compiler at once
        with _hidden(OPTIONAL), _compiler_deferred():
            importlib.import_module("lightning.pytorch")


@contextmanager
def uncollected_imports() -> Iterator[None]:
    """Turn garbage collection off while modules are imported, and again when the process ends: they are no garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        atexit.register(gc.freeze)


@contextmanager
def _hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Let lightning_utilities, by which torchmetrics asks, find these packages not installed."""
    from lightning_utilities.core.imports import RequirementCache

    is_available = RequirementCache.__bool__

    def is_wanted_and_available(requirement: RequirementCache) -> bool:
        asked = requirement.requirement or requirement.module or ""
        return not asked.startswith(packages) and is_available(requirement)

    absent = [package for package in packages if package not in sys.modules]
    RequirementCache.__bool__ = is_wanted_and_available  # type: ignore[assignment, method-assign]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: "there is no such module"
    try:
        yield
    finally:
        RequirementCache.__bool__ = is_available  # type: ignore[method-assign]
        for package in absent:
            del sys.modules[package]


@contextmanager
def _compiler_deferred() -> Iterator[None]:
    """Load `torch._dynamo` on first access to anything except the stand-ins below."""
    if DYNAMO in sys.modules:
        yield
        return
    spec = importlib.util.find_spec(DYNAMO)
    assert spec is not None
    stand_in = sys.modules[DYNAMO] = _Deferred(spec)
    sys.meta_path.insert(0, _Loaded())
    yield
    stand_in.is_package = True


class _Deferred(ModuleType):
    """`torch._dynamo` before it is loaded, which happens in place.

    Attributes:
        is_package: whether its submodules can be imported. False while Lightning is imported, which needs none of them:
            otherwise Python's import system would ask for `__path__` and trigger the full load.
    """

    class OptimizedModule:
        """The class of compiled modules. There are none, as Lightning finds when it asks whether a net is one."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__file__, self.is_package = spec, spec.origin, False

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        """No-op stand-in for `torch._dynamo.disable`: nothing is compiled."""
        return function if function is not None else lambda marked: marked

    @staticmethod
    def graph_break() -> None:
        """No-op stand-in for `torch._dynamo.graph_break`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not (name == "__path__" and self.is_package):
            raise AttributeError(name)  # `inspect`, for one, asks every module for such names
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__path__ = spec.submodule_search_locations or []
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Loaded(MetaPathFinder, Loader):
    """Finds submodules of `torch._dynamo` that came with it when the import of one of them loaded it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A specification of the module that is there; None for all others."""
        return ModuleSpec(name, self) if name.startswith(f"{DYNAMO}.") and name in sys.modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that is there."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to do: the module has been executed already."""
