"""Many runs by one command: what conf/experiment asks for, what is left to do, and what the terminal says."""

import functools
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import PROJECT, Command, train_here_in
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from interrupting import interrupted, interrupted_here
from omegaconf import DictConfig, OmegaConf

from analysis.published import cell_paper
from cells.alterations import CURRENT, HIDDEN
from cells.errors import UserError
from conf.compose import CONF, composed
from training.run.fit import fit
from training.run.folder.record import Record
from training.run.folder.run_folder import RunFolder
from training.studies.grid import Grid, RunOverrides
from training.studies.progress import time_left

pytestmark = pytest.mark.slow

SMALL = ("model.embedding=8", "model.hidden=8", "epochs=1")
FOUR = ("experiment=table04_robo", "recipe=best", "seed=0", "fold=0,1", "cell=baseline,C1", *SMALL)
THREE_EPOCHS = (*FOUR, "epochs=3")
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
DIVERGES = "lr=1e37"

PAPER = {"table03_hasoc": 3800, "table10_current": 16800, "table11_hidden": 8400, "table16_best": 4800}
"""Fits that the paper's design asks for, in two recipes: 10 seeds, 10 folds, Table 1's alterations; and the placebo."""


@functools.cache
def sweeper(experiment: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"experiment={experiment}"], return_hydra_config=True).hydra.sweeper


def runs_of(experiment: str, *arguments: str) -> list[RunOverrides]:
    params, one_of = sweeper(experiment).params, sweeper(experiment).one_of
    return grid(params, one_of, f"experiment={experiment}", *arguments).runs()


def grid(params: DictConfig | dict, one_of: Sequence[DictConfig | dict], *arguments: str) -> Grid:
    return Grid.read(params, one_of, arguments, OverridesParser.create(), n_folds=10)


def finished(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("finished"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_begins_with_its_command_its_cost_and_its_result(experiment: str) -> None:
    comment = (CONF / "experiment" / f"{experiment}.yaml").read_text().split("\n#\n")
    assert f"python train.py experiment={experiment}\n" in f"{comment[1]}\n"
    assert re.search(r"# Result( \(.*?\))?:\s+\S", comment[2], re.DOTALL)
    fits = re.search(r"# Cost: (\d+) fits", comment[2])
    if fits is not None:
        assert len(runs_of(experiment)) == int(fits[1])
    else:
        assert "that of Table" in comment[2]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiments_runs_are_those_of_the_same_command_without_it(experiment: str) -> None:
    runs = runs_of(experiment)
    for run in (runs[0], runs[-1]) if sweeper(experiment).one_of else (runs[-1],):
        with_it = RunFolder.of(composed(*run.values()))
        without = RunFolder.of(composed(*(override for key, override in run.items() if key != "experiment")))
        assert "experiment" in run
        assert (with_it.path, with_it.record) == (without.path, without.record)


@pytest.mark.parametrize(("experiment", "fits"), PAPER.items())
def test_an_experiment_has_the_papers_runs(experiment: str, fits: int) -> None:
    runs = runs_of(experiment)
    assert len({tuple(sorted(run.values())) for run in runs}) == len(runs) == fits


def test_tables_3_to_9_have_every_cell_of_table_1() -> None:
    for experiment in (name for name in EXPERIMENTS if name.startswith("table0")):
        cells = {run["cell"].removeprefix("cell=") for run in runs_of(experiment)}
        assert cells == {"baseline", *cell_paper.alterations(), "placebo"}


def test_tables_of_the_cell_paper_have_both_recipes_unless_told_otherwise() -> None:
    for experiment in (name for name in EXPERIMENTS if name.startswith("table")):
        assert {run["recipe"] for run in runs_of(experiment)} == {"recipe=best", "recipe=paper"}
    assert {run["recipe"] for run in runs_of("table05_mlma", "recipe=paper")} == {"recipe=paper"}


def test_pairs_are_the_baseline_the_placebo_and_all_of_table_1_joined() -> None:
    cells = {run["cell"].removeprefix("cell=") for run in runs_of("pairs")}
    assert cells == {"baseline", "placebo", *(f"{current}+{hidden}" for current in CURRENT for hidden in HIDDEN)}


def test_values_on_the_command_line_narrow_an_experiment() -> None:
    runs = runs_of("table05_mlma", "seed=3", "fold=0,1", "cell=C1", "recipe=best")
    assert [(run["seed"], run["fold"], run["cell"]) for run in runs] == [
        ("seed=3", "fold=0", "cell=C1"),
        ("seed=3", "fold=1", "cell=C1"),
    ]


def test_all_cells_of_one_seed_come_before_those_of_the_next() -> None:
    runs = grid({"cell": "a,b", "seed": "0,1"}, [{"model": "x,y"}, {"model": "z", "seed": 1}]).runs()
    assert [" ".join(run[key].split("=")[1] for key in ("seed", "cell", "model")) for run in runs] == [
        *("0 a x", "0 a y", "0 b x", "0 b y"),
        *("1 a x", "1 a y", "1 b x", "1 b y", "1 a z", "1 b z"),
    ]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("cell=C1", {("m", "C1")}),
        ("model=bert", {("bert", "baseline")}),
        ("cell=baseline,H2", {("m", "baseline"), ("m", "H2"), ("bert", "baseline")}),
        ("epochs=1", {("m", "baseline"), ("m", "C1"), ("m", "H2"), ("bert", "baseline")}),
    ],
)
def test_a_model_without_a_cell_is_only_run_without(given: str, left: set[tuple[str, str]]) -> None:
    alternatives = [{"model": "m", "cell": "baseline,C1,H2"}, {"model": "bert", "cell": "baseline"}]
    runs = grid({"seed": 0}, alternatives, given).runs()
    assert {(run["model"].split("=")[1], run["cell"].split("=")[1]) for run in runs} == left
    assert len(runs) == len(left)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("model=gru", "model=gru: the experiment has no such run"),
        ("experiment=a,b", "one experiment"),
        ("lr=interval(0,1)", "lr=interval"),
    ],
)
def test_what_no_study_can_be_is_one_sentence(given: str, says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        grid({}, [{"model": "m"}], given).runs()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "less than a minute left"),
        (80, "about 1 min left"),
        (3540, "about 59 min left"),
        (3590, "about 1 h 0 min left"),
        (12_000, "about 3 h 20 min left"),
    ],
)
def test_the_time_that_remains_in_words(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_a_failure_is_kept_until_the_run_is_finished(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", Record({"seed": 0}))
    run.fail("not claimed")
    assert not run.path.exists()
    run.claim()
    run.fail("out of luck\n\nTraceback")
    assert (run.path / "failed").read_text().splitlines()[0] == "out of luck"
    assert not run.is_finished()
    run.finish()
    assert not (run.path / "failed").exists()
    assert run.is_finished()


@pytest.mark.processes
def test_an_experiment_shows_one_line_a_run_and_skips_all_of_it_without_torch(
    train: Command, train_here: Command, tmp_path: Path
) -> None:
    done = train(*FOUR)
    assert (done.returncode, done.stderr) == (0, "")
    first, note, *lines = done.stdout.splitlines()
    assert first == "4 runs."
    assert "stand-in" in note
    names = [f"robo bilstm {cell} seed 0 fold {fold}" for fold in (0, 1) for cell in ("baseline", "C1")]
    for number, (name, line) in enumerate(zip(names, lines, strict=True), start=1):
        left = "; .* left" if number < 4 else ""
        assert re.fullmatch(rf"\[{number}/4\] {name}: macro_f1 0\.\d\d\d, \d+\.\d s{left}", line), line

    # the very runs of the same command without the experiment, but for one
    command = ("-m", "data=robo", "seed=0", "fold=0,1", "cell=baseline,C1", *SMALL)
    more = train_here(*command[:-1], "epochs=1", "seed=0,1", "fold=0")
    assert more.stdout.startswith("4 runs, of which 2 are finished.\n")
    assert "[3/4]" in more.stdout
    again = subprocess.run(
        [sys.executable, "-X", "importtime", PROJECT / "train.py", *command],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert again.stdout == "All 4 runs are finished; nothing to do.\n"
    imported = {line.rsplit("|", 1)[-1].strip() for line in again.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "lightning", "pandas"}


@pytest.fixture
def seed_1_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: DictConfig, folder: RunFolder) -> None:
        if config.seed == 1:
            raise RuntimeError("a bug\nin two lines")
        fit(config, folder)

    monkeypatch.setattr("training.run.fit.fit", broken)


@pytest.mark.usefixtures("seed_1_is_broken")
def test_failed_runs_stop_no_other_and_are_listed_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # CROWD's file is missing, seed 1 meets a bug, a learning rate diverges, and fold 12 cannot be
    robo = ("-m", "data=robo", "seed=0,1", "model.embedding=4", "model.hidden=4", "epochs=3")
    lr = f"lr=0.01,{DIVERGES.removeprefix('lr=')}"
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    done = train_here_in(tmp_path, *robo, "data=crowd,robo", lr, "fold=0,12")
    assert done.returncode == 1
    assert len(finished(tmp_path)) == 1
    *listed, summary = done.stderr.splitlines()
    assert len(listed) == 15
    assert summary == "Error: 15 of 16 runs failed, see above; the same command tries them again."
    assert done.stdout.count("FAILED") == 15
    assert sum("fold=12: with n_folds=10" in line for line in listed) == 8
    assert sum(line.startswith("crowd bilstm baseline seed 0 fold 0: ") for line in listed) == 2
    assert any(re.match("robo bilstm baseline seed 0 fold 0: the loss is .* smaller lr", line) for line in listed)
    bugs = [line for line in listed if "RuntimeError: a bug in two lines (traceback in " in line]
    assert len(bugs) == 4

    kept = Path(tmp_path, bugs[-1].rsplit("traceback in ", 1)[1].rstrip(")"))
    first, _, *traceback = kept.read_text().splitlines()
    assert first == "RuntimeError: a bug in two lines"
    assert traceback[0].startswith("Traceback")
    assert len(list(tmp_path.rglob("failed"))) == 7
    assert OmegaConf.load(kept.with_name("config.yaml")).seed == 1

    monkeypatch.undo()
    again = train_here_in(tmp_path, *robo, "lr=0.01")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("2 runs, of which 1 are finished.\n")
    assert len(list(tmp_path.rglob("failed"))) == 6


BROKEN = f"""
import runpy, sys, types
sys.path.insert(0, {str(PROJECT)!r})
def fit(config, folder):
    raise RuntimeError("a bug\\nin two lines")
sys.modules["training.run.fit"] = types.SimpleNamespace(fit=fit)
runpy.run_path({str(PROJECT / "train.py")!r}, run_name="__main__")
"""


@pytest.mark.processes
def test_a_bug_in_a_single_run_has_its_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BROKEN, "data=robo", *SMALL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-2:] == ["RuntimeError: a bug", "in two lines"]


@pytest.mark.processes
def test_a_study_goes_on_where_it_was_interrupted_and_where_it_was_killed(train_here: Command, tmp_path: Path) -> None:
    stopped = interrupted_here(tmp_path, *THREE_EPOCHS, epoch=1, run=2)
    line = "Interrupted; the same command goes on after the last epoch that was written."
    assert (stopped.returncode, stopped.stderr.strip()) == (130, line)
    assert len(finished(tmp_path)) == 1
    interrupted(tmp_path, signal.SIGKILL, *THREE_EPOCHS, epoch=1, run=2)  # its first run is what is left of the second
    made = finished(tmp_path)
    assert len(made) == 2
    before = {path: path.stat().st_mtime_ns for run in made for path in run.rglob("*")}

    again = train_here(*THREE_EPOCHS)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("4 runs, of which 2 are finished.\n")
    assert len(finished(tmp_path)) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_unknown_experiment_is_one_line(refused: Callable[..., str]) -> None:
    assert "table05_mlma" in refused("experiment=table99")


@pytest.mark.parametrize("many", [("stack=2",), ("-m", "seed=0,1")])
def test_one_folder_for_many_runs_is_refused_at_once(
    refused: Callable[..., str], tmp_path: Path, many: Sequence[str]
) -> None:
    assert "mine: it is the folder of one run, but the command has 2" in refused("data=robo", *many, "run_dir=mine")
    assert not (tmp_path / "mine").exists()
    assert not (tmp_path / "runs").exists()
