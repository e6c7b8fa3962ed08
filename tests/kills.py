"""Kills real processes at random moments and gives their commands again: the end has the bits of an undisturbed run.

`PYTHONPATH=. python tests/kills.py 100` kills each command so often. A process is a copy of this one, which has
imported what the commands import, so that a kill falls into their work and not into their imports.
"""

import argparse
import csv
import hashlib
import http.server
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from conftest import train_here_in

NET = ("model.hidden=8", "lr=0.01", "patience=null", "threads=1", "cell=C1")
TEXT = ("data=robo", "model.embedding=8", *NET, "epochs=6")
MARKET = ("features=btc_sent", "source=synthetic", "end='2016-03-01'", *NET, "epochs=6")
IGNORED = ("running", "failed")
CONTENT = random.Random(0).randbytes(4_000_000)
GRACE = 60.0
"""Seconds within which the processes that a killed one had started end by themselves."""


class Scenario(NamedTuple):
    """A command, as a function of the folder where it runs that returns its exit code, and the files it leaves."""

    name: str
    command: Callable[[Path], int]
    files: Callable[[Path], Iterable[Path]]


def trained(*arguments: str) -> Callable[[Path], int]:
    def command(folder: Path) -> int:
        from training.stacks import trainer

        trainer.SAVE_INTERVAL = 0.0  # a stack keeps its checkpoints so often that a kill finds one
        done = train_here_in(folder, *arguments)
        print(done.stdout, done.stderr, flush=True)
        return done.returncode

    return command


def results(folder: Path) -> Iterable[Path]:
    runs = (folder / "runs").rglob("*")
    return [path for path in runs if path.suffix in (".csv", ".ckpt", ".yaml") or path.name == "finished"]


def caches(folder: Path) -> Iterable[Path]:
    return [*results(folder), *(folder / ".cache").rglob("[!.]*")]


def scored(folder: Path) -> int:
    from datamodules.tweets.daily_file import make_daily_file

    lines = (
        f"2018-01-{1 + k % 28:02d},what a {('good', 'bad', 'great')[k % 3]} day number {k}\n" for k in range(20_000)
    )
    tweets = folder / "tweets.csv"
    if not tweets.exists():
        (folder / "new").write_text("Date,text\n" + "".join(lines))
        (folder / "new").rename(tweets)
    os.chdir(folder)
    make_daily_file(tweets, "vader", folder / ".cache", 2, chunk_size=50_000)
    return 0


def downloaded(folder: Path) -> int:
    from datamodules.download import fetch

    if not (folder / "data.bin").exists():
        digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        fetch(f"http://127.0.0.1:{Slow.port}/data.bin", folder / "data.bin", digest, "none")
    return 0


class Slow(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT in pieces, so that a kill can fall between them."""

    port = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        try:
            for place in range(0, len(CONTENT), 100_000):
                self.wfile.write(CONTENT[place : place + 100_000])
                time.sleep(0.005)
        except OSError:
            pass  # who asked was killed

    def log_message(self, *_: object) -> None:
        pass


STUDY = ("-m", *TEXT, "seed=0,1,2")

SCENARIOS = [
    Scenario("text", trained(*TEXT), results),
    Scenario("market", trained(*MARKET), results),
    Scenario("stack", trained(*TEXT, "stack=3"), results),
    Scenario("caches", trained(*TEXT[:-1], "epochs=1"), caches),
    Scenario("vader", scored, lambda folder: (folder / ".cache").rglob("*.csv")),
    Scenario("download", downloaded, lambda folder: [folder / "data.bin"]),
    Scenario("study", trained(*STUDY, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), results),
    Scenario("submitit", trained(*STUDY, "hydra/launcher=submitit_local"), results),
]


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
    """Give the command and kill it, or one of its processes, after so many seconds; whether it was alive then."""
    process = start(scenario, folder)
    end = time.monotonic() + after
    while time.monotonic() < end and os.waitpid(process.pid, os.WNOHANG) == (0, 0):
        time.sleep(0.002)
    if not psutil.pid_exists(process.pid):
        return False
    children = process.children(recursive=True)
    for each in [process] if among.random() < 0.7 else [*among.sample(children, min(1, len(children))), process]:
        if each.is_running():
            each.kill()
    os.waitpid(process.pid, 0)
    _, left = psutil.wait_procs(children, timeout=GRACE)
    left = [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    for each in left:
        each.kill()
    assert not left, f"{scenario.name}: a killed process left {len(left)} others"
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
    chosen, server = random.Random(seed), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Slow.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    whole = folder / "whole"
    whole.mkdir(parents=True)
    began = time.monotonic()
    finish(scenario, whole)
    lasts, expected = time.monotonic() - began, bits(scenario, whole)
    assert expected
    done = too_late = rounds = 0
    while done < kills:
        rounds += 1
        broken = folder / f"broken{rounds}"
        broken.mkdir()
        for _ in range(min(chosen.randint(1, 3), kills - done)):
            if killed(scenario, broken, chosen.uniform(0, lasts), chosen):
                done += 1
            else:
                too_late += 1
        finish(scenario, broken)
        found = bits(scenario, broken)
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        assert not differing, f"{scenario.name}, round {rounds}: {differing}"
    server.shutdown()
    server.server_close()
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
                    tally = try_kills(scenario, given.kills, given.seed, Path(folder))
                    print(f"{scenario.name}: {tally.kills} kills, {tally.too_late} too late", flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"{scenario.name}: FAILED {error}", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
