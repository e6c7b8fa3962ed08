"""Imported by the fork server of a `WorkerPool` alone: a process whose parent died amid its start ends without a word.

Its start is the code of `multiprocessing`, which reads what to do from its parent and finds the end of the file.
"""

import sys
from types import TracebackType


def _quiet(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, EOFError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _quiet
