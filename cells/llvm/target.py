"""The processor that machine code is for."""

import functools
from typing import NamedTuple

import llvmlite.binding as llvm


class Tile(NamedTuple):
    """The part of a product that stays in registers.

    Attributes:
        rows: of the product.
        vectors: in each row.
        width: bytes of a vector.
    """

    rows: int
    vectors: int
    width: int


class Target(NamedTuple):
    """A system and a processor, by LLVM's names."""

    triple: str
    cpu: str
    features: str  # such as "+avx2,-avx512f"

    @property
    def tile(self) -> Tile:
        """The largest tile that leaves registers for the factors; larger ones were slower, or spilled."""
        has = self.features.split(",")
        if "+avx512f" in has:
            return Tile(6, 4, 64)
        if self.triple.startswith(("aarch64", "arm64")):
            return Tile(6, 4, 16)  # 32 registers as well
        return Tile(4, 3, 32 if "+avx" in has else 16)

    def machine(self) -> llvm.TargetMachine:
        """LLVM's generator of code that is loaded at once."""
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        found = llvm.Target.from_triple(self.triple)
        return found.create_target_machine(cpu=self.cpu, features=self.features, opt=3, jit=True)


@functools.cache
def host() -> Target:
    """The processor that this process runs on."""
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
