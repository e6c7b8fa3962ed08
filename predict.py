"""Use what train.py trained: `python predict.py RUN "some text"`, or `python predict.py RUN` for the next close."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.saved_run import Trained

EPILOG = """\
examples:
  python predict.py runs/robo/bilstm/C1/seed0_fold0_1a2b3c4d "bring me the red cup"
  python predict.py RUN --file texts.txt --json > answers.jsonl
  cat texts.txt | python predict.py RUN
  python predict.py RUN --data-dir ../shared/data          a run with features=
"""


def main() -> None:
    """Everything the command line asks for; a user's mistake is one line."""
    given = arguments()

    # Torch takes seconds to import: only after everything that --help answers.
    from conf.command_line import one_line_errors

    with one_line_errors(), until_nobody_reads():
        from conf.configuration import is_market
        from inference import saved_run

        run = saved_run.load(given.run)
        forecast(run, given) if is_market(run.config) else label(run, given)


@contextmanager
def until_nobody_reads() -> Iterator[None]:
    """End quietly where what reads the output has ended, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        sys.exit(0)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "predict.py",
        description="Label texts with a trained classifier, or forecast the next close with a trained forecaster.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder, or one with a single run in it")
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to label; - or nothing: lines of standard input")
    parser.add_argument("--file", type=Path, help="label the lines of this file")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with every probability")
    parser.add_argument("--data-dir", help="features= only: the folder with market/ [$LSTM_CS_DATA, or data]")
    parser.add_argument("--end", metavar="DATE", help="features= only: the last day to look at [the run's own]")
    return parser.parse_intermixed_args()


def label(run: "Trained", given: argparse.Namespace) -> None:
    """Print the label and the probabilities of each text."""
    from cells.errors import UserError
    from inference.classify import as_json, as_table, classify

    if given.data_dir or given.end:
        raise UserError(f"--data-dir and --end are for runs with features=; {run.folder.path} labels texts.")
    answers = classify(run, texts(given))
    if given.json:
        for answer in answers:
            print(as_json(answer), flush=True)
    else:
        print(as_table(list(answers)))


def texts(given: argparse.Namespace) -> Iterator[str]:
    """What is to be labelled: the arguments, or the lines of a file or of standard input.

    Raises:
        UserError: there is none, there are two kinds of them, or a file cannot be read.
    """
    from cells.errors import UserError

    if given.file and given.texts:
        raise UserError("texts are given both as arguments and by --file: leave one of them out.")
    if given.texts and given.texts != ["-"]:
        yield from given.texts
        return
    if not given.file and not given.texts and sys.stdin.isatty():
        raise UserError("there is nothing to label; give a text in quotes, --file FILE, or - for standard input.")
    name = given.file or "standard input"
    try:
        with open(given.file or sys.stdin.fileno(), encoding="utf-8") as lines:
            empty = True
            for line in lines:
                empty = False
                yield line.rstrip("\n")
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 ({error.reason}); convert it first.") from error
    if empty:
        raise UserError(f"{name} is empty, there is nothing to label; give one text a line.")


def forecast(run: "Trained", given: argparse.Namespace) -> None:
    """Print the next close, its backtest error, and persistence beside it."""
    from cells.errors import UserError
    from inference.next_close import as_json, as_table, next_close

    if given.texts or given.file:
        raise UserError(f"{run.folder.path} forecasts the market (features={run.config.features.name}); give no text.")
    found = next_close(run, given.data_dir, given.end)
    config = run.config
    print(as_json(found) if given.json else as_table(found, f"{config.model.name} on {config.features.name}"))


if __name__ == "__main__":
    main()
