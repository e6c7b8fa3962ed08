"""The command that writes a trained net as one file: `python -m inference.export RUN`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.saved_run import SavedRun


def main() -> None:
    """Run the command line; a user's mistake is one line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.export",
        description="Write a trained net with its vocabulary as one file for programs without this project.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run, or one above a single run")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write [RUN/model.pt]")
    parser.add_argument("--onnx", action="store_true", help="ONNX [RUN/model.onnx], which needs the extra `export`")
    given = parser.parse_args()

    # Torch takes seconds to import, so answer --help first.
    from conf.mistakes import one_line_errors
    from training.run.startup import uncollected_imports

    with one_line_errors():
        with uncollected_imports():
            from inference.load import load

        run = load(given.run)
        path = given.output or run.folder.path / ("model.onnx" if given.onnx else "model.pt")
        export(run, path, given.onnx)
    print(f"{path}: {path.stat().st_size:,} bytes")


def export(run: "SavedRun", path: Path, onnx: bool) -> None:
    """Write the run's net to `path`, whole or not at all.

    Raises:
        UserError: the net cannot be written in that format, an extra is missing, or `path` cannot be written.
    """
    from cells.errors import UserError
    from inference.formats import to_onnx, to_torchscript

    run.check_export(onnx)
    record = run.folder.record
    origin = {"learnt_from": record.learnt_from, "model": record.model, "cell": record.cell}
    try:
        (to_onnx if onnx else to_torchscript)(run.net, path, {**origin, **run.facts})
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another with -o.") from error


if __name__ == "__main__":
    main()
