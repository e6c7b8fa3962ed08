"""Runs tests on one core beside two busy loops, which end with it: `python tests/busy.py -n 0 tests/cells`."""

import os
import signal
import subprocess
import sys

LOOP = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest answers Ctrl-C
while os.getppid() == int(sys.argv[1]):
    pass
"""


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of all that is started below, too
    loops = [subprocess.Popen([sys.executable, "-c", LOOP, str(os.getpid())]) for _ in range(2)]
    tests = subprocess.Popen([sys.executable, "-m", "pytest", *sys.argv[1:]])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sys.exit(tests.wait())
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    main()
