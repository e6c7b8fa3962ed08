"""Every command and every block of Python in README and docs works."""

import argparse
import ast
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import PROJECT
from documented import PAGES, Block, blocks, commands
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from text_data import lay_out

from conf.checks import check
from conf.compose import CONF, composed
from datamodules.market import synthetic
from datamodules.market.yahoo_layout import MARKETS, DateRange


class Runs(NamedTuple):
    """A command that a test of this file runs.

    Attributes:
        more: arguments added to the documented ones, for a small and quick run.
        replaced: words of the command and their substitutes; PATTERN/* becomes the first finished run found there.
    """

    more: str = ""
    replaced: Mapping[str, str] = {}


class Composes(NamedTuple):
    """A command of train.py that cannot run in a test, for the reason `why`: its keys and values are checked."""

    why: str


class Parses(NamedTuple):
    """A command that cannot run in a test, for the reason `why`: its program parses the arguments."""

    why: str


class IsTestedBy(NamedTuple):
    """A command that another test runs, "FILE::FUNCTION"; every word of the command has to occur in that file."""

    test: str


TINY = "epochs=1 model.embedding=4 model.hidden=4"
SETS = f"{TINY} n_folds=3 preprocess.min_count=1"
MARKET = "epochs=1 model.hidden=4 start=2015-01-01 end=2015-09-30"
RUN = {"RUN": "runs/robo/bilstm/C1/*"}
HOURS = "it trains for hours"
FEW = "the fixtures have too few documents"
CLUSTER = "it needs a cluster"
INSTALLS = "it installs packages"
EXTRA = "it needs an extra"
REVIEWS = "data=csv data.file=reviews.csv data.text=review data.label=grade"

COMMANDS: Mapping[str, Runs | Composes | Parses | IsTestedBy] = {
    # README.md
    "make demo": Parses("it trains for a minute"),
    "make test": Parses("it runs this test"),
    "python train.py cell=C1 data=robo": Runs(TINY),
    "python train.py -m cell=baseline,C1,H2 data=robo seed=0,1": Runs(TINY),
    "python train.py data=robo \"cell.current='c * relu(o)'\"": Runs(TINY),
    "python train.py features=csv series.file=sales.csv series.date=day series.target=units": Runs(
        "epochs=1 model.hidden=4"
    ),
    "python train.py recipe=paper data=hate": Runs(SETS),
    "python train.py experiment=study_small": Runs(f"{TINY} data=robo seed=0 fold=0 cell=baseline,C7"),
    "python train.py tune=20 data=robo cell=baseline,C1": Runs(TINY, {"tune=20": "tune=2"}),
    "python -m analysis summary runs": Runs(),
    "python -m analysis tables runs -o tables": Runs(),
    "python -m analysis report runs -o report": Runs(),
    'python predict.py RUN "bring me the red cup"': Runs(replaced=RUN),
    "python -m datamodules csv data.file=reviews.csv": Runs(),
    f"python train.py -m {REVIEWS} cell=baseline,C1 seed=0,1,2 fold=0,1": Runs(
        SETS, {"seed=0,1,2": "seed=0", "fold=0,1": "fold=0"}
    ),
    "python -m analysis tables runs/reviews -o tables": Runs(),
    "python -m datamodules mlma": Runs("n_folds=3 preprocess.min_count=1"),
    "tensorboard --logdir runs": Parses("it serves until it is stopped"),
    # CONTRIBUTING.md
    "make quick": Parses("it runs tests"),
    "make check": Parses("it lints and type-checks"),
    "make notebooks": Parses("tests/test_notebooks.py runs them"),
    "make soak": Parses(HOURS),
    "make results": Parses("tests/analysis/test_findings.py and test_experiments.py compare what it writes"),
    "make busy": Parses(HOURS),
    "make processors": Parses(HOURS),
    # docs/beside_the_papers.md
    "python train.py data=crowd patience=null test_epoch=last epochs=10": Runs(f"{SETS} epochs=1"),
    # docs/bitcoin.md
    "python train.py -m window=7,30,90 features=btc_sent data_dir=../shared/data": Runs(
        MARKET, {"data_dir=../shared/data": "data_dir=data"}
    ),
    "python train.py features=btc source=synthetic": Runs(MARKET),
    "python -m analysis market runs": Runs(),
    "python train.py experiment=market_horizons": Composes(HOURS),
    "python train.py -m target=volatility protocol=walk_forward features=btc,btc_messages fold=0,1,2 n_folds=3": Runs(
        f"{MARKET} end=2016-06-30 source=synthetic fold=2"
    ),
    "python -m datamodules.sentiment FILE": IsTestedBy(
        "tests/datamodules/test_sentiment.py::test_the_command_prints_what_it_counted_and_where_the_result_is"
    ),
    "python -m datamodules.sentiment FILE --cost": IsTestedBy(
        "tests/datamodules/tweets/test_prepare.py::test_the_command_prints_what_each_step_costs"
    ),
    # docs/cells.md
    "python train.py data=robo \"cell.current='c * relu(o)'\" \"cell.hidden='h * sigmoid(c)'\"": Runs(TINY),
    "python train.py data=robo cell=CIFG+C1": Runs(TINY),
    "python train.py data=robo \"cell.o='sigmoid(a_o + p * c)'\" cell.learned.p=0 cell.zoneout=0.1": Runs(TINY),
    # docs/data-sets.md
    "python train.py data=ag data.instead=text/ag/train_partial.csv": Runs(SETS),
    "python train.py data=mlma data.corpus.member=en_dataset_with_stop_words.csv": Runs(SETS),
    "python train.py data=crowd data.corpus.classes=13": Runs(SETS),
    "python train.py data=hate preprocess.min_words=4 preprocess.duplicates=drop": Composes(FEW),
    "python train.py data=ag preprocess.min_count=13 preprocess.tfidf_terms=4730": Composes(FEW),
    f"python -m datamodules {REVIEWS.removeprefix('data=')}": Runs("n_folds=3"),
    f"python train.py {REVIEWS}": Runs(f"{SETS} fold=1"),
    f"python train.py -m {REVIEWS} cell=baseline,C1,H2 seed=0,1,2 fold=0,1": Composes(
        "a page above has nearly the same"
    ),
    "python train.py data=csv data.file=avis.csv data.text=avis data.label=note preprocess.language=french "
    "preprocess.stem=true": Composes(EXTRA),
    "python train.py data=hf data.path=my_folder data.text=text data.label=label": Composes(EXTRA),
    # docs/install.md
    "pip install ./cells": Parses(INSTALLS),
    'pip install -e "./cells[study]" -e .': Parses(INSTALLS),
    'pip install -e ".[bert]"': Parses(INSTALLS),
    "make help": Parses("it prints the targets"),
    "make demo PYTHON=python3.12": Parses("it needs that Python"),
    "make versions": Parses("it asks a package registry"),
    "make versions VERSIONS=oldest": Parses(INSTALLS),
    "make audit": Parses("it asks for known vulnerabilities"),
    "make demo TORCH_INDEX=https://download.pytorch.org/whl/cu128": Parses(INSTALLS),
    "make demo TORCH_INDEX=https://download.pytorch.org/whl/nightly/cu130 CONSTRAINTS=/dev/null": Parses(INSTALLS),
    # docs/many-machines.md
    'pip install -e ".[joblib]"': Parses(INSTALLS),
    'pip install -e ".[slurm]"': Parses(INSTALLS),
    'pip install -e ".[ray]"': Parses(INSTALLS),
    "python train.py -m hydra/launcher=joblib cell=baseline,C1 data=robo seed=0,1": Runs(TINY),
    "python train.py experiment=table05_mlma hydra/launcher=submitit_slurm hydra.launcher.partition=short": Composes(
        CLUSTER
    ),
    "python -m analysis status runs": Runs(),
    "python train.py hydra/launcher=submitit_slurm --cfg hydra -p hydra.launcher": Runs(),
    "ray start --head --port=6379": Parses(CLUSTER),
    "ray start --address=HEAD:6379": Parses(CLUSTER),
    "ray status": Parses(CLUSTER),
    "ray stop": Parses(CLUSTER),
    "python train.py -m hydra/launcher=ray cell=baseline,C1 data=robo seed=0,1 epochs=2": Composes(CLUSTER),
    # docs/series.md
    "python predict.py runs/sales": Runs(),
    "python -m datamodules series series.file=sales.csv series.date=day series.target=units": Runs(),
    "python train.py -m features=csv series.file=sales.csv series.date=day series.target=units cell=baseline,C1 "
    "seed=0,1 fold=0,1,2,3": Runs("epochs=1 model.hidden=4", {"seed=0,1": "seed=1", "fold=0,1,2,3": "fold=2,3"}),
    "python -m analysis tables runs/sales -o tables": Runs(),
    "python -m analysis report runs/sales": Runs(),
    'pip install -e ".[series]"': Parses(INSTALLS),
    "python train.py features=symbols series.symbols=[ETH-USD,GC=F] series.target=ETH-USD": Runs(MARKET),
    # docs/stacks.md
    "python train.py data=robo cell=C1 stack=100": Runs(f"{TINY} seed=6 fold=0,1", {"stack=100": "stack=2"}),
    "python train.py data=robo cell=C1 stack.seeds=3 stack.folds=2": Runs(f"{TINY} seed=3"),
    "python train.py experiment=table04_robo stack=20": Runs(f"{TINY} seed=8 fold=0,1 cell=C1"),
    # docs/studies.md
    "python train.py -m cell=baseline,C1 data=robo logger=csv": Runs(f"{TINY} seed=9"),
    'pip install -e ".[mlflow]"': Parses(INSTALLS),
    'pip install -e ".[tune]"': Parses(INSTALLS),
    "python train.py tune=20 tune.folds=2 data=hate cell=baseline,C1,C2,H2 seed=0,1,2 fold=0,1,2 stack=9": Runs(
        f"{TINY} seed=3",
        {"tune=20": "tune=1", "data=hate": "data=robo", "cell=baseline,C1,C2,H2": "cell=C1"},
    ),
    "python -m analysis tuned runs": Runs(),
    'pip install -e ".[wandb]"': Parses(INSTALLS),
    "python train.py experiment=table05_mlma": Composes(HOURS),
    "python train.py experiment=table05_mlma seed=0,1 fold=0 cell=baseline,C1": Composes(HOURS),
    "python train.py -m cell=baseline,placebo data=robo seed=0,1,2 fold=0,1,2": Runs(
        TINY, {"seed=0,1,2": "seed=0,1", "fold=0,1,2": "fold=0,1"}
    ),
    "python -m analysis placebo runs": Runs(),
    "python -m analysis archive runs -o results": Runs(),
    "python -m analysis archive results runs -o results": IsTestedBy(
        "tests/analysis/test_archive.py::test_an_archive_is_extended_by_further_runs"
    ),
    "python -m analysis findings results -o docs": Runs(),
    "python -m analysis experiments results -o conf/experiment": Runs(),
    # docs/trained-nets.md
    'python predict.py runs/robo/bilstm/C1 "bring me the red cup"': Runs(replaced={"runs/robo/bilstm/C1": RUN["RUN"]}),
    "python predict.py RUN --file texts.txt --json": Runs(replaced=RUN),
    "python predict.py RUN --data-dir ../shared/data": Runs(
        replaced={"RUN": "runs/btc_sent/lstm/baseline/*", "../shared/data": "data"}
    ),
    "python predict.py RUN --file newer.csv": Runs(replaced={"RUN": "runs/sales/lstm/baseline/*"}),
    "python -m inference.export RUN": Runs("-o model.pt", RUN),
    "python -m inference.export RUN --onnx": IsTestedBy(
        "tests/inference/test_export.py::test_an_onnx_file_says_what_it_is_too"
    ),
    # benchmarks/README.md
    "python -m benchmarks recurrence": Runs("--quick --shapes 0 --threads 1"),
    "python -m benchmarks products": Runs("--seconds 0.01"),
    "python -m benchmarks recurrence --threads 2": Parses("it measures for minutes"),
    "python -m benchmarks fit": Runs("data=robo model.embedding=4 model.hidden=4 --epochs 1"),
    "make kernels VENV=.venv-triton": Parses("it needs Triton and takes an hour and a half"),
    "python -m benchmarks kernels": Parses("it needs Triton and compiles for minutes"),
    "python -m benchmarks gpu": Parses("it needs a GPU"),
    "make wheels": Parses(INSTALLS),
    "sh benchmarks/card.sh -d ../shared/data": IsTestedBy(
        "tests/benchmarks/test_card.py::test_without_a_card_nothing_is_measured"
    ),
    "sh benchmarks/card.sh -d ../shared/data -w wheels": IsTestedBy(
        "tests/benchmarks/test_card.py::test_each_part_says_whether_it_was_measured"
    ),
    "sh benchmarks/card.sh -d ../shared/data gpu": IsTestedBy(
        "tests/benchmarks/test_card.py::test_single_parts_are_run_in_the_order_of_the_script"
    ),
    "python -m benchmarks fit data=mlma": Parses("it measures for minutes"),
    "python -m benchmarks fits data=hate data_dir=../shared/data --fits 20 --epochs 10": Parses("it takes an hour"),
    "python -m benchmarks fits data=mlma --fits 100 --stacks 10 100 --workers 1": Parses("it needs a GPU"),
    'pip install -e ".[benchmarks]"': Parses(INSTALLS),
}
"""How each documented command is tried. Those that run do so in this order, in one folder."""

MODULES = {"docs/data-sets.md": "datamodules.texts.corpora"}
"""Pages whose Python belongs into a module of the project; every other block is a script."""


def chosen(kind: type) -> list[str]:
    return [command for command, how in COMMANDS.items() if isinstance(how, kind)]


def test_the_table_has_every_documented_command_and_no_other() -> None:
    found = commands()
    missing = [f"{place}: `{command}`" for command, place in found.items() if command not in COMMANDS]
    assert not missing, "no test knows how to try these; add them to COMMANDS: " + "; ".join(missing)
    left = [command for command in COMMANDS if command not in found]
    assert not left, f"no page has these any more; take them out of COMMANDS: {left}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to run commands in, with small data sets and market prices in data/."""
    folder = tmp_path_factory.mktemp("documented")
    text = lay_out(folder / "data") / "text"
    shutil.copy(text / "ag" / "train.csv", text / "ag" / "train_partial.csv")
    market = folder / "data" / "market"
    mood = market / "crypto-sentiment-index" / "reddit_comments_sentiment.csv"
    mood.parent.mkdir(parents=True)
    prices = synthetic.prices(DateRange.parse("2014-09-18", "2016-06-30"))
    for name, daily in prices.items():
        daily.frame.to_csv(market / f"{MARKETS[name].symbol.removeprefix('^')}.csv")
    days = next(iter(prices.values())).frame.index
    rows = [f"{day:%Y-%m-%d},{number % 7}" for number, day in enumerate(days)]
    mood.write_text("\n".join(["date,CL sentiment", *rows]) + "\n")
    for symbol in ("ETH-USD", "GC=F"):
        shutil.copy(market / "BTC-USD.csv", market / f"{symbol}.csv")
    rows = [f"{day:%Y-%m-%d},{20 + number % 7 + number % 5},{number % 3}" for number, day in enumerate(days[:120])]
    for name in ("sales.csv", "newer.csv"):
        (folder / name).write_text("\n".join(["day,units,price", *rows]) + "\n")
    reviews = [f"it is {grade} number {number},{grade}" for number in range(8) for grade in ("bad", "fair", "good")]
    (folder / "reviews.csv").write_text("\n".join(["review,grade", *reviews]) + "\n")
    (folder / "texts.txt").write_text("Bring me the red cup!\n\n")
    return folder


@pytest.mark.processes
def test_every_documented_command_runs_and_every_block_of_python(folder: Path) -> None:
    names, steps = [], []
    for command in chosen(Runs):
        how = COMMANDS[command]
        assert isinstance(how, Runs)
        words = [how.replaced.get(word, word) for word in shlex.split(command)]
        names.append(command)
        steps.append({"argv": [*words, *how.more.split()]})
    python = [block for page in PAGES for block in blocks(page) if block.language == "python"]
    for block in python:
        names.append(block.place)
        steps.append({"code": block.text, "module": MODULES.get(str(block.page.relative_to(PROJECT)))})
    answers = run(folder, steps)
    failed = [f"{name}: {answer['failed']}" for name, answer in zip(names, answers, strict=True) if answer["failed"]]
    assert not failed, "\n".join(failed)
    assert len(list(folder.glob("runs/**/finished"))) > 20
    output = {name: answer["output"] for name, answer in zip(names, answers, strict=True)}
    for block in python:
        assert_shows(output[block.place], block)
    (exported,) = (block.place for block in python if "model.pt" in block.text)
    here, _ = output["python predict.py RUN --file texts.txt --json"].splitlines()
    assert json.loads(output[exported]) == pytest.approx(json.loads(here)["probabilities"], abs=1e-6)


def run(folder: Path, steps: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    (folder / "steps.json").write_text(json.dumps(steps))
    command = [sys.executable, str(PROJECT / "tests" / "run_documented.py"), "steps.json"]
    environment = {**os.environ, "LSTM_CS_DATA": "data", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(steps), f"step {len(answers)} ended the process: {done.stderr}"
    return answers


def assert_shows(output: str, block: Block) -> None:
    """The output is the one that the page shows; numbers with a point may differ by rounding."""
    if not block.output:
        return
    assert [line.split() for line in re.sub(NUMBER, "0.0", output).splitlines()] == [
        line.split() for line in re.sub(NUMBER, "0.0", block.output).splitlines()
    ], f"{block.place} shows another output: {output}"
    numbers = [[float(number) for number in re.findall(NUMBER, text)] for text in (output, block.output)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.011), f"{block.place} shows other numbers: {output}"


NUMBER = r"-?\d+\.\d+"


@pytest.mark.parametrize("command", chosen(Composes))
def test_what_is_not_run_is_composed_and_checked(command: str) -> None:
    program, *arguments = shlex.split(command)[1:]
    assert program == "train.py"
    launcher = re.search(r"hydra/launcher=(\w+)", command)
    if launcher is not None:
        module = {"joblib": "joblib", "ray": "ray"}.get(launcher[1], "submitit")
        pytest.importorskip(module, reason="it comes with an extra")
    overrides = OverridesParser.create().parse_overrides([given for given in arguments if given != "-m"])
    values = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [str(override.input_line)]
        for override in overrides
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for number in range(max(map(len, values))):  # so that every value occurs once
            given = [choices[number % len(choices)] for choices in values]
            config = compose("config", given, return_hydra_config=True)
            check(config, [override for override in given if not override.startswith("hydra")])


class ParsedError(Exception):
    """Raised in place of a program's work, once its command line is parsed."""


def parsed_by_argparse(*arguments: str) -> None:
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser) -> None:
        parse(self)
        raise ParsedError

    assert arguments[0] == "-m"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", list(arguments[1:]))
        patch.delitem(sys.modules, f"{arguments[1]}.__main__", raising=False)  # where another test imported it
        with pytest.raises(ParsedError):
            runpy.run_module(arguments[1], run_name="__main__")
    check(composed(*(word for word in arguments if re.match(r"[\w.]+=", word))))


def known_to_make(target: str, *variables: str) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*##", makefile, re.M), f"the Makefile has no target {target}"
    for name in (variable.partition("=")[0] for variable in variables):
        assert re.search(rf"^{name} \?=", makefile, re.M), f"the Makefile has no variable {name}"


def known_to_pip(*arguments: str) -> None:
    assert arguments[0] == "install"
    for given in arguments[1:]:
        if given != "-e":
            folder, _, extra = given.partition("[")
            project = (PROJECT / folder / "pyproject.toml").read_text(encoding="utf-8")
            extra = extra.removesuffix("]")
            assert not extra or re.search(rf"^{extra} = \[", project, re.M), f"{folder} has no extra {extra}"


def parsed_by_ray(name: str, *options: str) -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="Ray comes with the extra `ray`")
    scripts.cli.commands[name].make_context(name, list(options))


def parsed_by_tensorboard(*arguments: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library inside it
        from tensorboard.program import TensorBoard
    TensorBoard().configure(("tensorboard", *arguments))


PARSERS = {
    "python": parsed_by_argparse,
    "make": known_to_make,
    "pip": known_to_pip,
    "ray": parsed_by_ray,
    "tensorboard": parsed_by_tensorboard,
}


@pytest.mark.parametrize("command", chosen(Parses))
def test_what_is_not_run_is_parsed(command: str) -> None:
    program, *arguments = shlex.split(command)
    PARSERS[program](*arguments)


@pytest.mark.parametrize("command", chosen(IsTestedBy))
def test_what_another_test_runs_is_there(command: str) -> None:
    how = COMMANDS[command]
    assert isinstance(how, IsTestedBy)
    path, _, name = how.test.partition("::")
    text = (PROJECT / path).read_text(encoding="utf-8") if (PROJECT / path).exists() else ""
    functions = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert name in functions, f"COMMANDS says that {how.test} runs `{command}`, but there is no such test"
    words = [word for word in shlex.split(command)[1:] if word != word.upper()]
    assert [word for word in words if word not in text] == [], f"{path} does not run `{command}`"


def test_the_demo_has_valid_keys() -> None:
    recipe = re.search(r"^demo:.*?\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.M)
    assert recipe is not None
    (train,) = re.findall(r"train\.py -m (.*)", recipe[1])
    for cell in ("baseline", "C1"):
        assert cell in train
        check(composed(*(f"cell={cell}" if given.startswith("cell=") else given for given in train.split())))
