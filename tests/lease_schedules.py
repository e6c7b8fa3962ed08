"""Leases and retries on simulated machines: several commands want the same runs, and all that can go wrong does.

`PYTHONPATH=. python tests/lease_schedules.py 100000` tries as many schedules; `1 --first SEED` repeats one, and `-v`
prints its events.
"""

import argparse
import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import SoftFileLease
from omegaconf import OmegaConf
from simulated_machines import Machine, Process, SimulatedEvent, SimulatedPsutil, SimulatedThread, Simulation, simulated

from cells.errors import UserError
from training.run.folder import leases, run_folder
from training.run.folder.record import Record
from training.run.folder.run_folder import Member, RunFolder
from training.studies import outcome, worker
from training.studies.outcome import RunOutcome
from training.studies.retries import Retries
from training.studies.study_plan import PlannedRun, StudyPlan

MEMORY_DISK = Path("/dev/shm")
FAULTS_END = 500.0
"""Seconds after which nothing goes wrong any more."""

POLL = 5.0

RESULTS, LAST = ("checkpoints/model.ckpt", "metrics.csv"), "checkpoints/last.ckpt"
"""Files that a run writes; the first and the last of them while it is being trained."""

FILELOCKS_LEASES = sys.modules[SoftFileLease.__module__]
FILELOCKS_FORKS = importlib.import_module(
    "filelock._core._fork" if importlib.util.find_spec("filelock._core") else "filelock._api"
)
"""Filelock's own modules; on Python 3.10, whose last filelock is 4.1.0, they lie elsewhere."""


class OneProcess:
    """The module os, for code that must not notice the simulated numbers of processes: it would see forks."""

    def __init__(self, getpid: Callable[[], int]) -> None:
        self.getpid = getpid

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@dataclass
class Tally:
    """Events of a schedule: who marked each run as finished, and how often each other thing happened."""

    finished: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    events: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)


class DeadWorkerError(Exception):
    pass


class KeptLease(leases.SoftFileLease):  # type: ignore[misc, valid-type]
    """Belongs to its process: one that is killed finalizes nothing."""

    simulation: Simulation

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.simulation.here.process.kept.append(self)

    def __del__(self) -> None:
        pass


class Schedule:
    """The commands of one schedule.

    Args:
        seed: decides everything.
        disk: an empty folder.
    """

    def __init__(self, seed: int, disk: Path):
        self.simulation, self.disk, self.tally = Simulation(seed, disk), disk, Tally()
        self.random = self.simulation.random
        self.machines = [Machine(f"node{k}", self.random.choice([0, 0, 20, -3600, 86400])) for k in range(3)]
        self.training: dict[str, list[Process]] = {}
        self.runs = [f"run{k}" for k in range(self.random.randint(1, 3))]

    def play(self) -> Tally:
        """Let everything happen, then give the command once more where nothing goes wrong.

        Raises:
            AssertionError: a run was made twice to the end, or at once by two undisturbed processes, or is lost, or
                its results are not those of the process that finished it.
        """
        with self._program(), simulated(self.simulation):
            for _ in range(self.random.randint(1, 3)):
                self.simulation.at(self.random.uniform(0, 200), self._command)
            for _ in range(self.random.choice([1, 3, 8, 20])):
                self.simulation.at(self.random.uniform(0, FAULTS_END), self._fault)
            self.simulation.at(FAULTS_END, self._calm)
            self.simulation.at(FAULTS_END + 400, self._command)
            self.simulation.at(FAULTS_END + 3000, self._command)
            self.simulation.run()
        for error in self.simulation.errors:
            raise error
        for run in self.runs:
            assert (self.disk / run / "finished").exists(), f"{run} is lost"
            finishers = self.tally.finished[run]
            assert len(finishers) <= 1, f"{run} was made twice to the end"
            found = [(self.disk / run / name).read_text() for name in RESULTS]
            assert found == finishers * len(RESULTS) or not finishers, f"{run} has results of another attempt"
            assert len(set(found)) == 1, f"{run} has results of several attempts"
            assert not (self.disk / run / LAST).exists(), f"{run} is finished and has a checkpoint to resume from"
        return self.tally

    def _say(self, what: str, about: str = "") -> None:
        self.tally.events[what] += 1
        here = self.simulation._here
        who = f"{here.process.machine.name} {here.process.pid}" if here else "all"
        self.tally.story.append(f"{self.simulation.now - 1e6:9.3f} {who}: {what} {about}")

    def _calm(self) -> None:
        self.simulation.calm = True
        for process in self.simulation.processes:
            process.stopped_until = 0.0
        for machine in self.machines:
            machine.seen.clear()

    def _fault(self) -> None:
        living = [process for process in self.simulation.processes if process.alive]
        machine, process = self.random.choice(self.machines), self.random.choice(living) if living else None
        what = self.random.choice(["kill", "stop", "stop", "lose renewals of", "change the clock of"])
        if what == "change the clock of":
            machine.ahead += self.random.choice([-7200, -61, -5, 5, 61, 7200])
        elif process is None:
            return
        elif what == "kill":
            self.simulation.kill(process)
        elif what == "stop":
            self.simulation.stop(process)
        else:
            process.disturbed = True
            process.unrenewed_until = self.simulation.now + self.random.choice([11, 35, 59, 65, 120])
        self._say(what, machine.name if process is None or "clock" in what else str(process.pid))

    def _command(self) -> None:
        """Somebody gives the command on one of the machines, and again if it was killed."""
        launcher = self.random.choice([self._alone, self._joblib, self._cluster])
        process = self.simulation.process(self.random.choice(self.machines))
        thread = self.simulation.start(process, lambda: self._study(launcher))

        def again_if_killed() -> None:
            if not process.alive:
                self._command()
            elif not thread.done:
                self.simulation.at(100, again_if_killed)

        self.simulation.at(100, again_if_killed)

    def _study(self, launch: Callable[[list[list[PlannedRun]]], list[list[RunOutcome]]]) -> None:
        planned = []
        for k, run in enumerate(self.runs):
            if not self._folder(run).is_finished():
                planned.append(PlannedRun((run,), (), OmegaConf.create({}), k, 0, self.disk / run))
        self._say("begin a command", f"with {len(planned)} runs to do")
        retries = Retries(planned, launch, 1, None, separate=launch != self._alone)
        found = retries.run()
        try:
            outcome.conclude(StudyPlan(planned, [], Counter()), found, in_full=True)
            self._say("end a command")
        except UserError as error:
            self._say("end a command with an error", str(error))

    def _folder(self, run: str) -> RunFolder:
        about = {"data": {"name": run}, "model": {"name": "lstm"}, "cell": {"current": None}, "seed": 0, "fold": 0}
        return RunFolder(self.disk / run, Record(about))

    def _work(self, job: list[PlannedRun]) -> list[RunOutcome]:
        return worker._work_in_study(job)  # type: ignore[arg-type]  # _members turns it into runs

    def _alone(self, jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        return [self._work(job) for job in jobs]

    def _joblib(self, jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        """Two workers on this machine, which all end when one dies."""
        return self._launch(jobs, [self.simulation.here.process.machine] * 2, die_together=True)

    def _cluster(self, jobs: list[list[PlannedRun]]) -> list[list[RunOutcome]]:
        """A worker for each job, on any machine."""
        return self._launch(jobs, [self.random.choice(self.machines) for _ in jobs], die_together=False)

    def _launch(
        self, jobs: list[list[PlannedRun]], machines: list[Machine], die_together: bool
    ) -> list[list[RunOutcome]]:
        left, results = list(enumerate(jobs)), dict[int, list[RunOutcome]]()

        def work() -> None:
            while left:
                k, job = left.pop(0)
                results[k] = self._work(job)

        def work_one(k: int) -> None:
            results[k] = self._work(jobs[k])

        launcher = self.simulation.here.process
        workers = [self.simulation.process(machine) for machine in machines]
        tasks = [work] * len(workers) if die_together else [lambda k=k: work_one(k) for k in range(len(workers))]
        threads = [self.simulation.start(process, task) for process, task in zip(workers, tasks, strict=True)]
        while not all(thread.done or not thread.process.alive for thread in threads):
            if die_together and not all(process.alive for process in workers):
                break
            self.simulation.at(1.0, lambda: self._end_orphans(launcher, workers) if die_together else None)
            time.sleep(1.0)
        dead = [process for process in workers if not process.alive]
        if dead and die_together:
            for process in workers:
                self.simulation.kill(process)
        if dead:
            raise DeadWorkerError("a worker was killed")
        return [results[k] for k in range(len(jobs))]

    def _end_orphans(self, launcher: Process, workers: list[Process]) -> None:
        if not launcher.alive:
            for process in workers:
                self.simulation.kill(process)

    def _train(self, members: list[Member]) -> None:
        """In place of training: takes its time, then writes the results as a run does."""
        for member in members:
            name = member.folder.path.name
            self._say("train", name)
            here = self.simulation.here.process
            both = [other for other in self.training.get(name, []) if not (here.disturbed or other.disturbed)]
            # Who stands still for a minute between looking at its lease and removing it removes another's, which then
            # notices. Apart from that, nobody undisturbed loses a run.
            if both and not self.simulation.stopped_looks:  # an exception would be the run's failure
                self.simulation.errors.append(AssertionError(f"{name} is trained twice at once, undisturbed"))
            self.training.setdefault(name, []).append(here)
            own = f"trained by process {here.pid}\n"  # in a smaller stack, for example, which rounds otherwise
            for _ in range(3):
                time.sleep(self.random.uniform(1, 40))
                for checkpoint in (RESULTS[0], LAST):
                    member.folder.write(checkpoint, own)
            member.folder.check_lease()
            for result in RESULTS:
                member.folder.write(result, own)
            member.folder.finish()
            self.training[name].remove(here)
            self.tally.finished[name].append(own)
            self._say("finish", name)

    @contextmanager
    def _program(self) -> Iterator[None]:
        """The real program, but for training, terminals and what Hydra would say."""
        simulation, loaded = self.simulation, dict[str, Any]()

        def load(path: Path) -> Any:
            text = path.read_text()
            if text not in loaded:
                loaded[text] = OmegaConf.to_container(OmegaConf.create(text))
            return loaded[text]

        def thread(target: Callable[[], object], **_: Any) -> SimulatedThread:
            return SimulatedThread(simulation, simulation.here.process, target)

        def members(job: list[PlannedRun], replicates: Any) -> list[Member]:
            return [Member(run.config, self._folder(run.overrides[0])) for run in job]

        KeptLease.simulation = simulation
        hook = threading.excepthook
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FILELOCKS_FORKS, "os", OneProcess(os.getpid))
            patch.setattr(FILELOCKS_LEASES, "Thread", thread)
            patch.setattr(FILELOCKS_LEASES, "Event", lambda: SimulatedEvent(simulation))
            patch.setattr(leases, "SoftFileLease", KeptLease)
            patch.setattr(leases, "psutil", SimulatedPsutil(simulation))
            patch.setattr(leases, "POLL", POLL)
            plain = SimpleNamespace(load=load, to_container=lambda values: values, create=OmegaConf.create)
            patch.setattr(run_folder, "OmegaConf", plain)
            patch.setattr(worker.Job, "current", lambda: _Job())
            patch.setattr(worker, "_members", members)
            patch.setattr(worker, "_fit", self._train)
            for name in ("print_start", "print_outcome"):
                patch.setattr(worker, name, lambda *_: None)
            patch.setattr(outcome, "print", lambda *_, **__: None, raising=False)
            try:
                yield
            finally:
                threading.excepthook = hook


class _Job:
    launcher, replicates = 0, ()

    def check_machine(self) -> None:
        pass


def play(seed: int, verbose: bool = False) -> Tally:
    """Play the schedule of a seed in an empty folder."""
    memory = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="lstm-cs-") as disk:
        schedule = Schedule(seed, Path(disk))
        try:
            return schedule.play()
        finally:
            if verbose:
                print("\n".join(schedule.tally.story))


def _stay_on_one_core() -> None:
    """One thread at a time runs, and to hand over to a thread on another core takes twice as long."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schedules", type=int)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the events")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    _stay_on_one_core()
    failed, events, began = [], Counter[str](), time.monotonic()
    for seed in range(given.first, given.first + given.schedules):
        try:
            events += play(seed, given.verbose).events
        except BaseException as error:
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            failed.append(seed)
            if isinstance(error, KeyboardInterrupt):
                break
        if seed % 1000 == 999:
            print(
                f"{seed + 1 - given.first} schedules, {len(failed)} failed, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    print(f"{given.schedules} schedules, {len(failed)} failed {failed[:10]}; {dict(events)}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
