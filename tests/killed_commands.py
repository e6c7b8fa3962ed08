"""The commands that are killed or otherwise disturbed, and what they leave; see `kills` and `faults`."""

import hashlib
import http.server
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from conftest import train_here_in
from own_files import sales
from ray_cluster import Cluster

NET = ("model.hidden=8", "lr=0.01", "patience=null", "threads=1", "cell=C1")
TEXT = ("data=robo", "model.embedding=8", *NET, "epochs=6")
MARKET = ("features=btc_sent", "source=synthetic", "end='2016-03-01'", *NET, "epochs=6")
CONTENT = random.Random(0).randbytes(4_000_000)

Victims = Callable[[psutil.Process, random.Random], list[psutil.Process]]


def command_or_child_too(process: psutil.Process, among: random.Random) -> list[psutil.Process]:
    """The command alone, or before it one of the processes that it started."""
    children = process.children(recursive=True) if among.random() < 0.3 else []
    return [*among.sample(children, min(1, len(children))), process]


def joblib_worker(process: psutil.Process, among: random.Random) -> list[psutil.Process]:
    """One of the workers."""
    workers = [each for each in process.children() if "LokyProcess" in command_line(each)]
    return among.sample(workers, min(1, len(workers)))


def command_line(process: psutil.Process) -> str:
    """The beginning of a process's command line; empty if it has ended."""
    try:
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return " ".join(process.cmdline())[:120] or str(process) if alive else ""
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


class Scenario(NamedTuple):
    """A command that is killed.

    Attributes:
        name: of the scenario.
        command: a function of the folder where it runs that returns its exit code.
        files: what it leaves.
        victims: the processes that are killed; none: it is too early.
        survives: whether the command outlives them, and ends as if nothing had happened.
        cluster: whether it needs the Ray cluster.
        warm: whether it is given once before, so that what it needs lies beside its folder.
    """

    name: str
    command: Callable[[Path], int]
    files: Callable[[Path], Iterable[Path]]
    victims: Victims = command_or_child_too
    survives: bool = False
    cluster: bool = False
    warm: bool = False


def trained(*arguments: str) -> Callable[[Path], int]:
    def command(folder: Path) -> int:
        from training.stacks import trainer

        trainer.SAVE_INTERVAL = 0.0  # a stack keeps its checkpoints so often that a kill finds one
        done = train_here_in(folder, *arguments)
        print(done.stdout, done.stderr, flush=True)
        return done.returncode

    return command


def results(folder: Path) -> Iterable[Path]:
    without = ("events.out.tfevents.", ".studies")  # their names or contents tell the time
    runs = (folder / "runs").rglob("*")
    return [path for path in runs if not any(part.startswith(without) for part in path.relative_to(folder).parts)]


def caches(folder: Path) -> Iterable[Path]:
    return [*results(folder), *(folder / ".cache").rglob("[!.]*")]


def scored(folder: Path) -> int:
    from datamodules.tweets.daily_file import make_daily_file

    lines = (
        f"2018-01-{1 + k % 28:02d},what a {('good', 'bad', 'great')[k % 3]} day number {k}\n" for k in range(20_000)
    )
    tweets = folder.with_name("tweets.csv")
    if not tweets.exists():
        new = tweets.with_suffix(f".{os.getpid()}")
        new.write_text("Date,text\n" + "".join(lines))
        new.rename(tweets)
    os.chdir(folder)
    make_daily_file(tweets, "vader", folder / ".cache", 2, chunk_size=50_000)
    return 0


def downloaded(folder: Path) -> int:
    from datamodules.download import fetch

    if not (folder / "data.bin").exists():
        digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        fetch(f"http://127.0.0.1:{Slow.port}/data.bin", folder / "data.bin", digest, "none")
    return 0


def series_trained(folder: Path) -> int:
    table = folder.with_name("sales.csv")
    if not table.exists():
        new = table.with_suffix(f".{os.getpid()}")
        sales().to_csv(new, index=False)
        new.rename(table)
    return trained("features=csv", f"series.file={table}", "series.date=day", "series.target=units", *NET, "epochs=6")(
        folder
    )


def exported(folder: Path) -> int:
    from inference.export import export
    from inference.load import load

    run = folder.with_name("trained")
    if not (run / "finished").exists():
        trained(*TEXT[:-1], "epochs=1", f"run_dir={run}")(folder)
    for name in ("model.pt", "model.onnx"):
        if not (folder / name).exists():
            export(load(run), folder / name, name.endswith("onnx"))
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


cluster = Cluster()


@contextmanager
def on_cluster() -> Iterator[None]:
    """Let the commands of this block use a Ray cluster."""
    os.environ.update(Cluster.ENVIRONMENT)
    with cluster:
        os.environ["RAY_ADDRESS"] = cluster.address
        yield


def ray_worker(_: psutil.Process, among: random.Random) -> list[psutil.Process]:
    """A worker in the middle of a job, on either node."""
    workers = cluster.workers()
    return among.sample(workers, min(1, len(workers)))


def ray_node(_: psutil.Process, among: random.Random) -> list[psutil.Process]:
    """The node that is not the head, with all that runs there."""
    return cluster.nodes[1].processes() if cluster.workers() else []


@contextmanager
def serving() -> Iterator[None]:
    """Serve CONTENT to the commands of this block."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        Slow.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


STUDY = ("-m", *TEXT, "seed=0,1,2")
JOBLIB = trained(*STUDY, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
RAY = trained(*STUDY, "hydra/launcher=ray")

SCENARIOS = [
    Scenario("text", trained(*TEXT), results),
    Scenario("market", trained(*MARKET), results),
    Scenario("stack", trained(*TEXT, "stack=3"), results),
    Scenario("caches", trained(*TEXT[:-1], "epochs=1"), caches),
    Scenario("vader", scored, lambda folder: (folder / ".cache").rglob("*.csv")),
    Scenario("download", downloaded, lambda folder: [folder / "data.bin"]),
    Scenario("search", trained(*TEXT[:-1], "epochs=2", "tune=3"), results),
    Scenario("series", series_trained, results),
    Scenario("export", exported, lambda folder: folder.glob("model.*"), warm=True),
    Scenario("study", JOBLIB, results),
    Scenario("study's worker", JOBLIB, results, joblib_worker, survives=True),
    Scenario("submitit", trained(*STUDY, "hydra/launcher=submitit_local"), results),
    Scenario("ray", RAY, results, lambda process, _: [process], cluster=True),
    Scenario("ray's worker", RAY, results, ray_worker, survives=True, cluster=True),
    Scenario("ray's node", RAY, results, ray_node, survives=True, cluster=True),
]

PAIRS = {
    **{scenario.name: (scenario.command, scenario.command) for scenario in SCENARIOS},
    "caches": (trained(*TEXT[:-1], "epochs=1"), trained(*TEXT[:-1], "epochs=1", "seed=1")),
}
"""For each scenario two commands that may run at the same time: the same one twice, or runs that share a cache."""
