"""Modes of torch around a call that must see every operation of it, and hooks that take the tensors it saves."""

import torch
from torch.autograd import forward_ad


def follower() -> str:
    """Whatever follows every operation now, as a clause for people; empty if nothing does.

    A compiled loop would pass it by: it has no operations of torch, or others in its second call than in its first.
    """
    if torch.jit.is_tracing():
        return "it is being traced"
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return "it is inside a transform of torch.func or a forward-mode derivative"
    if torch._C._len_torch_dispatch_stack() > 0:
        return "a dispatch mode of torch, such as that of make_fx, follows its operations"
    return ""


_top_hooks = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)  # torch 2.6 has no such function


def saving_is_hooked() -> bool:
    """Whether somebody takes the tensors that autograd saves, as `torch.utils.checkpoint` does, or it is not known."""
    return _top_hooks is None or _top_hooks(True) is not None
