"""Locks that a forked process finds free."""

import os
from typing import Protocol, TypeVar


class _Lock(Protocol):
    def acquire(self) -> bool: ...
    def release(self) -> None: ...


L = TypeVar("L", bound=_Lock)


def held_over_forks(lock: L) -> L:
    """Have `os.fork` take the lock first, and give it back in both processes.

    Otherwise a lock that another thread holds stays taken in the child, where that thread does not exist, and the first
    call that wants it waits for ever. So what the lock guards is complete in the child, too.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
