"""No key is swallowed: each is refused in one line, or it is a key that the files define and its value counts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from cells.errors import UserError
from conf.checks import check
from conf.compose import CONF, composed
from conf.keys import ALSO_A_NUMBER, NOT_HERE, OPEN, paths, plain, refuse_quotes
from conf.mistakes import is_mistake, message
from training.run.folder.record import Record
from training.studies.grid import Grid

SMALL = ("data=robo", "model.embedding=4", "model.hidden=4", "epochs=1")

REFUSED = [
    ("+foo=2", "'foo', did you mean 'fold'"),
    ("++foo=2", "'foo', did you mean 'fold'"),
    ("+a.b.c=1", "'a.b.c', did you mean"),
    ("+cell.output='o*o'", "'cell.output', did you mean 'cell."),
    ("cell={output: 'o*o'}", "'cell.output', did you mean 'cell."),
    ("cell.learnd.p=0", "'cell.learnd.p', did you mean 'cell.learned'"),
    ("cell.learned=null", "cell.learned=null: set the keys below it, cell.learned.NAME"),
    ("cell.zoneout.p=0", "'cell.zoneout.p', did you mean 'cell.zoneout'"),
    ("+data.foo=x", "'data.foo', did you mean 'data."),
    ("++data={foo: 1}", "'data.foo', did you mean 'data."),
    ("+data.corpus.membr=x", "'data.corpus.membr', did you mean 'data.corpus.member'"),
    ("+data.corpus.foo=x", "'data.corpus.foo', did you mean 'data.corpus."),
    ("+cell.name=X", "'cell.name', did you mean 'cell.noise'"),
    ("+model.foo=2", "'model.foo', did you mean 'model."),
    ("+preprocess.foo=2", "'preprocess.foo', did you mean 'preprocess."),
    ("preprocess=foo", "preprocess=foo: set the keys below it"),
    ("+data.instead=x", "'data.instead' here, data=ag has it"),
    ("++model.heads=8", "'model.heads' here, model=transformer has it"),
    ("+model.hidden.x=3", "'model.hidden.x', did you mean 'model.hidden'"),
    ("+clip.foo=1", "'clip.foo', did you mean 'clip'"),
    ("clip={foo: 1}", "'clip.foo', did you mean 'clip'"),
    ("clip={}", "clip={}"),
    ("+stack.nets=2", "'stack.nets', did you mean 'stack.seeds'"),
    ("+stack={nets: 2}", "'stack.nets', did you mean 'stack.seeds'"),
    ("preprocess=null", "preprocess=null: set the keys below it, preprocess."),
    ("preprocess=${stack}", "preprocess=${stack}: set the keys below it"),
    ("preprocess={stm: true}", "'preprocess.stm', did you mean 'preprocess.stem'"),
    ("data.corpus=null", "data.corpus=null: set the keys below it, data.corpus._target_"),
    (
        "data.corpus._target_=os.system",
        "_target_=os.system: a file names its code, choose another file with",
    ),
    ("model._target_=models.tfidf.TfIdf", "names its code, choose another file with model="),
    ("~data.corpus._target_", "~data.corpus._target_: every run needs"),
    ("~lr", "~lr: every run needs 'lr'"),
    ("~preprocess.stem", "~preprocess.stem: every run needs"),
    ("~stopping", "'stopping' here, a feature set has it"),
    ("~data", "data= takes one name"),
    ("~data=robo", "data= takes one name"),
    ("~cell", "cell= takes one name"),
    ("~features", "features= takes one name"),
    ("data=[robo,hate]", "data= takes one name"),
    ("cell=[C1,H2]", "cell= takes one name"),
    ("data=null", "data=null: data= takes a name"),
    ("model=null", "model=null: model= takes a name"),
    ("cell=null", "cell=null: cell= takes a name"),
    ("features=null", "features=null: features= takes a name"),
    ("data=hte", "no data=hte, did you mean 'hate'? The names are ag crowd"),
    ("experiment=table99", "no experiment=table99, did you mean 'table"),
    ("+data@foo=robo", "'data@foo', did you mean"),
    ("+cell@model=C1", "'cell@model', did you mean"),
    ("+experiment/parts=cells", "'experiment/parts', did you mean"),
    ("preprocess.stem=1", "preprocess.stem=1: give true or false"),
    ("preprocess.stem=null", "preprocess.stem=null: give true or false"),
    ("model.hidden=true", "model.hidden=true: give a whole number, such as 64"),
    ("model.hidden=null", "model.hidden=null: give a whole number"),
    ("model.dropout=much", "model.dropout=much: give a number, such as 0.2"),
    ("lr=[1]", "lr=[1]: give a number"),
    ("data.file=3", "data.file=3: give a name; one that looks so is \"data.file='3'\"."),
    ("cell=c1", "did you mean 'C1'?"),
    ("cell=cifg+C1", "did you mean 'CIFG'?"),
    ("cell=BASELINE", "did you mean 'baseline'?"),
    ("data=ROBO", "did you mean 'robo'?"),
    ("LR=1", "'LR', did you mean 'lr'?"),
    ("experiment=", "experiment= takes a name: "),
    ("data=", "data= takes a name: ag crowd"),
    ("data=./robo", "data=./robo is no name, did you mean 'robo'? The names are ag crowd"),
    ("data=../data/robo", "data=../data/robo is no name, did you mean 'robo'?"),
    ("data=robo.yaml", "data=robo.yaml is no name, did you mean 'robo'?"),
    ("model=./bilstm", "model=./bilstm is no name, did you mean 'bilstm'?"),
    ("model.name=mine", "model.name=mine: it is the name of a file"),
    ("data={name: hate}", "data.name=hate: it is the name of a file"),
]


def answer(*overrides: str) -> str:
    """The line that a command with these overrides ends with; empty if they make a configuration."""
    try:
        composed(*overrides)
    except Exception as error:
        if not is_mistake(error):
            raise
        return message(error)
    return ""


@pytest.mark.parametrize(("override", "says"), REFUSED)
def test_what_no_file_defines_is_refused_in_one_line(override: str, says: str) -> None:
    line = answer(override)
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("overrides", "same"),
    [
        (["++seed=3"], ["seed=3"]),
        (["+seed=3"], ["seed=3"]),
        (["+cell=C1"], ["cell=C1"]),
        (["cell={current: 'c*o'}"], ["cell=C1"]),
        (["+preprocess={stem: true}"], ["preprocess.stem=true"]),
        (["model=transformer", "++model.heads=8"], ["model=transformer", "model.heads=8"]),
        (["model=transformer", "model.bilstm=false"], ["model.bilstm=false", "model=transformer"]),
        (["data=ag", "+data.instead=mine.csv"], ["data=ag", "data.instead=mine.csv"]),
        (["model=bert", "+model.checkpoint=mine"], ["model=bert", "model.checkpoint=mine"]),
        (["+experiment=study_small"], []),
        (["++hydra.launcher.anything=1"], []),
    ],
)
def test_a_known_key_means_the_same_however_it_is_written(overrides: list[str], same: list[str]) -> None:
    assert Record.of(composed(*overrides)) == Record.of(composed(*same))


NUMBERED = ["lr", "epochs", "seed", "fold", "n_folds", "batch_size", "clip", "patience", "threads", "model.hidden",
            "model.dropout", "preprocess.min_count", "preprocess.tfidf_terms", "cell.zoneout",
            "cell.recurrent_dropout", "cell.learned.p", "cell.noise.z"]  # fmt: skip


@pytest.mark.parametrize("key", NUMBERED)
def test_a_quoted_number_is_refused_for_its_quotes(key: str) -> None:
    with pytest.raises(UserError, match=rf"^{key}='3': the quotes make it a text, write {key}=3\.$"):
        check(composed(f"{key}='3'"))


@pytest.mark.parametrize("number", ["0.001", "1e-3", "-2", "+2.", ".5", "3E5"])
def test_numbers_are_written_in_many_ways(number: str) -> None:
    with pytest.raises(UserError, match="the quotes make it a text"):
        refuse_quotes("lr", number)


@pytest.mark.parametrize("other", [3, 0.1, None, "3 cells", "", ".", "e5", [1]])
def test_only_a_number_in_quotes_is_refused_for_them(other: object) -> None:
    refuse_quotes("lr", other)


def test_a_text_may_look_like_a_number() -> None:
    assert composed("data=ag", "data.instead='3'", "run_dir='3'", "cell.current='3'").data.instead == "3"


def test_a_list_is_no_number() -> None:
    assert answer("features=btc", "features.series=null") == "features.series=null: give a list, such as [btc]."


def test_a_source_of_sentiment_has_the_keys_of_its_file() -> None:
    given = ["features=btc_sent", "sentiment=csv", "sentiment.file=mine.csv", "++sentiment.column=mood"]
    assert composed(*given).sentiment.column == "mood"
    assert "'sentiment.by' here, sentiment=vader has it" in answer(*given, "+sentiment.by=vader")


@pytest.mark.parametrize(("features", "group"), [("btc_sent", "sentiment"), ("btc_messages", "messages")])
def test_a_source_keeps_the_name_of_its_file(features: str, group: str) -> None:
    line = answer(f"features={features}", f"{group}.name=mine")
    assert f"{group}.name=mine: it is the name of a file, choose another file with {group}=." in line


def mistyped(key: str) -> st.SearchStrategy[str]:
    """Neighbours of a key: a letter left out, put in or doubled, a part put before or behind."""
    letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz_.")
    places = st.integers(0, len(key))
    return st.one_of(
        places.map(lambda k: key[:k] + key[k + 1 :]),
        places.map(lambda k: key[: k + 1] + key[k:]),
        st.tuples(places, letters).map(lambda pair: key[: pair[0]] + pair[1] + key[pair[0] :]),
        st.sampled_from([f"{key}.{key}", f"model.{key}", f"data.{key}", f"{key}_", key.upper()]),
    )


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("series.symbols=[ETH-USD,GC=F,^GSPC]", "series.symbols=[ETH-USD,'GC=F','^GSPC']"),
        ("series.symbols=['GC=F',ETH-USD]", "series.symbols=['GC=F',ETH-USD]"),
        ("++series.inputs=[price,holiday]", "series.inputs=[price,holiday]"),
        ("cell.current='c * relu(o)'", "cell.current='c * relu(o)'"),
        ("+hydra.launcher.x=[a=b]", "+hydra.launcher.x=[a=b]"),
    ],
)
def test_names_that_hydra_cannot_read_are_quoted_in_a_list(typed: str, read: str) -> None:
    assert plain(typed) == read


STRUCTURED = (*ALSO_A_NUMBER, *(place.rstrip(".") for place in OPEN))
"""Keys that may be given keys of their own: how many models, or names that a user declares."""

KNOWN = [key for key in paths(OmegaConf.to_container(composed(), resolve=False)) if not key.endswith("name")]


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    key=st.one_of(st.sampled_from(KNOWN).flatmap(mistyped), st.sampled_from(KNOWN)),
    sign=st.sampled_from(["", "+", "++", "~"]),
    value=st.sampled_from(["=1", "=null", "={a: 1}", "={stem: true}", "=[1]"]),
)
def test_a_key_is_refused_or_its_value_is_in_the_configuration(key: str, sign: str, value: str) -> None:
    override = f"{sign}{key}" if sign == "~" else f"{sign}{key}{value}"
    if answer(override):
        return
    config = OmegaConf.to_container(composed(override), resolve=False)
    assert sign != "~"
    of_their_own = key in STRUCTURED or key.startswith(OPEN)
    assert of_their_own or list(paths(config)) == list(paths(OmegaConf.to_container(composed(), resolve=False)))
    wanted = OverridesParser.create().parse_override(plain(override)).value()
    there = OmegaConf.select(OmegaConf.create(config), key)
    assert there == wanted or (isinstance(wanted, dict) and wanted.items() <= there.items()), override


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["+foo=2"], "'foo', did you mean 'fold'"),
        (["-m", "+foo=1,2"], "'foo', did you mean 'fold'"),
        (["experiment=study_small", "+epochss=1"], "'epochss', did you mean 'epochs'"),
        (["-m", "cell=baseline,C1", "+cell.output=o"], "'cell.output', did you mean"),
        (["-m", "seed=0,1", "~lr"], "~lr: every run needs"),
        (["-m", "+hydra.sweeper.params.foo=1"], "'foo', did you mean 'fold'"),
        (["+hydra.sweeper.params.seed=3"], "add -m"),
        (["experiment=study_small", "hydra.mode=RUN"], "leave out hydra.mode=RUN"),
        (["hydra.sweeper=3"], "hydra.sweeper=3: give what a study varies with -m KEY=A,B"),
        (["-m", "hydra.sweeper.params=3"], "hydra.sweeper.params=3: give what a study varies"),
        (["-m", "hydra.sweeper.one_of=[3]"], "hydra.sweeper.one_of=[3]: give what a study varies"),
        (["+hydra.sweeper.param=3"], "+hydra.sweeper.param=3: give what a study varies"),
        (["hydra/sweeper=basic"], "this program has one sweeper"),
        (["-m", "hydra.launcher=3"], "hydra.launcher=3: choose one with hydra/launcher="),
        (["-m", "hydra.launcher._target_=foo"], "choose one with hydra/launcher="),
        (["hydra.run.dir=mine"], "hydra.run.dir=mine: runs_dir= names the folder of all runs, and run_dir="),
        (["hydra.run={dir: mine}"], "hydra.run={dir: mine}: runs_dir= names the folder"),
        (["-m", "hydra.sweep.dir=mine"], "hydra.sweep.dir=mine: runs_dir= names the folder of all runs."),
        (["-m", "~hydra.sweep.subdir"], "~hydra.sweep.subdir: runs_dir= names"),
        (["hydra.output_subdir=.hydra"], "config.yaml in the folder of a run holds its configuration"),
        (["hydra.job.chdir=true"], "hydra.job.chdir=true: paths are those of the folder where the command is given"),
        (["hydra.searchpath=[file://mine]"], "--config-dir=FOLDER adds a folder of configurations"),
        (["+hydra.env.x=1"], "+hydra.env.x=1: nothing here reads what it sets; leave it out."),
        (["hydra.job.id=3"], "hydra.job.id=3: nothing here reads"),
        (["hydra.runtime.output_dir=mine"], "nothing here reads"),
        (["hydra.overrides.task=[lr=3]"], "nothing here reads"),
        (["hydra={run: {dir: mine}}"], "hydra={run: {dir: mine}}: set the keys below it"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib is for many runs: add -m, or leave it out."),
        (["+hydra.launcher.n_jobs=2"], "+hydra.launcher.n_jobs=2 is for many runs: add -m, or leave it out."),
        (["-m", "+hydra.launcher.n_jobs=2"], "n_jobs"),
        (["hydra.verbose=3"], "hydra.verbose=3: give true, false, or names of loggers"),
        (["hydra.verbose=null"], "hydra.verbose=null: give true, false, or names of loggers"),
        (["hydra.mode=foo"], "hydra.mode=foo: this key takes no such value"),
        (["hydra.job.chdri=true"], "there is no key 'hydra.job.chdri'; python train.py --cfg hydra lists"),
        (["~cell.o"], "~cell.o: every run needs 'cell.o'"),
        (["stack=2", "hydra.mode=RUN"], "stack=2 stands for many runs"),
        (["stack.seeds=2", "hydra.mode=RUN"], "stands for many runs"),
        (["cell.learned.p.q=1"], "learn p = {'q': 1}: give a number"),
        (["~data"], "data= takes one name"),
        (["data=null"], "data=null: data= takes a name"),
        *(
            ([f"+hydra.{key}=1"], f"there is no key 'hydra.{key}'")
            for key in ("foo", "job.foo", "verbosee", "sweeper_.x")
        ),
        (["-m", "+hydra.job.chdirr=1"], "there is no key 'hydra.job.chdirr'"),
        (["-m", "hydra/launcher=submitit_local", "+hydra.launcher.foo.bar=1"], "there is no key 'hydra.launcher.foo'"),
        (["fold=0,1"], "Ambiguous value for argument 'fold=0,1'"),
        (["experiment=table06_ag", "fold=0,1", "data.instead=x"], "data=ag has it: give that as well."),
        (["tuned=abc"], "tuned=abc: tune= sets this key, such as tune=20; leave it out."),
        (["data.file=mine.csv"], "data.file=mine.csv: data=robo has no file; for a file of your own give data=csv"),
        (["stack=2", "fold=0,1", "foo=1"], "there is no key 'foo'"),
        (["experiment=study_small", "cell=C1,C2", "epochss=3"], "did you mean 'epochs'?"),
    ],
)
def test_the_command_line_refuses_it_before_any_run(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], says: str
) -> None:
    assert says in refused(*arguments, *SMALL)
    assert not (tmp_path / "runs").exists()


HONOURED = {"callbacks", "help", "hydra_help", "hydra_logging", "job", "job_logging", "launcher", "mode", "sweeper",
            "verbose", "job.name", "job.env_set"}  # fmt: skip
"""Keys below hydra that do here what Hydra says."""


def test_every_key_of_hydra_is_honoured_or_refused() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = compose("config", return_hydra_config=True).hydra
    keys = {*found, *(f"job.{key}" for key in found.job)}
    assert {f"hydra.{key}" for key in keys - HONOURED} == set(NOT_HERE)


@pytest.mark.parametrize(
    "given",
    [
        ["+hydra.callbacks.mine._target_=hydra.experimental.callback.Callback"],
        ["+hydra.job.env_set.MINE=1"],
        ["+hydra.job_logging.loggers.mine.level=INFO"],
        ["-m", "hydra/launcher=ray", "+hydra.launcher.ray.init._temp_dir=mine", "seed=0,,"],
    ],
)
def test_what_hydra_leaves_to_the_user_is_taken(refused: Callable[..., str], given: list[str]) -> None:
    assert "hydra" not in refused(*given, "epochs=0")


@pytest.mark.parametrize("shown", ["hydra.run", "hydra.job", "hydra.launcher"])
def test_every_part_of_hydra_can_be_shown(train_here: Command, shown: str) -> None:
    done = train_here("--cfg", "hydra", "-p", shown)
    assert done.stdout.startswith(f"# @package {shown}\n"), done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo: 2\n", "'foo', did you mean 'fold'"),
        ("cell: {output: o}\n", "'cell.output', did you mean"),
        ("clip: {foo: 1}\n", "'clip.foo', did you mean"),
        ("preprocess: null\n", "preprocess=null: set the keys below it"),
        ("stack: 20\n", "stack=20 stands for many runs"),
        ("hydra: {sweeper: {params: {foo: 1}}}\n", "'foo', did you mean 'fold'"),
        ("hydra: {sweeper: {params: {+foo: 1}}}\n", "'foo', did you mean 'fold'"),
        ("hydra: {sweeper: {one_of: [{foo: 1}]}}\n", "'foo', did you mean 'fold'"),
        ("hydra: {sweeper: {one_of: [3]}}\n", "params is keys with values, and one_of a list of such"),
        ("hydra: {sweeper: {one_of: [{stack: 2}]}}\n", "stack=2 stands for many runs"),
        ("hydra: {run: {dir: mine}}\n", "hydra.run.dir=mine in a file such as an experiment's: runs_dir="),
        ("hydra: {sweep: {dir: mine}}\n", "hydra.sweep.dir=mine in a file such as an experiment's: runs_dir="),
        ("hydra: {job: {chdir: true}}\n", "hydra.job.chdir=true in a file such as an experiment's: paths are"),
        ("hydra: {output_subdir: .hydra}\n", "hydra.output_subdir=.hydra in a file such as an experiment's: conf"),
        ("hydra: {job: {env_copy: [PATH]}}\n", "in a file such as an experiment's: nothing here reads what it sets"),
        ("defaults: [{override /model: null}]\n", "every run needs 'model'"),
        ("defaults: [{override /data: null}]\n", "every run needs 'data'"),
    ],
)
def test_an_experiment_brings_no_unknown_key(refused: Callable[..., str], tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text(f"# @package _global_\n{text}")
    small = [override for override in SMALL if not override.startswith("data" if "data" in text else "model")]
    assert says in refused("--config-dir=mine", "-m", "experiment=own", *small)
    assert not (tmp_path / "runs").exists()


def test_neither_does_one_that_is_a_single_run(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text("# @package _global_\nhydra: {run: {dir: mine}}\n")
    assert "hydra.run.dir=mine in a file" in refused("--config-dir=mine", "experiment=own", *SMALL)


def test_an_experiment_may_name_the_size_of_its_stacks() -> None:
    grid = Grid.read({"stack": 5, "seed": "0,1"}, [], ["++seed=0,1,2"], OverridesParser.create(), n_folds=10)
    assert grid.stack == 5
    assert [dict(run) for run in grid.runs()] == [{"seed": f"seed={k}"} for k in range(3)]


@pytest.mark.slow
def test_a_sign_before_a_key_changes_no_run(train_here: Command, tmp_path: Path) -> None:
    assert train_here(*SMALL, "++stack.seeds=2", "+cell.current='c*o'").returncode == 0
    assert len(list(tmp_path.rglob("finished"))) == 2
    again = train_here("-m", *SMALL, "cell=C1", "++seed=0,1")
    assert again.stdout == "All 2 runs are finished; nothing to do.\n"
