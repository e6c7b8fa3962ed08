"""The elementwise functions that printed kernels call, in Triton.

Each works on a card and in Triton's interpreter alike: none is from libdevice, which the interpreter lacks.
"""

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def tanh(x):
    """2 sigmoid(2 x) - 1, correct to 2^-23 (absolute)."""
    return 2.0 * sigmoid(2.0 * x) - 1.0


@triton.jit
def relu(x):
    """max(x, 0), NaN where x is."""
    return tl.where(x <= 0.0, 0.0, x)


@triton.jit
def step(x):
    """1 where x > 0, else 0."""
    return tl.where(x > 0.0, 1.0, 0.0)


@triton.jit
def sign(x):
    """-1, 0 or 1."""
    return tl.where(x > 0.0, 1.0, tl.where(x < 0.0, -1.0, 0.0))


@triton.jit
def square(x):
    """x x."""
    return x * x


@triton.jit
def silu(x):
    """x sigmoid(x)."""
    return x * sigmoid(x)


@triton.jit
def log1p(x):
    """log(1 + x), for small x without the rounding of 1 + x (W. Kahan)."""
    w = 1.0 + x
    small = tl.where(w == 1.0, x, tl.log(w) * (x / (w - 1.0)))
    return tl.where(x > 1.0, tl.log(w), small)


@triton.jit
def expm1(x):
    """exp(x) - 1, for small x without the rounding of exp(x) (W. Kahan)."""
    u = tl.exp(x)
    small = tl.where(u == 1.0, x, (u - 1.0) * (x / tl.log(u)))
    return tl.where(tl.abs(x) < 1.0, small, u - 1.0)


@triton.jit
def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    return relu(x) + log1p(tl.exp(-tl.abs(x)))


@triton.jit
def atan(x):
    """The arc tangent: pi/2 or pi/4 and that of a smaller number, by a polynomial (S. Moshier, Cephes, atanf)."""
    y = tl.abs(x)
    far = y > 2.414213562373095
    near = y <= 0.4142135623730950
    first = tl.where(far, 1.5707963267948966, tl.where(near, 0.0, 0.7853981633974483))
    rest = tl.where(far, -1.0 / y, tl.where(near, y, (y - 1.0) / (y + 1.0)))
    z = rest * rest
    series = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1
    positive = first + (series * z * rest + rest)
    return tl.where(x < 0.0, -positive, positive)


@triton.jit
def maximum(x, y):
    """The larger of both, NaN where either is NaN."""
    return tl.where(x > y, x, tl.where(y >= x, y, x + y))


@triton.jit
def minimum(x, y):
    """The smaller of both, NaN where either is NaN."""
    return tl.where(x < y, x, tl.where(y <= x, y, x + y))


@triton.jit
def power(x, exponent: tl.constexpr):
    """x ** exponent for a whole exponent from 1 on."""
    result = x
    for _ in tl.static_range(exponent - 1):
        result = result * x
    return result


@triton.jit
def guarded(x, y):
    """x y, but 0 where either factor is 0, whatever the other one is."""
    return tl.where((x == 0.0) | (y == 0.0), 0.0, x * y)


@triton.jit
def dot(w, x, total, precision: tl.constexpr):
    """w x + total: in the given precision where w is in float32, else with both operands in w's dtype."""
    if w.dtype == tl.float32:
        return tl.dot(w, x, total, input_precision=precision)
    else:
        return tl.dot(w, x.to(w.dtype), total)


@triton.jit
def scale(largest):
    """The power of two that brings the largest of a row's numbers to 1 .. 2, where float16 can hold them."""
    return tl.exp2(-tl.floor(tl.log2(tl.maximum(largest, 1e-30))))
