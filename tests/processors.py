"""This processor, and older ones whose code it runs."""

from cells.llvm.target import Target, host

FEATURES = [name for name in host().features.split(",") if name.startswith("+")]


def restricted(cpu: str, *without: str) -> Target:
    """The host as a processor of this name, without the features that begin like these."""
    kept = [name for name in FEATURES if not name[1:].startswith(without)]
    return Target(host().triple, cpu, ",".join(kept))


X86 = host().triple.startswith("x86_64")
OLDER = {
    "host": host(),
    **({"avx2": restricted("haswell", "avx512", "avx10", "evex512", "amx")} if "+avx2" in FEATURES else {}),
    **({"sse2": Target(host().triple, "x86-64", "+sse2")} if X86 else {}),
}
