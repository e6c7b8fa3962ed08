"""The command line: `python -m analysis tables runs` and the other commands of --help."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis import report
from analysis.findings import experiments
from analysis.findings import page as findings
from analysis.status import follow, status
from analysis.study.archiving import archive
from analysis.summary import summary
from analysis.tables import all_tables, market_tables, placebo_table, tuned_table
from conf.mistakes import one_line_errors
from conf.pipes import until_nobody_reads

Command = Callable[[argparse.Namespace], str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and print its answer; a mistake of the user's becomes one line and exit code 1.

    Args:
        arguments: of the command line; None for those of the process.
    """
    given = _parser().parse_args(arguments)
    with one_line_errors(), until_nobody_reads():
        print(given.run(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Results of finished runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, run: Command, several: str | None = None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        what = "a folder with runs below it, such as runs or runs/robo, or an archive of runs, such as results"
        command.add_argument("runs", type=Path, help=what, nargs=several)
        command.set_defaults(run=run)
        return command

    add("summary", "mean test scores of each data set, model and cell", lambda given: summary(given.runs))
    add(
        "market",
        "Tables 1-3 of the Bitcoin paper beside the runs, verdicts on its claims, horizons, and walk-forward runs",
        lambda given: market_tables.as_text(given.runs),
    )
    add(
        "placebo",
        "how often the test calls the placebo, which differs by chance alone, better or worse",
        lambda given: placebo_table.as_text(given.runs),
    )
    add(
        "tuned",
        "each cell with the given settings and with those that tune= found, and the trials behind these",
        lambda given: tuned_table.as_text(given.runs),
    )
    command = add(
        "tables",
        "the papers' tables of results beside the runs, with intervals, and a verdict on each claim",
        lambda given: all_tables.write_all(given.runs, given.output),
    )
    command.add_argument("-o", "--output", type=Path, default=Path("tables"), help="folder for the files [tables]")
    command = add(
        "report",
        "one HTML page with pictures and all tables, to be opened from disk",
        lambda given: report.write(given.runs, given.output),
    )
    command.add_argument("-o", "--output", type=Path, default=Path("report"), help="folder for index.html [report]")
    command = add(
        "findings",
        "docs/RESULTS.md: five findings with a picture each, every claim of both papers, and how sure that is",
        lambda given: findings.write(given.runs, given.output, given.answers),
    )
    command.add_argument("-o", "--output", type=Path, default=Path("docs"), help="folder for RESULTS.md [docs]")
    command.add_argument("--answers", type=Path, help="a file, such as README.md, in which its answers stand as well")
    command = add(
        "experiments",
        "the comments about results at the top of experiment files, as measured",
        lambda given: experiments.write(given.runs, given.output),
    )
    command.add_argument("-o", "--output", type=Path, required=True, help="folder for the files: conf/experiment")
    command = add(
        "archive",
        "the results of runs, or of archives and further runs, in a few small files, which the other commands but "
        "status take in place of the runs",
        lambda given: archive(given.runs, given.output),
        several="+",
    )
    command.add_argument("-o", "--output", type=Path, default=Path("results"), help="folder for the files [results]")
    command = add(
        "status",
        "how far the studies of train.py in this folder are",
        lambda given: follow(given.runs) if given.watch else status(given.runs),
    )
    command.add_argument("--watch", action="store_true", help="keep looking, on one line, until all runs are over")
    return parser


if __name__ == "__main__":
    main()
