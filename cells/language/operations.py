"""TorchScript's elementwise operations as formulas, for `cells.language.module_reader`.

The formulas equal torch's operations in value and slope for all finite numbers. At a kink they have the slope that
torch takes there; for max(x, 0) there are three kinds:

    relu(x)             slope 0 at 0
    ramp(x)             slope 1 at 0
    (x + abs(x)) / 2    slope 1/2 at 0
"""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from cells.language.functions import FUNCTIONS
from cells.language.parser import MAX_POWER
from cells.language.tree import Expression, Number, call, power

_ZERO, _HALF, _ONE = Number(0.0), Number(0.5), Number(1.0)
_SELU = {"alpha": Number(1.6732632423543772), "scale": Number(1.0507009873554805)}

_relu, _ramp, _sqrt, _exp, _expm1, _softplus = (
    functools.partial(call, name) for name in ("relu", "ramp", "sqrt", "exp", "expm1", "softplus")
)


def _leaky_relu(x: Expression, slope: Expression) -> Expression:
    return slope * x + (_ONE - slope) * _relu(x)


def _elu(x: Expression, alpha: Expression, scale: Expression = _ONE, steepness: Expression = _ONE) -> Expression:
    below = x - _relu(x)  # min(x, 0), slope 1 at 0
    return scale * (_relu(x) + alpha * _expm1(steepness * below))


def _hardtanh(x: Expression, low: Expression, high: Expression) -> Expression:
    """Slope 0 at both ends. Cuts the difference from an end instead of x, so that the result is exactly that end."""
    return high - _relu(high - (low + _relu(x - low)))


def _clamp(x: Expression, low: Any = None, high: Any = None) -> Expression:
    """Slope 1 at both ends."""
    if low is not None:
        x = _number(low) + _ramp(x - _number(low))
    if high is not None:
        x = _number(high) - _ramp(_number(high) - x)
    return x


def _hardsigmoid(x: Expression) -> Expression:
    return _hardtanh(x + Number(3.0), _ZERO, Number(6.0)) / Number(6.0)


def _gelu(x: Expression, approximate: Any) -> Expression:
    if approximate == "none":
        return _HALF * x * (_ONE + call("erf", Number(math.sqrt(0.5)) * x))
    inner = x + Number(0.044715) * _power(x, Number(3.0))
    return _HALF * x * (_ONE + call("tanh", Number(math.sqrt(2 / math.pi)) * inner))


def _power(x: Expression, exponent: Expression) -> Expression:
    match exponent:
        case Number(0.5):
            return _sqrt(x)
        case Number(value) if value < 0:
            return _ONE / _power(x, -exponent)
        case Number(1.0):
            return x
        case Number(value) if value in range(2, MAX_POWER + 1):
            return power(x, int(value))
    raise TypeError("only small whole powers and roots are in the language")


def _softplus_of(x: Expression, beta: Expression, threshold: Expression) -> Expression:
    if threshold != Number(20.0):
        raise TypeError("only the usual threshold is in the language")
    return _softplus(beta * x) / beta


def _full_like(_: Expression, value: Expression, *options: Any) -> Expression:
    if any(option is not None for option in options):
        raise TypeError("only full_like without options, such as another dtype, is in the language")
    return value


def _number(x: Any) -> Number:
    if not isinstance(x, Number):
        raise TypeError("only numbers can be limits, not tensors")
    return x


# An operation in place, such as aten::mul_, is looked up by its name without the underscore. Numbers and tensors among
# the arguments come as expressions, everything else as it is: None for a default, and the option of gelu.
OPERATIONS: dict[str, Callable[..., Expression]] = {
    **{f"aten::{name}": functools.partial(call, name) for name, of in FUNCTIONS.items() if len(of.slopes) == 1},
    "aten::add": lambda x, y, alpha=_ONE: x + alpha * y,
    "aten::sub": lambda x, y, alpha=_ONE: x - alpha * y,
    "aten::rsub": lambda x, y, alpha=_ONE: y - alpha * x,
    "aten::mul": operator.mul,
    "aten::div": operator.truediv,
    "aten::neg": operator.neg,
    "aten::addcmul": lambda x, y, z, value: x + value * y * z,
    "aten::addcdiv": lambda x, y, z, value: x + value * y / z,
    "aten::lerp": lambda x, y, weight: x + weight * (y - x),
    "aten::reciprocal": lambda x: _ONE / x,
    "aten::rsqrt": lambda x: _ONE / _sqrt(x),
    "aten::pow": _power,
    "aten::sinh": lambda x: _HALF * (_expm1(x) - _expm1(-x)),
    "aten::cosh": lambda x: _HALF * (_exp(x) + _exp(-x)),
    "aten::softplus": _softplus_of,
    "aten::log_sigmoid": lambda x: -_softplus(-x),
    "aten::mish": lambda x: x * call("tanh", _softplus(x)),
    "aten::gelu": _gelu,
    "aten::leaky_relu": _leaky_relu,
    "aten::prelu": _leaky_relu,
    "aten::elu": _elu,
    "aten::selu": lambda x: _elu(x, **_SELU),
    "aten::celu": lambda x, alpha: _elu(x, alpha, steepness=_ONE / alpha),
    "aten::relu6": lambda x: _hardtanh(x, _ZERO, Number(6.0)),
    "aten::hardtanh": _hardtanh,
    "aten::hardsigmoid": _hardsigmoid,
    "aten::hardswish": lambda x: x * _hardsigmoid(x),
    "aten::clamp": _clamp,
    "aten::clamp_min": _clamp,
    "aten::clamp_max": lambda x, high: _clamp(x, high=high),
    "aten::maximum": lambda x, y: call("max", x, y),
    "aten::max": lambda x, y: call("max", x, y),
    "aten::minimum": lambda x, y: call("min", x, y),
    "aten::min": lambda x, y: call("min", x, y),
    "aten::full_like": _full_like,
    "aten::ones_like": lambda x, *options: _full_like(x, _ONE, *options),
    "aten::zeros_like": lambda x, *options: _full_like(x, _ZERO, *options),
}

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **{"aten::gt": operator.gt, "aten::ge": operator.ge, "aten::lt": operator.lt, "aten::le": operator.le},
    **{"aten::eq": operator.eq, "aten::ne": operator.ne},
}
"""Comparisons of two numbers in the module's code, whose outcome is known before it runs."""
