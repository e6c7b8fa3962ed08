"""Elementwise arithmetic as LLVM vector instructions.

A `Vec` stands for one register of numbers while a kernel is being written: `f * c + i * g` on Vecs emits the
instructions that compute it, so anything written with operators and the functions below can become part of a kernel.
exp and its relatives are polynomials (Taylor series after a reduction of the range) without branches, correct to four
units in the last place and mostly to one; NaN and infinity behave as in torch.
"""

import math
from dataclasses import dataclass, replace

from llvmlite import ir

BYTES = 64  # of a Vec: one AVX-512 register, or several smaller ones, as LLVM splits it
FLAGS = ("contract", "nsz")  # allows fused multiply-add, but neither reordering nor ignoring NaN and infinity


@dataclass(frozen=True)
class Precision:
    """A floating point type, and the constants that depend on it."""

    name: str  # in LLVM's intrinsics
    scalar: ir.Type
    bits: ir.Type
    size: int  # bytes
    mantissa: int  # stored bits
    bias: int  # of the exponent
    exp_terms: int  # Taylor terms of exp on |r| <= log(2) / 2
    log_terms: int  # terms of 2 atanh(s) on |s| <= 0.172
    ln2: tuple[float, float]  # log(2) as a sum whose first part has trailing zero bits: n * ln2[0] is exact
    largest: float  # exp is infinite above it
    root_half: int  # the bits of sqrt(1/2)
    width: int = BYTES  # bytes of a Vec

    @property
    def lanes(self) -> int:
        """Numbers in a Vec."""
        return self.width // self.size

    def of_width(self, width: int) -> "Precision":
        """The same type in vectors of that many bytes."""
        return replace(self, width=width)


_SINGLE_LN2 = (0.693359375, -2.12194440e-4)
_DOUBLE_LN2 = (0.693145751953125, 1.42860682030941723212e-6)
SINGLE = Precision("f32", ir.FloatType(), ir.IntType(32), 4, 23, 127, 7, 5, _SINGLE_LN2, 88.8, 0x3F3504F3)
DOUBLE = Precision("f64", ir.DoubleType(), ir.IntType(64), 8, 52, 1023, 13, 11, _DOUBLE_LN2, 709.9, 0x3FE6A09E667F3BCD)


class Emitter:
    """Writes vector instructions of one precision at the builder's position."""

    def __init__(self, builder: ir.IRBuilder, precision: Precision) -> None:
        self.b, self.p = builder, precision
        self.vector = ir.VectorType(precision.scalar, precision.lanes)
        self.integers = ir.VectorType(precision.bits, precision.lanes)

    def const(self, value: float) -> "Vec":
        """The number in every lane."""
        return Vec(self, ir.Constant(self.vector, [float(value)] * self.p.lanes))

    def integer(self, value: int) -> ir.Constant:
        """The integer in every lane."""
        return ir.Constant(self.integers, [value] * self.p.lanes)

    def intrinsic(self, name: str, x: "Vec") -> "Vec":
        """LLVM's own function of this name."""
        full, module = f"llvm.{name}.v{self.p.lanes}{self.p.name}", self.b.module
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(self.vector, [self.vector]), full)
        return Vec(self, self.b.call(function, [x.v]))


class Vec:
    """One register of numbers; arithmetic with it emits instructions."""

    def __init__(self, emitter: Emitter, value: ir.Value) -> None:
        self.e, self.v = emitter, value

    def _emit(self, instruction: str, x: "Operand", y: "Operand") -> "Vec":
        x, y = _lifted(self.e, x), _lifted(self.e, y)
        return Vec(self.e, getattr(self.e.b, instruction)(x.v, y.v, flags=FLAGS))

    def __add__(self, other: "Operand") -> "Vec":
        return self._emit("fadd", self, other)

    def __radd__(self, other: "Operand") -> "Vec":
        return self._emit("fadd", other, self)

    def __sub__(self, other: "Operand") -> "Vec":
        return self._emit("fsub", self, other)

    def __rsub__(self, other: "Operand") -> "Vec":
        return self._emit("fsub", other, self)

    def __mul__(self, other: "Operand") -> "Vec":
        return self._emit("fmul", self, other)

    def __rmul__(self, other: "Operand") -> "Vec":
        return self._emit("fmul", other, self)

    def __truediv__(self, other: "Operand") -> "Vec":
        return self._emit("fdiv", self, other)

    def __rtruediv__(self, other: "Operand") -> "Vec":
        return self._emit("fdiv", other, self)

    def __neg__(self) -> "Vec":
        return Vec(self.e, self.e.b.fneg(self.v))


Operand = Vec | float


def _lifted(emitter: Emitter, x: Operand) -> Vec:
    return x if isinstance(x, Vec) else emitter.const(x)


def where(x: Vec, comparison: str, y: Operand, yes: Operand, no: Operand) -> Vec:
    """`yes` in the lanes where the comparison holds, `no` in the others, those where x is NaN included."""
    e = x.e
    test = e.b.fcmp_ordered(comparison, x.v, _lifted(e, y).v)
    return Vec(e, e.b.select(test, _lifted(e, yes).v, _lifted(e, no).v))


def _clamp(x: Vec, low: float, high: float) -> Vec:
    x = where(x, ">", high, high, x)
    return where(x, "<", low, low, x)


def _nearest(x: Vec) -> tuple[Vec, ir.Value]:
    """x rounded to a whole number, as a Vec, and as integers of which only the low bits mean something."""
    magic = 1.5 * 2.0**x.e.p.mantissa  # too large for a fraction: adding it rounds
    shifted = x + magic
    return shifted - magic, x.e.b.bitcast(shifted.v, x.e.integers)


def _power_of_two(e: Emitter, n: ir.Value) -> Vec:
    """2^n for integers n, of which only as many low bits count as an exponent has."""
    biased = e.b.add(n, e.integer(e.p.bias))
    return Vec(e, e.b.bitcast(e.b.shl(biased, e.integer(e.p.mantissa)), e.vector))


def _reduced(x: Vec) -> tuple[Vec, Vec, ir.Value]:
    """exp(r) - 1, n, n as integers: x = n log(2) + r with |r| <= log(2) / 2."""
    p = x.e.p
    n, integers = _nearest(x * math.log2(math.e))
    r = x - n * p.ln2[0] - n * p.ln2[1]
    series = x.e.const(1 / math.factorial(p.exp_terms))
    for k in range(p.exp_terms - 1, 0, -1):
        series = series * r + 1 / math.factorial(k)
    return series * r, n, integers


def exp(x: Vec) -> Vec:
    """2^n exp(r), with 2^n as two factors, because n alone may exceed the range of an exponent."""
    e, p = x.e, x.e.p
    series, n, _ = _reduced(_clamp(x, -1.2 * p.largest, p.largest))
    half, half_integers = _nearest(n * 0.5)
    _, rest_integers = _nearest(n - half)
    power = _power_of_two(e, half_integers)
    return (series * power + power) * _power_of_two(e, rest_integers)


def sigmoid(x: Vec) -> Vec:
    """1 / (1 + exp(-x)), and 0 where that would be a denormal number: below -87 (double: -708)."""
    e = x.e
    limit = (e.p.bias - 1) * math.log(2) - 0.5
    series, _, n = _reduced(_clamp(-x, -limit, limit))
    power = _power_of_two(e, n)
    return where(x, "<", -limit, 0.0, 1.0 / (series * power + (power + 1.0)))


def tanh(x: Vec) -> Vec:
    """(exp(2x) - 1) / (exp(2x) + 1), from exp(2x) - 1 = 2^n (exp(r) - 1) + (2^n - 1), which is exact near 0."""
    e = x.e
    series, _, n = _reduced(_clamp(2.0 * x, -44.0, 44.0))  # tanh(22) is 1 in both precisions
    power = _power_of_two(e, n)
    below = series * power + (power - 1.0)
    return below / (below + 2.0)


def log(x: Vec) -> Vec:
    """n log(2) + 2 atanh((m - 1) / (m + 1)), where x = 2^n m with m in [sqrt(1/2), sqrt(2))."""
    e, p = x.e, x.e.p
    tiny = 2.0 ** (1 - p.bias)  # smaller numbers are denormal
    normal = where(x, "<", tiny, x * 2.0 ** (p.mantissa + 2), x)
    offset = where(x, "<", tiny, -(p.mantissa + 2.0), 0.0)
    bits = e.b.bitcast(normal.v, e.integers)
    exponent = e.b.ashr(e.b.sub(bits, e.integer(p.root_half)), e.integer(p.mantissa))
    m = Vec(e, e.b.bitcast(e.b.sub(bits, e.b.shl(exponent, e.integer(p.mantissa))), e.vector))
    n = Vec(e, e.b.sitofp(exponent, e.vector)) + offset
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = e.const(1 / (2 * p.log_terms + 1))
    for k in range(p.log_terms - 1, 0, -1):
        series = series * z + 1 / (2 * k + 1)
    value = n * p.ln2[0] + (n * p.ln2[1] + (2.0 * s + 2.0 * s * z * series))
    value = where(x, "==", 0.0, -math.inf, value)
    value = where(x, "==", math.inf, math.inf, value)
    return where(x, ">=", 0.0, value, math.nan)


def maximum(x: Vec, y: Vec) -> Vec:
    """The larger of both, NaN where either is NaN."""
    return where(x, ">", y, x, where(y, ">=", x, y, x + y))


def minimum(x: Vec, y: Vec) -> Vec:
    """The smaller of both, NaN where either is NaN."""
    return where(x, "<", y, x, where(y, "<=", x, y, x + y))


def power(x: Vec, exponent: int) -> Vec:
    """x ** exponent for a whole exponent from 1 on, by repeated squaring."""
    result, square_of = None, x
    while True:
        if exponent % 2:
            result = square_of if result is None else result * square_of
        exponent //= 2
        if not exponent:
            assert result is not None
            return result
        square_of = square_of * square_of


def guarded_product(x: Vec, y: Vec) -> Vec:
    """x y, but 0 where either factor is 0, whatever the other one is."""
    return where(x, "==", 0.0, 0.0, where(y, "==", 0.0, 0.0, x * y))


def relu(x: Vec) -> Vec:
    """max(x, 0)."""
    return where(x, "<=", 0.0, 0.0, x)


def step(x: Vec) -> Vec:
    """1 where x > 0, else 0."""
    return where(x, ">", 0.0, 1.0, 0.0)


def sign(x: Vec) -> Vec:
    """-1, 0 or 1."""
    return where(x, ">", 0.0, 1.0, where(x, "<", 0.0, -1.0, 0.0))


def square(x: Vec) -> Vec:
    """x x."""
    return x * x


def silu(x: Vec) -> Vec:
    """x sigmoid(x)."""
    return x * sigmoid(x)


def absolute(x: Vec) -> Vec:
    """|x|."""
    return x.e.intrinsic("fabs", x)


def softplus(x: Vec) -> Vec:
    """log(1 + exp(x)) = max(x, 0) + log(1 + u) with u = exp(-|x|)."""
    u = exp(-absolute(x))
    w = 1.0 + u
    log_w = where(w, "==", 1.0, u, log(w) * (u / (w - 1.0)))  # without the rounding of 1 + u
    return relu(x) + log_w


def libm(name: str, x: Vec) -> Vec:
    """The C library's function of this name, lane by lane."""
    e, module = x.e, x.e.b.module
    name += "f" if e.p.name == SINGLE.name else ""
    function = module.globals.get(name) or ir.Function(module, ir.FunctionType(e.p.scalar, [e.p.scalar]), name)
    result: ir.Value = ir.Constant(e.vector, ir.Undefined)
    for k in range(e.p.lanes):
        lane = ir.Constant(ir.IntType(32), k)
        result = e.b.insert_element(result, e.b.call(function, [e.b.extract_element(x.v, lane)]), lane)
    return Vec(e, result)
