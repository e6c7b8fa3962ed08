"""What came of runs: `python -m analysis tables runs`, and the other commands of --help."""

import argparse
from pathlib import Path

from analysis import market, report, tables
from analysis.status import follow, status
from analysis.summary import summary
from conf.mistakes import one_line_errors


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description="What came of runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "summary", "mean test scores of each data set, model and cell").set_defaults(
        show=lambda given: summary(given.runs)
    )
    _add(commands, "market", "Tables 1-3 of the Bitcoin paper beside the runs, and walk-forward runs").set_defaults(
        show=lambda given: market.as_text(given.runs)
    )
    command = _add(commands, "tables", "every table of both papers beside the runs, and what becomes of the claims")
    command.add_argument("-o", "--output", type=Path, default=Path("tables"), help="folder for the files [tables]")
    command.set_defaults(show=lambda given: tables.write_all(given.runs, given.output))
    command = _add(commands, "report", "one HTML page with pictures and all tables, to be opened from disk")
    command.add_argument("-o", "--output", type=Path, default=Path("report"), help="folder for index.html [report]")
    command.set_defaults(show=lambda given: report.write(given.runs, given.output))
    command = _add(commands, "status", "how far the studies are that train.py makes there, now or at last")
    command.add_argument("--watch", action="store_true", help="keep looking, on one line, until all runs are over")
    command.set_defaults(show=lambda given: follow(given.runs) if given.watch else status(given.runs))
    given = parser.parse_args()
    with one_line_errors():
        print(given.show(given))


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.add_argument("runs", type=Path, help="a folder with runs below it, such as runs or runs/robo")
    return command


if __name__ == "__main__":
    main()
