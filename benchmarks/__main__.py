"""python -m benchmarks recurrence | products | fit | fits | gpu | kernels: measure on this machine."""

import argparse
import importlib

from benchmarks.shapes import SHAPES
from cells.alterations import NAMED
from conf.mistakes import one_line_errors
from conf.pipes import until_nobody_reads


def main() -> None:
    """Run the command line; a user's mistake is one line."""
    arguments = parser().parse_args()
    with one_line_errors(), until_nobody_reads():
        importlib.import_module(f"benchmarks.{arguments.command}").run(arguments)


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recurrence = commands.add_parser(
        "recurrence", help="one layer: ours, nn.LSTM and other LSTMs, forward and backward"
    )
    recurrence.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="torch's threads [1 2]")
    recurrence.add_argument("--seconds", type=float, default=60, help="for each shape and number of threads [60]")
    numbered = "; ".join(f"{number}: {shape}" for number, shape in enumerate(SHAPES))
    numbers = range(len(SHAPES))
    help = f"which of the shapes [all]: {numbered}"
    recurrence.add_argument("--shapes", type=int, nargs="+", choices=numbers, metavar="N", help=help)
    recurrence.add_argument("--quick", action="store_true", help="a few calls each and no memory: to see that it works")
    recurrence.add_argument("--json", metavar="FILE", help="write every number to this file as well")
    products = commands.add_parser("products", help="the matrix products of a layer: ours and those of torch's BLAS")
    products.add_argument("--seconds", type=float, default=1, help="for each product [1]")
    fit = commands.add_parser("fit", help="an epoch of training by Lightning, and by a bare loop over the same net")
    fit.add_argument("overrides", nargs="*", help="as for train.py [data=mlma]")
    fit.add_argument("--epochs", type=int, default=5, help="of each kind [5]")
    fits = commands.add_parser("fits", help="fits per minute: one by one, in stacks, in processes, with nn.LSTM")
    fits.add_argument("overrides", nargs="*", help="as for train.py [data=mlma]")
    fits.add_argument("--fits", type=int, default=20, help="by each contender [20]")
    fits.add_argument("--epochs", type=int, default=10, help="of each fit [10]")
    fits.add_argument("--stacks", type=int, nargs="*", default=[5, 10], help="sizes to try [5 10]")
    fits.add_argument("--only-stacks", action="store_true", help="leave out what is trained one by one")
    fits.add_argument("--workers", type=int, default=2, help="processes; 1: no contender with processes [2]")
    fits.add_argument("--rounds", type=int, default=2, help="turns of each contender [2]")
    fits.add_argument("--json", metavar="FILE", help="write every number to this file as well")
    gpu = commands.add_parser("gpu", help="one layer on a CUDA device beside cuDNN, with and without TF32")
    gpu.add_argument("--minutes", type=float, default=30, help="shapes not reached by then are not measured [30]")
    gpu.add_argument("--json", metavar="FILE", help="write every number to this file as well")
    kernels = commands.add_parser("kernels", help="what the Triton kernels need of several cards; none has to be there")
    cells = ["baseline", *NAMED]
    kernels.add_argument("--cells", nargs="+", default=cells, metavar="CELL", help="[all that have a name]")
    return parser


if __name__ == "__main__":
    main()
