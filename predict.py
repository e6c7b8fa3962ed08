"""Use what train.py trained: `python predict.py RUN "some text"`, or `python predict.py RUN` for the next value."""

import argparse
from pathlib import Path

EPILOG = """\
examples:
  python predict.py runs/robo/bilstm/C1/seed0_fold0_1a2b3c4d "bring me the red cup"
  python predict.py RUN --file texts.txt --json > answers.jsonl
  cat texts.txt | python predict.py RUN
  python predict.py RUN --data-dir ../shared/data          a run with features=
"""


def main() -> None:
    """Run the command line; a user's mistake is one line."""
    given = vars(arguments())

    # Torch takes seconds to import, so answer --help first.
    from conf.mistakes import one_line_errors
    from conf.pipes import until_nobody_reads
    from training.run.startup import uncollected_imports

    with one_line_errors(), until_nobody_reads():
        with uncollected_imports():
            from inference.load import load
            from inference.saved_run import Request

        run = load(given.pop("run"))
        for line in run.answer(Request(**given)):
            print(line, flush=True)


def arguments() -> argparse.Namespace:
    """The command line; the names are those of `inference.saved_run.Request`, and `run`."""
    parser = argparse.ArgumentParser(
        "predict.py",
        description="Label texts with a trained classifier, or forecast the next value with a trained forecaster.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run, or one above a single run")
    texts = "texts to label; - or none: lines of standard input"
    parser.add_argument("texts", nargs="*", default=[], metavar="TEXT", help=texts)  # argparse requires it otherwise
    parser.add_argument(
        "--file", type=Path, help="label the lines of this file; of features=csv, the series to go on from"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line, with every probability")
    parser.add_argument("--data-dir", help="features= only: the folder with market/ [$LSTM_CS_DATA, or data]")
    parser.add_argument("--end", metavar="DATE", help="features= only: the last day to use [the run's own]")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    main()
