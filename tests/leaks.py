"""Makes runs, stacks and sweeps for hours in one process, and notes what that process holds: nothing may pile up.

`PYTHONPATH=. python tests/leaks.py 120 leaks.csv` goes on for 120 minutes; with `--plot leaks.svg` it draws the curves.
`--only TEXT` makes one kind of command alone, and `--most N` ends after N commands of each kind.
"""

import argparse
import csv
import gc
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from conftest import train_here_in

NET = ("model.hidden=8", "lr=0.01", "patience=null", "threads=1", "epochs=2")
TEXT = ("data=robo", "model.embedding=8", *NET)
MARKET = ("features=btc_sent", "source=synthetic", "end='2016-03-01'", *NET)
COMMANDS = {
    "text": (*TEXT, "cell=C1"),
    "market": (*MARKET, "cell=H2"),
    "stack": (*TEXT, "cell=C1", "stack=3"),
    "sweep": ("-m", *TEXT, "cell=baseline,C1"),
    "failing": (*TEXT, "cell.hidden='exp(exp(exp(h + 5)))'"),
    "mistaken": ("data=robo", "epochss=2"),
    "own cell": (*TEXT, "cell.current='c * {:.6f}'"),
}
WARM_UP = 5
"""Commands of each kind that may fill caches, before the growth counts."""


class Held(NamedTuple):
    """A process's holdings: memory in MB, open files, threads, child processes."""

    memory: float
    files: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> "Held":
        """Count, after Python has collected its garbage."""
        gc.collect()
        process = psutil.Process()
        with process.oneshot():
            memory = process.memory_info().rss / 2**20
            return cls(round(memory, 1), process.num_fds(), process.num_threads(), len(process.children()))


MOST = Held(memory=64.0, files=0, threads=0, children=0)
"""How much each may grow: a process keeps the compiled code of each formula, of some 200 in two hours."""


def held_after(commands: dict[str, tuple[str, ...]], end: float, most: int | None, output: Path) -> list[Held]:
    """Give the commands in turn until the time is over, and write down what is held after each round of them."""
    rows, began = list[Held](), time.monotonic()
    with open(output, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["minutes", "rounds", *Held._fields])
        for number in itertools.count():
            if time.monotonic() > end or number == most:
                return rows
            for name, arguments in commands.items():
                with tempfile.TemporaryDirectory(prefix="lstm-cs-leaks-") as folder:
                    own = [argument.format(1 - number / 10_000_000) for argument in arguments]
                    done = train_here_in(Path(folder), *own)
                    assert (done.returncode == 0) == (name not in ("failing", "mistaken")), done.stdout + done.stderr
            rows.append(Held.now())
            table.writerow([round((time.monotonic() - began) / 60, 2), number + 1, *rows[-1]])
            file.flush()


def growth(rows: list[Held]) -> Held:
    """How much more is held in the last tenth of rounds than in the first after the warm-up, at the median."""
    counted = rows[WARM_UP:]
    tenth = max(1, len(counted) // 10)

    def middle(some: list[Held]) -> list[float]:
        return [sorted(column)[len(some) // 2] for column in zip(*some, strict=True)]

    first, last = middle(counted[:tenth]), middle(counted[-tenth:])
    return Held(*(round(after - before, 1) for before, after in zip(first, last, strict=True)))  # type: ignore[arg-type]


def leaked(rows: list[Held]) -> list[str]:
    """Everything that grew by more than may be, with how much."""
    grown = growth(rows)
    return [f"{name} +{grew}" for name, grew, most in zip(Held._fields, grown, MOST, strict=True) if grew > most]


def plot(table: Path, picture: Path) -> None:
    """Draw the columns of a table over the minutes."""
    from matplotlib.figure import Figure

    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(8, 6), layout="constrained")
    minutes = [float(row["minutes"]) for row in rows]
    for axes, name in zip(figure.subplots(len(Held._fields), 1, sharex=True), Held._fields, strict=True):
        axes.plot(minutes, [float(row[name]) for row in rows], linewidth=1)
        axes.set_ylabel(f"{name}, MB" if name == "memory" else name)
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"minutes ({rows[-1]['rounds']} rounds of {len(COMMANDS)} commands)")
    figure.savefig(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", choices=COMMANDS)
    parser.add_argument("--most", type=int)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    commands = {name: own for name, own in COMMANDS.items() if given.only in (None, name)}
    os.environ.setdefault("MPLBACKEND", "Agg")
    rows = held_after(commands, time.monotonic() + 60 * given.minutes, given.most, given.output)
    print(f"{len(rows)} rounds of {len(commands)} commands; growth after the first {WARM_UP}: {growth(rows)}")
    if given.plot:
        plot(given.output, given.plot)
    if piled_up := leaked(rows):
        sys.exit(f"leaked: {', '.join(piled_up)}")


if __name__ == "__main__":
    main()
