"""The fields of a task: what a kernel reads, a 64-bit integer each.

An integer is a number, or the address of a matrix that lies row by row.
"""

import ctypes
from collections.abc import Mapping
from typing import TypeAlias

Words: TypeAlias = "ctypes.Array[ctypes.c_int64]"


class Fields:
    """The fields that a pass reads.

    Args:
        names: in the order in which they lie in memory.
        optional: those that may be left out and are 0 then, with the reason why they may.
        in_room: those that tell where something lies in the room of the thread that runs the task, in bytes.
    """

    def __init__(self, names: tuple[str, ...], optional: Mapping[str, str], in_room: tuple[str, ...]) -> None:
        self.names, self.optional, self.in_room = (*names, *in_room), optional, in_room
        names = self.names
        self._known, self._needed = frozenset(names), frozenset(names) - optional.keys()

    def words(self, values: Mapping[str, int]) -> Words:
        """The values as they lie in memory.

        Raises:
            ValueError: a value has an unknown name, or a needed field has no value.
        """
        if unknown := values.keys() - self._known:
            raise ValueError(
                f"no kernel reads {', '.join(sorted(unknown))}: cells/llvm/fields.py has the fields' names"
            )
        if missing := self._needed - values.keys():
            raise ValueError(f"a kernel reads {', '.join(sorted(missing))}, which the task does not give")
        return (ctypes.c_int64 * len(self.names))(*[values.get(name, 0) for name in self.names])


_BOTH = (
    *("inputs", "hidden", "stride"),  # I, H, and the distance of two rows of `out` and of `d_out`
    *("chunks", "chunk_step"),  # chunk k has the steps chunk_step[k] .. chunk_step[k + 1]
    *("start", "count"),  # of each step: its first row and the number of its rows
    *("x", "w_ih", "w_hh", "h0", "c0", "out"),
    "learned",  # [P, H]
    *("noise", "noise_rows"),  # [Q, N, H] and N
    *("masks", "mask_rows"),  # [R, B, H] from the task's first row of the batch on, and B
    "kept",  # 1: `gates` (what the cell keeps) and `c` (c") have all rows; 0: `c` has those of one step
    *("gates", "c"),
)
_OPTIONAL = {
    "learned": "no equation has a learned coefficient",
    **dict.fromkeys(("noise", "noise_rows"), "no equation has noise"),
    **dict.fromkeys(("masks", "mask_rows"), "no equation has a mask"),
}
_H_ITSELF = "W_hh is multiplied by h'"

_NO_BIAS = "the layer has no biases"

FORWARD = Fields(
    (
        *_BOTH,
        *("bias_ih", "bias_hh"),
    ),
    {
        **_OPTIONAL,
        **{
            "bias_ih": _NO_BIAS,
            "bias_hh": _NO_BIAS,
            "gates": "nobody needs them later",
            "chunk_gates": "gates are kept",
        },
        "r": _H_ITSELF,
    },
    (
        "packed",  # W_ih and W_hh in panels
        "chunk_gates",
        "bias",  # the sum of both, [4 H]
        "r",  # of the rows of a step
    ),
)

BACKWARD = Fields(
    (
        *_BOTH,
        *("d_out", "d_h", "d_c"),  # the latter two come as dh" and dc" of the last step and leave as dh0 and dc0
        "d_h0_wanted",
        *("d_x", "d_w_ih", "d_w_hh", "d_bias_ih", "d_bias_hh", "d_learned"),
    ),
    {
        **_OPTIONAL,
        "d_learned": _OPTIONAL["learned"],
        "d_r": _H_ITSELF,
        **dict.fromkeys(("d_x", "d_w_ih", "d_w_hh", "d_bias_ih", "d_bias_hh"), "nobody wants this gradient"),
    },
    (
        "packed",  # W_hh and W_ih in panels
        *("d_gates", "r"),  # da and r of a chunk
        "d_r",  # of the rows of a step
        "sums",  # dW_hh and dW_ih of the chunks so far, [H + I, 4 H]
        "d_bias",  # db of the steps so far, [4 H]
    ),
)
