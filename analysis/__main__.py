"""Tables of finished runs: `python -m analysis summary runs`."""

import argparse
import sys
from pathlib import Path

from . import market
from .results import ResultsError, read
from .summary import summary


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Tables of finished runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, table, text in (
        ("summary", lambda runs: summary(read(runs)), "mean test scores of each data set, model and cell"),
        ("market", market.report, "Tables 1-3 of the Bitcoin paper beside the runs, and walk-forward runs"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("runs", type=Path, help="a folder with runs below it, such as runs or runs/robo")
        command.set_defaults(table=table)
    arguments = parser.parse_args()
    try:
        print(arguments.table(arguments.runs))
    except ResultsError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
