"""Simulated machines with clocks and one shared disk, driven by a seed: the code that runs there is the real one.

Processes are threads of which one runs at a time. Whoever looks at the disk, sleeps or waits hands over to the
simulation, which draws who goes on and when. The files are real, in a folder of the memory disk; the simulation adds
time: slow calls, lost renewals, attributes and lists of names that a machine remembers for too long, stopped and killed
processes, clocks that jump. The same seed gives the same course of events.
"""

import errno
import heapq
import itertools
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

REMEMBERED = 30.0
"""Seconds for which a machine may believe what it once saw of a file, as NFS does of attributes and absent names."""

CHANGES = ("unlink", "rename", "replace", "mkdir", "rmdir", "link")
LOOKS = ("stat", "lstat")


class Killed(BaseException):
    """Ends the threads of a killed process; nothing that they do while they end has an effect."""


@dataclass
class Machine:
    """A machine: its clock is `ahead` of the true time.

    `seen` is what it remembers of files and `listed` the names that it remembers of folders, both with since when.
    """

    name: str
    ahead: float
    seen: dict[str, tuple[float, os.stat_result | None]] = field(default_factory=dict)
    listed: dict[str, tuple[float, list[str]]] = field(default_factory=dict)


@dataclass
class Process:
    """A process of a machine. A killed one is a zombie until its parent asks for it."""

    machine: Machine
    pid: int
    alive: bool = True
    zombie_until: float = 0.0
    stopped_until: float = 0.0
    unrenewed_until: float = 0.0
    looks: int = 0  # at the disk, which have not been answered
    disturbed: bool = False  # something has happened for which it may lose a lease
    open_files: set[int] = field(default_factory=set)
    kept: list[object] = field(default_factory=list)  # a killed process finalizes nothing


class SimulatedThread:
    """A thread of a process; what `threading.Thread` is to the code that runs there."""

    def __init__(self, simulation: "Simulation", process: Process, target: Callable[[], object]):
        self.simulation, self.process = simulation, process
        self.turn = threading.Semaphore(0)
        self.ticket, self.done, self.waiting = 0, False, list[SimulatedThread]()
        self.ident: int | None = None
        self._thread = threading.Thread(target=self._run, args=(target,), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.ident = self._thread.ident
        self.simulation.wake(self)

    def join(self, timeout: float | None = None) -> None:
        if not self.done:
            here = self.simulation.here
            self.waiting.append(here)
            self.simulation.hand_over(timeout)

    def _run(self, target: Callable[[], object]) -> None:
        self.turn.acquire()
        try:
            if self.process.alive:
                target()
        except Killed:
            pass
        except BaseException as error:
            self.simulation.errors.append(error)
        finally:
            self.done = True
            for thread in self.waiting:
                self.simulation.wake(thread)
            self.simulation.back.release()


class SimulatedEvent:
    """Stands for `threading.Event`."""

    def __init__(self, simulation: "Simulation"):
        self.simulation, self._set, self._waiting = simulation, False, list[SimulatedThread]()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        for thread in self._waiting:
            self.simulation.wake(thread)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._waiting.append(self.simulation.here)
            self.simulation.hand_over(timeout)
        return self._set


class Simulation:
    """A course of events.

    Args:
        seed: decides everything.
        disk: the folder that all machines share.

    Attributes:
        now: seconds of true time, which is also the clock of the disk.
        calm: whether nothing goes wrong any more.
        events: how many have been.
        errors: that ended threads.
        stopped_looks: how often a process was stopped or killed between asking the disk and acting on the answer.
    """

    def __init__(self, seed: int, disk: Path):
        self.random, self.disk = random.Random(seed), str(disk)
        self.now, self.calm, self.events = 1e6, False, 0
        self.errors: list[BaseException] = []
        self.stopped_looks = 0
        self.back = threading.Semaphore(0)
        self.processes: list[Process] = []
        self._here: SimulatedThread | None = None
        self._queue: list[tuple[float, int, SimulatedThread | Callable[[], None], int]] = []
        self._number = itertools.count()
        self._cut = self.random.choice([0, 0, 0.001, 0.01])
        self._slow, self._stale = self.random.choice([0, 0, 0.02]), self.random.choice([0, 0, 0.3, 0.9])
        self.tells_folders = self.random.random() < 0.5  # see `_refresh`

    @property
    def here(self) -> SimulatedThread:
        assert self._here is not None
        return self._here

    def process(self, machine: Machine) -> Process:
        self.processes.append(Process(machine, 1000 + len(self.processes)))
        return self.processes[-1]

    def start(self, process: Process, target: Callable[[], object]) -> SimulatedThread:
        thread = SimulatedThread(self, process, target)
        thread.start()
        return thread

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        """Let something happen in so many seconds."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._number), event, 0))

    def wake(self, thread: SimulatedThread, seconds: float = 0.0) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._number), thread, thread.ticket))

    def kill(self, process: Process) -> None:
        process.disturbed = True
        if process.alive:
            process.alive, process.zombie_until = False, self.now + self.random.choice([0, 0, 50])
            process.stopped_until = 0.0

    def cut(self, process: Process) -> None:
        """Kill a process, or stop it for a while."""
        if self.random.random() < 0.3:
            self.kill(process)
        else:
            self.stop(process)

    def stop(self, process: Process) -> None:
        process.disturbed = True
        self.stopped_looks += process.looks
        process.stopped_until = self.now + self.random.choice([1, 15, 59, 61, 75, 90, 200])

    def run(self, most_events: int = 300_000) -> None:
        """Let everything happen until nothing is left."""
        while self._queue:
            when, _, due, ticket = heapq.heappop(self._queue)
            if not isinstance(due, SimulatedThread):
                self.now = max(self.now, when)
                due()
            elif ticket == due.ticket and not due.done:
                if due.process.stopped_until > when:
                    heapq.heappush(self._queue, (due.process.stopped_until, next(self._number), due, ticket))
                    continue
                self.now = max(self.now, when)
                self._here = due
                due.ticket += 1
                due.turn.release()
                self.back.acquire()
                self._here = None
            self.events += 1
            assert self.events < most_events, "this does not end"
        for process in self.processes:
            for number in process.open_files:
                os.close(number)

    def hand_over(self, seconds: float | None) -> None:
        """Let others go on until `seconds` have passed, or somebody wakes this thread."""
        here = self.here
        if not here.process.alive:
            raise Killed
        if seconds is not None:
            self.wake(here, max(seconds, 0.0))
        self.back.release()
        here.turn.acquire()
        if not here.process.alive:
            raise Killed

    def on_disk(self, path: Any) -> bool:
        """Whether a thread of the simulation is here and names a file of the shared disk."""
        return (
            self._here is not None
            and threading.get_ident() == self._here.ident
            and isinstance(path, str | os.PathLike)
            and os.fspath(path).startswith(self.disk)
        )

    def delay(self) -> None:
        """The time that a look at the disk takes; a process may be stopped or killed there, however short it is."""
        if not self.calm and self.random.random() < self._cut:
            self.stopped_looks += 1
            self.cut(self.here.process)
        slow = not self.calm and self.random.random() < self._slow
        self.here.process.disturbed |= slow
        here = self.here.process
        here.looks += 1
        self.hand_over(self.random.uniform(1, 20) if slow else self.random.expovariate(1000))
        here.looks -= 1

    def believes(self, since: float) -> bool:
        """Whether the machine here answers with what it remembers since then."""
        return not self.calm and self.random.random() < self._stale and self.now - since < REMEMBERED


def _look(simulation: Simulation, real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def look(path: Any, *given: Any, **named: Any) -> os.stat_result:
        if not simulation.on_disk(path):
            return real(path, *given, **named)
        simulation.delay()
        key, seen = os.fspath(path), simulation.here.process.machine.seen
        before = seen.get(key)
        if before is None or not simulation.believes(before[0]):
            try:
                before = simulation.now, real(path, *given, **named)
            except FileNotFoundError:
                before = simulation.now, None
            seen[key] = before
        if before[1] is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", key)
        return before[1]

    return look


class Entry(NamedTuple):
    """The part of `os.DirEntry` that the code here uses, of a name that may be gone."""

    name: str
    path: str

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isdir(self.path)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isfile(self.path)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)


class Entries(list[Entry]):
    """The entries of a folder, as `os.scandir` gives them."""

    def __enter__(self) -> "Entries":
        return self

    def __exit__(self, *_: object) -> None: ...


def _listing(simulation: Simulation, real: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def listing(path: Any = ".") -> list[str]:
        if not simulation.on_disk(path):
            return real(path)
        simulation.delay()
        key, listed = os.fspath(path), simulation.here.process.machine.listed
        if key not in listed or not simulation.believes(listed[key][0]):
            listed[key] = simulation.now, real(path)
        return listed[key][1]

    return listing


def _scanning(simulation: Simulation, real: Callable[..., Any]) -> Callable[..., Any]:
    listing = _listing(simulation, os.listdir)

    def scanning(path: Any = ".") -> Any:
        if not simulation.on_disk(path):
            return real(path)
        return Entries(Entry(name, os.path.join(path, name)) for name in listing(path))

    return scanning


def _change(simulation: Simulation, real: Callable[..., Any]) -> Callable[..., Any]:
    def change(path: Any, *given: Any, **named: Any) -> Any:
        if not simulation.on_disk(path):
            return real(path, *given, **named)
        simulation.delay()
        try:
            return real(path, *given, **named)
        finally:
            for name in (path, *given):
                if simulation.on_disk(name):
                    _refresh(simulation, os.fspath(name))

    return change


def _refresh(simulation: Simulation, path: str) -> None:
    """A machine that changes a folder is told the folder's new state, as by NFS, or that of the changed name alone.

    It lists the names there anew in any case, since the folder's time has changed.
    """
    machine, folder = simulation.here.process.machine, os.path.dirname(path)
    machine.listed.pop(folder, None)
    seen = machine.seen
    for key in [key for key in seen if key == path or (simulation.tells_folders and os.path.dirname(key) == folder)]:
        del seen[key]


def _opening(simulation: Simulation, real: Callable[..., int]) -> Callable[..., int]:
    def opening(path: Any, flags: int, *given: Any, **named: Any) -> int:
        if not simulation.on_disk(path):
            return real(path, flags, *given, **named)
        simulation.delay()
        number = real(path, flags, *given, **named)
        simulation.here.process.open_files.add(number)
        if flags & os.O_CREAT:
            _UTIME(number, (simulation.now, simulation.now))
            _refresh(simulation, os.fspath(path))
        simulation.here.process.machine.seen.pop(os.fspath(path), None)  # who opens a file sees what it is now
        return number

    return opening


_UTIME = os.utime


def _touch(simulation: Simulation) -> Callable[..., None]:
    def touch(path: Any, *given: Any, **named: Any) -> None:
        if not isinstance(path, int) or simulation._here is None:
            return _UTIME(path, *given, **named)
        simulation.delay()
        if simulation.now < simulation.here.process.unrenewed_until and not simulation.calm:
            raise OSError(errno.ESTALE, "Stale file handle")
        return _UTIME(path, (simulation.now, simulation.now))

    return touch


def _process_by_pid(simulation: Simulation, pid: int) -> Process:
    for process in simulation.processes:
        same = process.machine is simulation.here.process.machine and process.pid == pid
        if same and (process.alive or simulation.now < process.zombie_until):
            return process
    raise ProcessLookupError(errno.ESRCH, "No such process")


class SimulatedPsutil:
    """The part of psutil that leases use."""

    STATUS_ZOMBIE, NoSuchProcess = psutil.STATUS_ZOMBIE, psutil.NoSuchProcess

    def __init__(self, simulation: Simulation):
        self._simulation = simulation

    def Process(self, pid: int) -> "SimulatedPsutil":  # noqa: N802
        try:
            self._found = _process_by_pid(self._simulation, pid)
        except ProcessLookupError:
            raise psutil.NoSuchProcess(pid) from None
        return self

    def status(self) -> str:
        return "running" if self._found.alive else psutil.STATUS_ZOMBIE


@contextmanager
def simulated(simulation: Simulation) -> Iterator[None]:
    """Give the functions by which programs see time, processes and files their simulated meaning in its threads."""

    def within(real: Callable[..., Any], made: Callable[..., Any]) -> Callable[..., Any]:
        def function(*given: Any, **named: Any) -> Any:
            here = simulation._here
            return made(*given, **named) if here and threading.get_ident() == here.ident else real(*given, **named)

        return function

    def close(number: int) -> None:
        simulation.here.process.open_files.discard(number)
        real_close(number)

    def probe(pid: int, number: int) -> None:
        assert number == 0
        _process_by_pid(simulation, pid)

    real_close = os.close
    with pytest.MonkeyPatch.context() as patch:
        for name in LOOKS:
            patch.setattr(os, name, _look(simulation, getattr(os, name)))
        for name in CHANGES:
            patch.setattr(os, name, _change(simulation, getattr(os, name)))
        patch.setattr(os, "scandir", _scanning(simulation, os.scandir))
        patch.setattr(os, "listdir", _listing(simulation, os.listdir))
        patch.setattr(os, "open", _opening(simulation, os.open))
        patch.setattr(os, "utime", _touch(simulation))
        patch.setattr(os, "close", within(os.close, close))
        patch.setattr(os, "kill", within(os.kill, probe))
        patch.setattr(os, "getpid", within(os.getpid, lambda: simulation.here.process.pid))
        patch.setattr(socket, "gethostname", within(socket.gethostname, lambda: simulation.here.process.machine.name))
        for name in ("monotonic", "perf_counter"):
            patch.setattr(time, name, within(getattr(time, name), lambda: simulation.now))
        wall = within(time.time, lambda: simulation.now + simulation.here.process.machine.ahead)
        patch.setattr(time, "time", wall)
        patch.setattr(time, "sleep", within(time.sleep, simulation.hand_over))
        yield
