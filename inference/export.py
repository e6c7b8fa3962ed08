"""Write a trained net as one file for programs without this project: `python -m inference.export RUN`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.saved_run import Trained


def main() -> None:
    """Run the command line; a user's mistake is one line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.export",
        description="Write a trained net with its vocabulary as one file for programs without this project.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder, or one with a single run in it")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="what to write [RUN/model.pt]")
    parser.add_argument("--onnx", action="store_true", help="ONNX [RUN/model.onnx], which needs the extra `export`")
    given = parser.parse_args()

    # Torch takes seconds to import: only after everything that --help answers.
    from conf.command_line import one_line_errors

    with one_line_errors():
        from inference import saved_run

        run = saved_run.load(given.run)
        path = given.output or run.folder.path / ("model.onnx" if given.onnx else "model.pt")
        export(run, path, given.onnx)
    print(f"{path}: {path.stat().st_size:,} bytes")


def export(run: "Trained", path: Path, onnx: bool) -> None:
    """Write the run's net to `path`, whole or not at all.

    Raises:
        UserError: the net cannot be written in that format, an extra is missing, or `path` cannot be written.
    """
    from cells.errors import UserError
    from conf.configuration import is_market
    from inference.formats import ExportError, to_onnx, to_torchscript

    name = run.config.model.name
    if "checkpoint" in run.config.model:
        raise UserError(f"model={name} cannot be written as one file: its encoder is code of transformers.")
    if onnx and is_market(run.config):
        raise UserError(f"--onnx is for text classifiers; leave it out for model={name}.")
    try:
        (to_onnx if onnx else to_torchscript)(run.net, path, facts(run))
    except ModuleNotFoundError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another with -o.") from error
    except ExportError as error:
        raise UserError(f"model={name}: {error}.") from error


def facts(run: "Trained") -> dict[str, Any]:
    """What it takes to use the net, as plain data: what becomes of a text, or of days, before it and behind it."""
    from omegaconf import OmegaConf

    from conf.configuration import alteration_of, is_market, kind
    from datamodules.texts.preprocess import lookup_tables
    from models.decision import THRESHOLD

    config = run.config
    origin = {"learnt_from": kind(config), "model": config.model.name, "cell": alteration_of(config).name}
    if is_market(config):
        return {**origin, **run.data, **{key: config[key] for key in ("protocol", "window", "horizon")}}
    settings = OmegaConf.to_container(config.preprocess)
    return {
        **origin,
        **run.data,
        "loss": config.loss,
        "threshold": THRESHOLD if config.loss == "sigmoid" else None,
        "padding": config.padding,
        "preprocess": settings,
        "tables": lookup_tables(),
    }


if __name__ == "__main__":
    main()
