"""Root without its rights: a test sees the file modes that a user sees."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_OVERRIDES = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = tuple(
        (f"{name}{word}", ctypes.c_uint32) for word in (0, 1) for name in ("effective", "permitted", "inheritable")
    )


@contextmanager
def unprivileged() -> Iterator[None]:
    """Let this thread read and write only what the modes of files and folders allow their owner.

    Skips the test where root cannot put its rights aside.
    """
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root reads and writes everything, and only Linux lets it put that aside")
    libc = ctypes.CDLL(None, use_errno=True)
    before, header = _Capabilities(), _Header(_VERSION_3, 0)
    if libc.capget(ctypes.byref(header), ctypes.byref(before)):
        pytest.skip(f"root's rights cannot be read: {os.strerror(ctypes.get_errno())}")
    without = _Capabilities.from_buffer_copy(before)
    without.effective0 &= ~_OVERRIDES
    if libc.capset(ctypes.byref(header), ctypes.byref(without)):
        pytest.skip(f"root cannot put its rights aside: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), ctypes.byref(before)) == 0
