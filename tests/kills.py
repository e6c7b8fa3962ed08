"""Kills real processes at random moments and gives their commands again: the end has the bits of an undisturbed run.

`PYTHONPATH=. python tests/kills.py 100` kills each command so often. A process is a copy of this one, which has
imported what the commands import, so that a kill falls into their work and not into their imports.
"""

import argparse
import csv
import hashlib
import os
import random
import re
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from killed_commands import SCENARIOS, Scenario, cluster, command_line, on_cluster, serving

IGNORED = ("running", "failed")
GRACE = 60.0
"""Seconds within which the processes that a killed one had started end by themselves."""


class Tally(NamedTuple):
    """How often a command was killed, and how often it ended before the kill."""

    kills: int
    too_late: int


def start(scenario: Scenario, folder: Path) -> psutil.Process:
    """Start the scenario's command in a process of its own."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return psutil.Process(pid)
    code = 70
    forkserver._forkserver.__init__()  # type: ignore[misc]  # one that the parent has started is none of the child's
    try:
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = scenario.command(folder)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def finish(scenario: Scenario, folder: Path) -> None:
    """Give the command and let it end."""
    process = start(scenario, folder)
    _, status = os.waitpid(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (folder / "output").read_text()[-2000:]


def killed(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the command and kill it, or some of its processes, after so many seconds; whether they were alive then."""
    if scenario.cluster:
        cluster.complete()
    process = start(scenario, folder)
    end = time.monotonic() + after
    victims: list[psutil.Process] = []
    while not victims:
        time.sleep(0.002)
        if os.waitpid(process.pid, os.WNOHANG) != (0, 0):
            return False
        if time.monotonic() > end:
            victims = scenario.victims(process, among)
    others = [*process.children(recursive=True), *(cluster.workers() if scenario.cluster else [])]
    for each in victims:
        if each.is_running():
            each.kill()
    _, status = os.waitpid(process.pid, 0)
    if scenario.survives:
        assert os.waitstatus_to_exitcode(status) == 0, (folder / "output").read_text()[-2000:]
    psutil.wait_procs(others, timeout=GRACE)
    left = [title for each in others if (title := command_line(each))]
    for each in others:
        if each.is_running():
            each.kill()
    assert not left, f"{scenario.name}: a killed process left {left}"
    return True


def bits(scenario: Scenario, folder: Path) -> dict[str, str]:
    """A hash of each file that the command leaves, but for the seconds and for the name that the tweets' date gives."""
    return {
        re.sub(r"(?<=tweets_vader_)\w+", "", str(path.relative_to(folder))): hashlib.sha256(_content(path)).hexdigest()
        for path in sorted(scenario.files(folder))
        if path.is_file() and path.name not in IGNORED
    }


def _content(path: Path) -> bytes:
    if path.suffix == ".ckpt":
        checkpoint = torch.load(path, weights_only=True)
        weights = checkpoint["state_dict"]
        kept = {name: weights[name].numpy().tobytes() for name in sorted(weights)}
        return repr((checkpoint["epoch"], checkpoint["global_step"], kept)).encode()
    if path.name == "metrics.csv":
        with open(path, newline="") as file:
            return repr([{**row, "seconds": ""} for row in csv.DictReader(file)]).encode()
    return path.read_bytes()


def try_kills(scenario: Scenario, kills: int, seed: int, folder: Path) -> Tally:
    """Kill the scenario's command `kills` times, up to three times in one folder, and compare the ends.

    Raises:
        AssertionError: an end differs from that of an undisturbed run, or processes are left.
    """
    chosen = random.Random(seed)
    whole = folder / "whole"
    for first in (folder / "warm", whole) if scenario.cluster else (whole,):
        first.mkdir(parents=True)
    if scenario.cluster:
        finish(scenario, folder / "warm")  # the nodes get the code
    began = time.monotonic()
    finish(scenario, whole)
    lasts, expected = time.monotonic() - began, bits(scenario, whole)
    assert expected
    done = too_late = rounds = 0
    while done < kills:
        rounds += 1
        broken = folder / f"broken{rounds}"
        broken.mkdir()
        for _ in range(1 if scenario.survives else min(chosen.randint(1, 3), kills - done)):
            if killed(scenario, broken, chosen.uniform(0, lasts), chosen):
                done += 1
            else:
                too_late += 1
        finish(scenario, broken)
        found = bits(scenario, broken)
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        assert not differing, f"{scenario.name}, round {rounds}: {differing}"
    return Tally(done, too_late)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS])
    given = parser.parse_args()
    failed = 0
    for scenario in SCENARIOS:
        if given.only in (None, scenario.name):
            with tempfile.TemporaryDirectory(prefix="lstm-cs-kills-") as folder:
                try:
                    with serving(), on_cluster() if scenario.cluster else nullcontext():
                        tally = try_kills(scenario, given.kills, given.seed, Path(folder))
                    print(f"{scenario.name}: {tally.kills} kills, {tally.too_late} too late", flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"{scenario.name}: FAILED {error}", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
