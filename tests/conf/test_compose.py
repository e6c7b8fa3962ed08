"""The configuration as it is composed, and whether --help explains all of it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Command
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf
from text_data import OWN_SETS

from cells.alterations import VARIANTS, Alteration, resolve
from cells.errors import UserError
from cells.language.functions import KNOWN
from conf.cell_source import CellSource
from conf.checks import check
from conf.compose import CELL_KEYS, CELLS, CONF, PLACEBO, alteration_of, composed
from training.studies.launchers import quoted

DATA_SETS = sorted({path.stem for path in (CONF / "data").glob("*.yaml")} - {*OWN_SETS})


@pytest.mark.parametrize("name", [name for name in CELLS if name != PLACEBO])
def test_every_alteration_with_a_name_is_a_cell(name: str) -> None:
    alteration = alteration_of(composed(f"cell={name}"))
    assert alteration == resolve(name)
    assert alteration.name == name


OWN = "sigmoid(a_o + p * c)"


@pytest.mark.parametrize(
    ("overrides", "alteration"),
    [
        ((f"cell.o='{OWN}'", "cell.learned.p=0"), Alteration(o=OWN, learned={"p": 0})),
        ((f"cell.o='{OWN}'", "cell.learned={p: 0.5}"), Alteration(o=OWN, learned={"p": 0.5})),
        (("cell=C1", "cell.f='1 - i'"), Alteration(current="c * o", f="1 - i")),
        (("cell=PEEPHOLES", "cell.learned.p_i=1", "cell.i=null", "cell.g='a_g + p_i'"), None),
        (("cell.i=1", "cell.g=a_g", "cell.c='f * c_prev + g'", "cell.h=o*c"), None),
        (("cell.recurrent='z * h_prev'", "cell.masks.z=0.5"), Alteration(recurrent="z * h_prev", masks={"z": 0.5})),
        (("cell.current='z * c'", "cell.noise.z=0.5"), Alteration(current="z * c", noise={"z": 0.5})),
        (("cell=H2", "cell.zoneout=0.1"), Alteration(hidden="h * sigmoid(c)", zoneout=0.1)),
        (("cell.recurrent_dropout=0.25",), Alteration(recurrent_dropout=0.25)),
        (("cell.zoneout=0", "cell.recurrent_dropout=0"), Alteration()),
    ],
)
def test_each_equation_and_declaration_is_a_key(overrides: tuple[str, ...], alteration: Alteration | None) -> None:
    made = alteration_of(composed(*overrides))
    assert alteration is None or made == alteration
    assert resolve(made.name) == made
    again = [f"cell.{key}={value}" for key, value in _lines(made.texts())]
    assert alteration_of(composed(*again)) == made


def _lines(texts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in texts.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{above}{key}.")
        elif value is not None:
            yield f"{above}{key}", quoted(value) if isinstance(value, str) else str(value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (("cell.learned.p=0",), "no equation reads p"),
        (("cell.f='q * i'",), "unknown name"),
        (("cell.f='1 - i'", "cell.i='1 - f'"), "go in a circle"),
        (("cell.current='p * c'", "cell.learned.p=many"), "learn p = many: give a number"),
        (("cell.current='p * c'", "cell.learned.p={q: 1}"), "give a number"),
        (("cell.zoneout=often",), "zoneout=often: give a probability"),
        (("cell.zoneout=1",), "zoneout=1: give a probability"),
        (("cell.i=true",), "not True"),
    ],
)
def test_what_makes_no_cell_is_one_line(overrides: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError) as error:
        alteration_of(composed(*overrides))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("written", ["C1+H2", "H2+C1", "'C1 + H2'", "C1+CIFG+H2"])
def test_names_that_alter_different_equations_can_be_joined(written: str) -> None:
    alteration = alteration_of(composed(f"cell={written}"))
    assert alteration == resolve(written.strip("'"))
    assert alteration.name == ("C1+H2+CIFG" if "CIFG" in written else "C1+H2")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("C13", "cell=C13: there is no cell 'C13', did you mean 'C"),
        ("C1+H9", "cell=C1+H9: there is no cell 'H9', did you mean 'H"),
        ("basline", "did you mean 'baseline'?"),
        ("C1+C2", "cell=C1+C2: 'C1+C2' has two equations for current"),
        ("C1+baseline", "cell=C1+baseline: no alteration 'baseline'"),
        ("'c * o'", "an equation of your own is given with cell.current="),
        ("C1+", "there is no cell ''"),
        ("''", "there is no cell ''"),
        ("C1/C2", "there is no cell 'C1/C2'"),
    ],
)
def test_a_name_that_is_no_cell_is_explained(written: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        composed(f"cell={written}")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


EXPERIMENTS = {
    "params": "hydra: {mode: MULTIRUN, sweeper: {params: {cell: 'baseline,H2+C1'}}}",
    "defaults": "defaults: [{override /cell: C1+H2}]\nhydra: {mode: MULTIRUN}",
}


@pytest.mark.slow
def test_joined_names_can_be_swept_and_stand_in_experiments(train_here: Command, tmp_path: Path) -> None:
    small = ("data=robo", "model.embedding=4", "model.hidden=4", "epochs=1")
    done = train_here("-m", "cell=baseline,C1+H2,H2+C1", *small)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "runs/robo/bilstm").iterdir()) == ["C1_H2", "baseline"]
    assert len(list(tmp_path.rglob("finished"))) == 2
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    for name, text in EXPERIMENTS.items():
        (tmp_path / "mine" / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
        again = train_here("--config-dir=mine", f"experiment={name}", *small)
        runs = {"params": 2, "defaults": 1}[name]
        assert again.stdout == f"All {runs} runs are finished; nothing to do.\n"


def test_hydra_lists_the_names_of_cells() -> None:
    source = CellSource("test", "cells://")
    assert source.list("", None) == ["cell"]
    assert source.list("cell", ObjectType.CONFIG) == sorted(CELLS)
    assert source.list("cell", ObjectType.GROUP) == source.list("data", None) == []


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_composes_under_its_own_name(name: str) -> None:
    assert composed(f"data={name}").data.name == name


SERIES = ("csv", "symbols")
"""The feature sets of a user's own series."""

HELP = str(OmegaConf.load(CONF / "config.yaml").hydra.help.template)


def test_help_explains_every_key() -> None:
    config = OmegaConf.load(CONF / "config.yaml")
    keys = [str(key) for key in config if key not in ("defaults", "hydra", "preprocess")]
    keys += [f".{key}" if key != "lowercase" else "preprocess.lowercase" for key in config.preprocess]
    for model in (CONF / "model").glob("*.yaml"):
        options = composed(f"model={model.stem}").model
        keys += [model.stem, *(f"model.{key}" for key in options if key not in ("name", "_target_"))]
    for own in OWN_SETS:
        given = OmegaConf.load(CONF / "data" / f"{own}.yaml")
        keys += [f"{own}: ", *(f"data.{key}" for key in given if key != "reader")]
    keys += [path.stem for group in ("features", "sentiment") for path in (CONF / group).glob("*.yaml")]
    keys += [f"series.{key}" for name in SERIES for key in OmegaConf.load(CONF / "features" / f"{name}.yaml").series]
    keys += ["cell", *(f"cell.{key}" for key in CELL_KEYS), "data", "model", "features", "sentiment", *KNOWN, *VARIANTS]
    assert [key for key in keys if key not in HELP] == []


def test_help_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSTM_CS_DATA", raising=False)
    config = composed()
    shown = re.findall(r"^ +([a-z_.]+) .*\[([^\]]+)\]$", HELP, re.MULTILINE)
    assert len(shown) > 10
    assert shown == [(key, yaml.safe_dump(OmegaConf.select(config, key)).split("\n")[0]) for key, _ in shown]


def test_a_feature_set_brings_its_model_and_the_protocol_its_stopping() -> None:
    paper, walk = composed("features=btc"), composed("features=btc", "protocol=walk_forward")
    assert (paper.model.name, paper.patience, paper.test_epoch) == ("lstm", None, "last")
    assert (walk.model.name, walk.patience, walk.test_epoch) == ("lstm", 5, "best")
    chosen = composed("features=btc", "model=cnn_lstm", "patience=3", "test_epoch=best")
    assert (chosen.model.name, chosen.patience, chosen.test_epoch) == ("cnn_lstm", 3, "best")


def test_only_a_pre_trained_model_brings_a_learning_rate_of_its_own() -> None:
    rates = {path.stem: composed(f"model={path.stem}").lr for path in (CONF / "model").glob("*.yaml")}
    assert 2e-5 <= rates.pop("bert") <= 5e-5
    assert set(rates.values()) == {0.001}
    assert composed("model=bert", "lr=0.0001").lr == 0.0001


def test_a_recipe_sets_what_nobody_else_does() -> None:
    best, paper = composed(), composed("recipe=paper")
    assert best == composed("recipe=best")
    given = composed("recipe=paper", "epochs=3", "preprocess.order=lowercase_first")
    assert (given.epochs, given.preprocess.order, given.padding) == (3, "lowercase_first", "paper")
    assert (paper.patience, paper.test_epoch, paper.split, paper.loss) == (None, "last", "by_seed", "sigmoid")
    assert (paper.padding, paper.preprocess.order, paper.preprocess.stop_words) == ("paper", "paper", True)


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (CONF / "recipe").glob("*.yaml")))
def test_every_recipe_is_one_that_a_run_can_follow(recipe: str) -> None:
    for overrides in ([], ["model=bert"], ["model=tfidf"], ["model=transformer"]):
        check(composed(f"recipe={recipe}", *overrides))
    assert composed(f"recipe={recipe}", "model=bert").padding == "mask"
    assert composed(f"recipe={recipe}", "features=btc").epochs >= 1
