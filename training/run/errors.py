"""What a user can put right."""

import errno
from pathlib import Path

from cells.errors import UserError
from training.run.leases import Holder


class HeldError(UserError):
    """Another process makes the run.

    Args:
        folder: of the run.
        holder: of its lease, if known.
    """

    def __init__(self, folder: Path, holder: Holder | None):
        who = holder or "another process"
        super().__init__(f"{folder} is being made by {who}; the same command again shows what became of it.")


class DiskFullError(UserError):
    """No run can go on.

    Args:
        folder: on the disk.
    """

    def __init__(self, folder: Path):
        super().__init__(
            f"the disk of {folder} is full; make room there and give the same command again, which keeps what is "
            "finished and goes on."
        )


def is_full(error: BaseException | None) -> bool:
    """Whether the reason is a disk, or a quota of it, without room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, RuntimeError) and "unexpected pos" in str(error):  # what torch.save says of it
            return True
        error = error.__cause__ or error.__context__
    return False
