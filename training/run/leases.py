"""Who makes which run: a lease on its folder, which passes to somebody else when its holder is gone.

A lease is the file `running` in the run's folder. It names its holder, who touches it every few seconds as long as the
process lives. One whose holder is dead is taken over: at once on the holder's own machine, on another one after nobody
touched it for `DURATION` seconds on the clock of the one who waits, so machines need not agree on the time (with
filelock before 4.2, which Python 3.10 has, they do). There is no flock. What is relied on: the file system that the
machines share creates a file for one of them only (O_EXCL), renames whole files, and shows a changed file to who opens
it. Local disks, NFS from version 3 on, Lustre, GPFS and the like do.

A process that stands still for so long that it loses its lease can go on one day. It finds that out before it marks
the run finished. Until then it can only have written what the new holder writes as well: a run is a function of its
configuration.
"""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil
from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

MARKER = "running"

DURATION = float(os.environ.get("LSTM_CS_LEASE", "60"))
"""Seconds after which a lease that nobody touched is free. All processes of a study need the same."""

HEARTBEAT = DURATION / 6
"""Seconds between touches."""

SURE = DURATION + 2 * HEARTBEAT
"""Seconds after which it is known whether a holder lives."""


class Holder(NamedTuple):
    """The process that makes a run."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host} (pid {self.pid})"


class Claim:
    """A run's lease, not yet taken.

    Args:
        folder: of the run, which exists.
    """

    def __init__(self, folder: Path):
        self._lease = SoftFileLease(folder / MARKER, lease_duration=DURATION, heartbeat_interval=HEARTBEAT)

    def take(self) -> bool:
        """Whether the lease is ours now.

        Raises:
            OSError: the folder cannot be written.
        """
        owner = self._lease.owner
        if owner is not None and _is_dead(owner.hostname, owner.pid):
            self._lease.force_break()  # filelock does so too, but takes a zombie for a living process
        try:
            self._lease.acquire(timeout=0.1, poll_interval=0.05)  # a dead holder's takes two looks
        except (Timeout, LeaseSettingsMismatch):
            return False
        return True

    @property
    def is_ours(self) -> bool:
        """Whether nobody took over the lease."""
        return self._lease.compromise is None and self._lease.is_lock_held_by_us

    def release(self) -> None:
        """Give the lease back; the file is gone then, unless it is somebody else's by now."""
        self._lease.release()


def holder(folder: Path) -> Holder | None:
    """Who makes the run, as far as one look can tell; None: nobody who is known to live.

    By this machine's clock: one that is more than `DURATION` ahead takes a living holder for a dead one.
    """
    marker = folder / MARKER
    try:
        age = time.time() - marker.stat().st_mtime
        owner = SoftFileLease(marker, lease_duration=DURATION, heartbeat_interval=HEARTBEAT).owner
    except FileNotFoundError:
        return None
    if owner is None or age > SURE or _is_dead(owner.hostname, owner.pid):
        return None
    return Holder(owner.hostname.partition("?")[0], owner.pid)


def _is_dead(host: str, pid: int) -> bool:
    """Whether a process is known to be; one of another machine, or of another container, never is."""
    if host != socket.gethostname():
        return False
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Look(NamedTuple):
    """What became of leases.

    Attributes:
        held: folders whose lease somebody has.
        cut_off: folders whose holder died.
    """

    held: set[Path]
    cut_off: set[Path]


class Wait:
    """Looks for leases that become free; remembers from look to look when each was touched last."""

    def __init__(self) -> None:
        self._claims: dict[Path, Claim] = {}

    def look(self, folders: Iterable[Path]) -> Look:
        """At the leases of these folders. Those of the dead are gone afterwards."""
        begun = {folder for folder in folders if (folder / MARKER).exists()}
        cut_off = {folder for folder in begun if self._is_free(folder)}
        return Look(begun - cut_off, cut_off)

    def until_one_is_free(self, folders: set[Path]) -> bool:
        """Wait until a lease was given back, or left by a dead holder; False: all holders live."""
        end = time.monotonic() + SURE
        while time.monotonic() < end:
            if not all((folder / MARKER).exists() for folder in folders) or self.look(folders).cut_off:
                return True
            time.sleep(min(1.0, HEARTBEAT))
        return False

    def _is_free(self, folder: Path) -> bool:
        if folder not in self._claims:
            self._claims[folder] = Claim(folder)
        free = self._claims[folder].take()
        if free:
            self._claims[folder].release()
        return free
