"""Cells with random equations, for hypothesis."""

import itertools

from hypothesis import strategies as st

from cells.alterations import Alteration
from cells.language.functions import FUNCTIONS

# The arguments of these stay finite, and away from a kink, where the last digit would decide on the slope.
POLES, KINKS = (
    {name for name, function in FUNCTIONS.items() if function.has_pole},
    {"relu", "ramp", "abs", "sign", "step"},
)
SMOOTH = sorted(name for name, of in FUNCTIONS.items() if len(of.slopes) == 1 and name not in POLES | KINKS)
DEFINED = ["clamp({} - 0.123, -0.6, 0.7)", "hardtanh({} + 0.013)", "leaky_relu({} + 0.017)", "elu({})", "gelu({})"]


def formulas(names: list[str]) -> st.SearchStrategy[str]:
    """Texts over these names, finite wherever the names are."""
    leaves = st.sampled_from(names)
    return st.recursive(
        leaves | st.sampled_from(["0.5", "2"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, leaves).map(lambda t: f"{t[0]} / (2 + square({t[1]}))"),
            st.tuples(st.sampled_from(SMOOTH), inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(st.sampled_from(sorted(KINKS)), inner, leaves).map(lambda t: f"{t[0]}({t[1]} + 0.37 * {t[2]})"),
            st.tuples(st.sampled_from(["log", "log1p", "sqrt"]), inner).map(lambda t: f"{t[0]}(1 + square({t[1]}))"),
            st.tuples(st.sampled_from(["exp", "expm1"]), inner).map(lambda t: f"{t[0]}(-square({t[1]}))"),
            st.tuples(st.sampled_from(["max", "min"]), inner, leaves).map(lambda t: f"{t[0]}({t[1]} - 0.123, {t[2]})"),
            st.tuples(inner, st.integers(2, 4)).map(lambda t: f"tanh({t[0]})**{t[1]}"),
            st.tuples(st.sampled_from(DEFINED), inner).map(lambda t: t[0].format(t[1])),
        ),
        max_leaves=5,
    )


# The orders in which the equations may read each other, where the paper's own stay: c reads i, f, g, and h reads o, c.
ORDERS = [(*order, "h") for order in itertools.permutations("ifgoc") if order.index("c") > max(map(order.index, "ifg"))]
BOUNDED = ["sigmoid({})", "tanh({})", "0.5 * silu(tanh({}))"]  # so that nothing multiplies rounding


@st.composite
def cells(draw: st.DrawFn) -> Alteration:
    """Alterations of any equations, with learned coefficients, noise, masks, zoneout and recurrent dropout."""
    declared = {
        "learned": draw(st.sampled_from([[], ["p"], ["p", "q"]])),
        "noise": draw(st.sampled_from([[], [], ["z"], ["z", "y"]])),
        "masks": draw(st.sampled_from([[], [], ["m"], ["m", "n"]])),
    }
    names = [name for group in declared.values() for name in group]
    given = ["a_i", "a_f", "a_g", "a_o", "c_prev", "h_prev", *names]
    order = draw(st.sampled_from(ORDERS))
    own = {}
    for k, name in enumerate(order):
        if draw(st.booleans()):
            own[name] = draw(st.sampled_from(BOUNDED)).format(draw(formulas([*given, *order[:k]])))
    for name in ("current", "hidden"):
        if draw(st.booleans()):
            own[name] = f"tanh({draw(formulas([*given, *order]))})"
    if draw(st.booleans()):
        own["recurrent"] = f"tanh({draw(formulas(['h_prev', *declared['learned'], *declared['masks']]))})"
    if names:  # every declared name must be read
        own["hidden"] = f"{own.get('hidden', 'h')} * (0.5 + 0.1 * tanh({' + '.join(names)}))"
    chances = st.sampled_from([None, None, 0.3])
    groups = {group: dict.fromkeys(names, 0.6) for group, names in declared.items()}
    return Alteration(**own, **groups, zoneout=draw(chances), recurrent_dropout=draw(chances))
