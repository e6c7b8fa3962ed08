"""Errors of a run that a user can put right."""

from collections.abc import Iterator
from pathlib import Path

from cells.errors import UserError
from datamodules.files import FULL
from training.run.folder.leases import Holder


class DivergedError(UserError):
    """The loss is no longer a finite number.

    Args:
        loss: NaN or infinite.
        epoch: in which it became so.
        lr: the learning rate.
        layer: with which it began, see `divergence.odd_layer`; empty if that is not known.
    """

    def __init__(self, loss: float, epoch: int, lr: float, layer: str = ""):
        where = f", which began in layer {layer}" if layer else ""
        super().__init__(f"the loss is {loss} in epoch {epoch}{where}; try a smaller lr (now {lr}) or another cell.")


class HeldError(UserError):
    """Another process holds the run's lease.

    Args:
        folder: the run's.
        holder: the process, if known.
    """

    def __init__(self, folder: Path, holder: Holder | None):
        who = holder or "another process"
        super().__init__(f"{folder} is being trained by {who}; give the same command again to see what became of it.")


class DiskFullError(UserError):
    """The disk is full, so no run can go on.

    Args:
        folder: a folder on that disk.
    """

    def __init__(self, folder: Path):
        super().__init__(
            f"the disk of {folder} is full; make room there and give the same command again, which keeps what is "
            "finished and goes on."
        )


class MemoryFullError(UserError):
    """A run needs more memory than there is.

    Args:
        error: of the allocation.
    """

    def __init__(self, error: BaseException):
        first = str(error).strip().partition("\n")[0].rstrip(". ")
        super().__init__(
            f"there is not enough memory ({first}); choose a smaller batch_size=, smaller sizes below model=, or "
            "another machine."
        )


def is_memory_full(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of its GPU, could not be allocated."""
    told = isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error))
    return told or isinstance(error, MemoryError)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a disk or a quota is full."""
    return any(_says_disk_full(each) for each in _led_to(error))


def full_folder(error: BaseException, otherwise: Path) -> Path:
    """A folder on the disk that is full: that of the file which an error names, or `otherwise` where none does."""
    names = [each.filename for each in _led_to(error) if isinstance(each, OSError) and _says_disk_full(each)]
    return next((Path(name).parent for name in names if isinstance(name, str)), otherwise)


def _led_to(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _says_disk_full(error: BaseException) -> bool:
    if isinstance(error, RuntimeError) and "unexpected pos" in str(error):  # torch.save's words for it
        return True
    return isinstance(error, OSError) and error.errno in FULL
