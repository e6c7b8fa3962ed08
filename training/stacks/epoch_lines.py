"""The lines of a stack that takes long: its runs print theirs only when they are over."""

import time
from collections.abc import Sequence

from training.run.terminal import print_line
from training.stacks.stacked_run import StackedRun

LINE_INTERVAL = 60.0
"""Seconds without a line of the stack after which its next epoch gets one."""


class EpochLines:
    """Prints which epoch a stack is in, for some of its epochs."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def end_epoch(self, trained: Sequence[StackedRun], seconds: float) -> None:
        """Print a line about an epoch that is over, if the last line is some time ago.

        Args:
            trained: the runs that were trained in it.
            seconds: which it took.
        """
        if time.monotonic() - self.last < LINE_INTERVAL:
            return
        self.last = time.monotonic()
        first = trained[0]
        over = sum(run.is_over for run in trained)
        ended = f", {over} of them ended" if over else ""
        print_line(
            f"{first.folder.record} in a stack of {len(trained)}: epoch {first.epochs} of at most "
            f"{first.config.epochs} took {seconds:.0f} s{ended}"
        )
