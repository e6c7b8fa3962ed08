"""Full disks, jumping clocks, two processes at once and disks of a network: the end has the bits of an undisturbed run.

`PYTHONPATH=. python tests/faults.py 20 disk` fills a disk of real memory so often for each command (it needs root, to
mount it), `20 clock` sets the clock back and forward (it needs Debian's faketime), `20 two` gives each command twice at
once, so that both make one cache, one run or one file, and `20 network` does so on two machines by name, each of which
sees the folder through a mount that remembers for too long (it needs root and Debian's bindfs).
"""

import argparse
import ctypes
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from killed_commands import PAIRS, SCENARIOS, Scenario, serving
from kills import check_nothing_left, output_of, start, try_kills, wait

# Not the studies: under faketime, which cannot be told otherwise, sleeping fails when the clock has jumped.
ALONE = ("text", "market", "stack", "caches", "vader", "download")
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
OFFSET = "FAKETIME_TIMESTAMP_FILE"
LOCKING = ("--multithreaded", "--enable-lock-forwarding")  # else each mount has locks of its own, unlike NFS
REMEMBERING = "attr_timeout=30,entry_timeout=30,negative_timeout=30"
NEW_HOST_NAME = 0x04000000
"""Linux's CLONE_NEWUTS."""

FARTHEST = 14 * 86400
"""Seconds by which the clock jumps at most."""


def on_full_disk(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the command on a disk that may be too small for it, and then make room; whether it was too small."""
    size = kilobytes(folder) + among.randint(4, kilobytes(folder.with_name("whole")))
    mount(folder, f"{'remount,' if folder.is_mount() else ''}size={size}k")
    process = start(scenario, folder)
    code, output = wait(process), output_of(folder).read_text()
    check_nothing_left(process, [])
    assert code in (0, 1), f"exit code {code} with {size} KB: {output[-2000:]}"
    assert "Traceback" not in output, f"with {size} KB: {output[-3000:]}"
    assert code == 0 or output.rstrip().rpartition("\n")[2].strip().startswith("Error: "), output[-3000:]
    mount(folder, "remount,size=64m")
    return code == 1


def kilobytes(folder: Path) -> int:
    return sum(path.stat().st_blocks for path in folder.rglob("*")) // 2


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "lstm-cs-faults", str(folder)], check=True)


def with_clock_jumps(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Set the clock back and forward while the command works."""
    process, over = start(scenario, folder), threading.Event()

    def jump() -> None:
        while not over.wait(among.uniform(0.05, 1.0)):
            Path(os.environ[OFFSET]).write_text(f"{among.randint(-FARTHEST, FARTHEST):+d}\n")

    jumping = threading.Thread(target=jump)
    jumping.start()
    code = wait(process)
    over.set()
    jumping.join()
    assert code == 0, output_of(folder).read_text()[-2000:]
    check_nothing_left(process, [])
    return True


def two_at_once(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the two commands of a pair, the second a moment after the first."""
    processes = [start(scenario._replace(command=PAIRS[scenario.name][0]), folder)]
    time.sleep(among.uniform(0, min(after, 0.5)))
    processes.append(start(scenario._replace(command=PAIRS[scenario.name][1]), folder))
    codes = [wait(process) for process in processes]
    assert codes == [0, 0], output_of(folder).read_text()[-2000:]
    for process in processes:
        check_nothing_left(process, [])
    return True


def on_network_disk(scenario: Scenario, folder: Path, after: float, among: random.Random) -> bool:
    """Give the two commands of a pair on two machines by name, which see one folder through mounts of their own.

    A mount remembers for half a minute which names are there, and what it knows of a file, as NFS's clients do.
    """
    machines = {name: folder.with_name(f"{folder.name}.{name}") for name in ("one", "other")}
    processes, places = [], list(machines.values())
    for (name, place), command in zip(machines.items(), PAIRS[scenario.name], strict=True):
        place.mkdir(exist_ok=True)
        subprocess.run(["bindfs", *LOCKING, "-o", REMEMBERING, str(folder), str(place)], check=True)
        processes.append(start(scenario._replace(command=on_machine(name, command)), place))
        time.sleep(among.uniform(0, min(after, 0.5)))
    codes = [wait(process) for process in processes]
    for process, place in zip(processes, places, strict=True):
        check_nothing_left(process, [])
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    assert codes == [0, 0], "".join(output_of(place).read_text()[-2000:] for place in places)
    return True


def on_machine(name: str, command: Callable[[Path], int]) -> Callable[[Path], int]:
    """The command as it is on a machine with another name: nobody asks the system whether its processes live."""

    def run(folder: Path) -> int:
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_HOST_NAME):
            raise OSError(ctypes.get_errno(), "another host name needs root")
        socket.sethostname(name)
        return command(folder)

    return run


def paired(scenario: Scenario) -> Scenario:
    """The two commands, one after the other."""
    one, other = PAIRS[scenario.name]
    return scenario._replace(command=lambda folder: one(folder) or other(folder))


FAULTS: dict[str, Callable[[Scenario, Path, float, random.Random], bool]] = {
    "disk": on_full_disk,
    "clock": with_clock_jumps,
    "two": two_at_once,
    "network": on_network_disk,
}


def begin_again_under_faketime() -> None:
    """Replace this process by one whose clock a file sets; a monotonic clock stays what it is, as in real life."""
    if not FAKETIME:
        sys.exit("Error: faketime is not installed: apt-get install faketime")
    offset = Path(tempfile.mkstemp(prefix="lstm-cs-clock-")[1])
    offset.write_text("+0\n")
    os.environ |= {"LD_PRELOAD": str(FAKETIME[0]), OFFSET: str(offset), "FAKETIME_NO_CACHE": "1"}
    os.environ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int, help="of each command")
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=ALONE)
    given = parser.parse_args()
    if given.fault == "clock" and OFFSET not in os.environ:
        begin_again_under_faketime()
    failed = 0
    for scenario in SCENARIOS:
        if scenario.name not in ((given.only,) if given.only else ALONE):
            continue
        with tempfile.TemporaryDirectory(prefix="lstm-cs-faults-") as folder, serving():
            try:
                disturbed = paired(scenario) if given.fault in ("two", "network") else scenario
                tally = try_kills(disturbed, given.times, given.seed, Path(folder), FAULTS[given.fault])
                print(
                    f"{given.fault}, {scenario.name}: {tally.kills}, and {tally.too_late} without a fault", flush=True
                )
            except AssertionError as error:
                failed += 1
                print(f"{given.fault}, {scenario.name}: FAILED {error}", flush=True)
            finally:
                for place in Path(folder).iterdir():
                    if place.is_mount():
                        subprocess.run(["umount", "--lazy", str(place)], check=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
