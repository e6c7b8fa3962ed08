"""Leases: who trains which run. A lease passes to somebody else when its holder dies.

A lease is the file `running` in the run's folder. It names its holder, which touches it every few seconds while the
process lives. The lease of a dead holder is taken over: on the holder's own machine at once, on another machine after
nobody has touched it for `DURATION` seconds by the clock of whoever waits. So machines need not agree on the time.
There is no flock. We rely on three things: the file system that the machines share creates a file for only one of them
(O_EXCL), renames whole files, and shows a changed file to whoever opens it. Local disks, NFS from version 3 on, Lustre,
GPFS and the like all do.

A process that hangs long enough to lose its lease may wake up later. Then it can write no file of the run any more, see
`training.run.folder.attempt`.
"""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil
from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

LEASE_FILE = "running"
"""The name of a lease in the run's folder."""

DURATION = float(os.environ.get("LSTM_CS_LEASE", "60"))
"""Seconds after which an untouched lease is free. All processes of a study need the same value."""

HEARTBEAT = DURATION / 6
"""Seconds between two touches."""

PATIENCE = DURATION + 2 * HEARTBEAT
"""Seconds of watching after which it is certain whether a holder lives."""

POLL = 1.0
"""Seconds between two looks at leases that are waited for, or one heartbeat if that is less."""


class Holder(NamedTuple):
    """The process that has a lease."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host} (pid {self.pid})"


class Lease:
    """The lease on a run; not yet taken.

    Args:
        folder: the run's, which exists.
    """

    def __init__(self, folder: Path):
        self._file = SoftFileLease(folder / LEASE_FILE, lease_duration=DURATION, heartbeat_interval=HEARTBEAT)

    def take(self) -> bool:
        """Try to take the lease, and return whether it is ours now.

        Raises:
            OSError: the folder cannot be written.
        """
        # A dead holder's lease is filelock's to take over: we cannot remove it without the risk that it is another's by
        # then. A zombie is alive to filelock, so its lease is free only after DURATION.
        try:
            self._file.acquire(timeout=0.1, poll_interval=0.05)  # it takes two looks to take over from a dead holder
        except (Timeout, LeaseSettingsMismatch):
            return False
        return True

    @property
    def is_ours(self) -> bool:
        """Whether we took the lease and nobody has taken it over."""
        return self._file.compromise is None and self._file.is_lock_held_by_us

    def release(self) -> None:
        """Give the lease back. This removes the file, unless somebody else has the lease by now."""
        self._file.release()


def holder(folder: Path) -> Holder | None:
    """Who is training the run, as far as one look can tell; None if nobody is known to.

    The age of a lease is taken by this machine's clock: if that is more than `DURATION` ahead, a living holder looks
    dead.
    """
    file = folder / LEASE_FILE
    try:
        age = time.time() - file.stat().st_mtime
        owner = SoftFileLease(file, lease_duration=DURATION, heartbeat_interval=HEARTBEAT).owner
    except (FileNotFoundError, NotADirectoryError):
        return None
    if owner is None or age > PATIENCE or _is_dead(owner.hostname, owner.pid):
        return None
    return Holder(owner.hostname.partition("?")[0], owner.pid)


def _is_dead(host: str, pid: int) -> bool:
    """Whether a process is known to be dead; never true for one on another machine or in another container."""
    if host != socket.gethostname():
        return False
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class LeaseStates(NamedTuple):
    """The state of some leases.

    Attributes:
        held: folders whose lease somebody has.
        abandoned: folders whose holder died.
    """

    held: set[Path]
    abandoned: set[Path]


class LeaseWatcher:
    """Watches leases until they become free; remembers from look to look when each was last touched."""

    def __init__(self) -> None:
        self._leases: dict[Path, Lease] = {}

    def look(self, folders: Iterable[Path]) -> LeaseStates:
        """The states of the leases on these folders. Leases of dead holders are removed."""
        leased = [folder for folder in dict.fromkeys(folders) if (folder / LEASE_FILE).exists()]
        abandoned = {folder for folder in leased if self._is_free(folder)}
        return LeaseStates(set(leased) - abandoned, abandoned)

    def wait_for_one(self, folders: set[Path]) -> set[Path] | None:
        """Wait until one of these leases is given back or its holder is dead.

        Returns:
            The folders whose holder died, whose leases are removed; None if all holders live.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not all((folder / LEASE_FILE).exists() for folder in sorted(folders)):
                return set()
            if abandoned := self.look(sorted(folders)).abandoned:
                return abandoned
            time.sleep(min(POLL, HEARTBEAT))
        return None

    def _is_free(self, folder: Path) -> bool:
        if folder not in self._leases:
            self._leases[folder] = Lease(folder)
        free = self._leases[folder].take()
        if free:
            self._leases[folder].release()
        return free
