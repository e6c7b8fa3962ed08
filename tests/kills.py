"""Kills real processes at random moments and gives their commands again: the end has the bits of an undisturbed run.

`PYTHONPATH=. python tests/kills.py 100` kills each command so often; with `--stop` it stops them by SIGTERM and Ctrl-C
instead. A process is a copy of this one, which has imported what the commands import, so that a kill falls into their
work and not into their imports.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

import psutil
from checkpoint_bits import checkpoint_bits
from killed_commands import SCENARIOS, Scenario, cluster, command_line, on_cluster, serving

from conf.mistakes import one_line_errors

STOPPED = {signal.SIGTERM: (143, -signal.SIGTERM), signal.SIGINT: (130,)}
"""The exit codes of a command that was stopped; it may have ended before the signal."""

GRACE = 600.0
"""Seconds within which the processes that a killed one had started end by themselves: at once, unless others keep the
machine so busy that they do not get to it."""


Disturb = Callable[[Scenario, Path, float, random.Random], bool]


class Tally(NamedTuple):
    """How often a command was killed, how often it ended before the kill, and how many ends went on from an epoch.

    Of a stack, no line says that it goes on.
    """

    kills: int
    too_late: int
    resumed: int


def start(scenario: Scenario, folder: Path) -> psutil.Process:
    """Start the scenario's command in a process of its own."""
    if scenario.cluster:
        cluster.complete()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return psutil.Process(pid)
    code = 70
    os.setsid()  # so that `processes_of` finds what it starts
    forkserver._forkserver.__init__()  # type: ignore[misc]  # one that the parent has started is none of the child's
    try:
        output = os.open(output_of(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with one_line_errors():
            code = scenario.command(folder)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        print(error, file=sys.stderr, flush=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def output_of(folder: Path) -> Path:
    """The file with all that commands in a folder have printed: beside it, since its disk may be full."""
    return folder.with_name(f"{folder.name}.output")


def finish(scenario: Scenario, folder: Path) -> None:
    """Give the command and let it end."""
    process = start(scenario, folder)
    assert wait(process) == 0, output_of(folder).read_text()[-2000:]


def killed(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the command and kill it, or some of its processes, after so many seconds; whether they were alive then."""
    process = start(scenario, folder)
    victims = when_alive(process, after, lambda: scenario.victims(process, among))
    workers = cluster.workers() if scenario.cluster else []
    for each in victims:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    if victims:
        code = wait(process)
        assert code == 0 or not scenario.survives, output_of(folder).read_text()[-2000:]
    check_nothing_left(process, workers)
    return bool(victims)


def stopped(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the command and stop it by SIGTERM or Ctrl-C after so many seconds; whether it did stop.

    A terminal sends Ctrl-C to all processes of the command, `kill -INT` to the command alone.
    """
    process, how = start(scenario, folder), among.choice([signal.SIGTERM, signal.SIGINT])
    to_all = how == signal.SIGINT and among.random() < 0.5
    victims = when_alive(process, after, lambda: processes_of(process) if to_all else [process])
    workers = cluster.workers() if scenario.cluster else []
    for each in victims:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(how)
    code = wait(process) if victims else 0
    output = output_of(folder).read_text()
    assert code in (0, *STOPPED[how]), f"{scenario.name}: exit code {code} after {how.name}: {output[-2000:]}"
    assert "Traceback" not in output, f"{scenario.name}: after {how.name}: {output[-2000:]}"
    check_nothing_left(process, workers)
    return code != 0


def when_alive(
    process: psutil.Process, after: float, victims: Callable[[], list[psutil.Process]]
) -> list[psutil.Process]:
    """The victims, as soon as there are some after so many seconds; empty if the process ended first, with code 0."""
    begin = time.monotonic() + after
    while True:
        time.sleep(0.002)
        pid, status = os.waitpid(process.pid, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0, "it failed before it was killed"
            return []
        if time.monotonic() > begin and (found := victims()):
            return found


def wait(process: psutil.Process) -> int:
    """Wait for the end of a process, and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])


def processes_of(command: psutil.Process) -> list[psutil.Process]:
    """The living processes of a command, which has a session of its own."""
    found = []
    for each in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getsid(each.pid) == command.pid and command_line(each):
                found.append(each)
    return found


def check_nothing_left(command: psutil.Process, workers: list[psutil.Process]) -> None:
    """Wait until all of a command's processes have ended, and its workers on the Ray cluster; kill those that stay.

    Raises:
        AssertionError: some stayed.
    """
    end = time.monotonic() + GRACE
    while left := [*processes_of(command), *(each for each in workers if command_line(each))]:
        if time.monotonic() > end:
            lines = [command_line(each) for each in left]
            for each in left:
                each.kill()
            raise AssertionError(f"a killed process left {lines}")
        time.sleep(0.02)


def bits(scenario: Scenario, folder: Path) -> dict[str, str]:
    """A hash of each file that the command leaves, but for the seconds and for the name that the tweets' date gives."""
    return {
        re.sub(r"(?<=tweets_vader_)\w+", "", str(path.relative_to(folder))): hashlib.sha256(_content(path)).hexdigest()
        for path in sorted(scenario.files(folder))
        if path.is_file()
    }


def _content(path: Path) -> bytes:
    if path.suffix == ".ckpt":
        return repr(checkpoint_bits(path)).encode()
    if path.name == "metrics.csv":
        with open(path, newline="") as file:
            return repr([{**row, "seconds": ""} for row in csv.DictReader(file)]).encode()
    if path.name == "provenance.json":
        made = json.loads(path.read_text())
        return repr({**made, "attempts": made["attempts"][-1]}).encode()  # there is one for each start
    return path.read_bytes()


def try_kills(scenario: Scenario, kills: int, seed: int, folder: Path, how: Disturb = killed) -> Tally:
    """Kill the scenario's command `kills` times, up to three times in one folder, and compare the ends.

    Raises:
        AssertionError: an end differs from that of an undisturbed run, or processes are left.
    """
    chosen = random.Random(seed)
    whole = folder / "whole"
    warm = scenario.cluster or scenario.warm
    for first in (folder / "warm", whole) if warm else (whole,):
        first.mkdir(parents=True)
    if warm:
        finish(scenario, folder / "warm")  # the nodes get the code
    began = time.monotonic()
    finish(scenario, whole)
    lasts, expected = time.monotonic() - began, bits(scenario, whole)
    assert expected
    done = too_late = rounds = resumed = 0
    while done < kills:
        rounds += 1
        broken = folder / f"broken{rounds}"
        broken.mkdir()
        for _ in range(1 if scenario.survives else min(chosen.randint(1, 3), kills - done)):
            if how(scenario, broken, chosen.uniform(0, lasts), chosen):
                done += 1
            else:
                too_late += 1
        finish(scenario, broken)
        resumed += "resuming" in output_of(broken).read_text()
        found = bits(scenario, broken)
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        assert not differing, f"{scenario.name}, round {rounds}: {differing}"
    return Tally(done, too_late, resumed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, help="of each command")
    parser.add_argument("--stop", action="store_true", help="by SIGTERM and Ctrl-C instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS])
    given = parser.parse_args()
    name, how = ("stops", stopped) if given.stop else ("kills", killed)
    failed = 0
    for scenario in SCENARIOS:
        if given.only not in (None, scenario.name) or (given.stop and scenario.survives):
            continue
        with tempfile.TemporaryDirectory(prefix="lstm-cs-kills-") as folder:
            try:
                with serving(), on_cluster() if scenario.cluster else nullcontext():
                    tally = try_kills(scenario, given.kills, given.seed, Path(folder), how)
                print(
                    f"{scenario.name}: {tally.kills} {name}, {tally.too_late} too late, {tally.resumed} resumed",
                    flush=True,
                )
            except AssertionError as error:
                failed += 1
                print(f"{scenario.name}: FAILED {error}", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
