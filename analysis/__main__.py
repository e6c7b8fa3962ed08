"""Tables of finished runs: `python -m analysis summary runs`."""

import argparse
import sys
from pathlib import Path

from .results import ResultsError, read
from .summary import summary


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Tables of finished runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("summary", help="mean test scores of each data set, model and cell")
    command.add_argument("runs", type=Path, help="a folder with runs below it, such as runs or runs/robo")
    arguments = parser.parse_args()
    try:
        print(summary(read(arguments.runs)))
    except ResultsError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
