"""The configuration as it is composed, and whether --help explains all of it."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import Command
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from cells.alterations import CURRENT, HIDDEN, resolve
from cells.errors import UserError
from cells.language.functions import FUNCTIONS
from conf.cell_source import CellSource
from conf.compose import CELLS, CONF, alteration_of, composed

DATA_SETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


@pytest.mark.parametrize("name", ["baseline", *CURRENT, *HIDDEN])
def test_every_line_of_table_1_is_a_cell(name: str) -> None:
    alteration = alteration_of(composed(f"cell={name}"))
    assert alteration.name == name
    assert alteration.texts() == {"current": CURRENT.get(name), "hidden": HIDDEN.get(name)}


@pytest.mark.parametrize("written", ["C1+H2", "H2+C1", "'C1 + H2'"])
def test_names_that_alter_different_equations_can_be_joined(written: str) -> None:
    alteration = alteration_of(composed(f"cell={written}"))
    assert alteration == resolve("C1+H2")
    assert alteration.name == "C1+H2"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("C13", "cell=C13: there is no cell 'C13', did you mean 'C"),
        ("C1+H9", "cell=C1+H9: there is no cell 'H9', did you mean 'H"),
        ("basline", "did you mean 'baseline'?"),
        ("C1+C2", "cell=C1+C2: 'C1+C2' alters one state twice"),
        ("C1+baseline", "cell=C1+baseline: no alteration 'baseline'"),
        ("'c * o'", "a formula of your own is given with cell.current="),
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


HELP = str(OmegaConf.load(CONF / "config.yaml").hydra.help.template)


def test_help_explains_every_key() -> None:
    config = OmegaConf.load(CONF / "config.yaml")
    keys = [str(key) for key in config if key not in ("defaults", "hydra", "preprocess")]
    keys += [f".{key}" if key != "lowercase" else "preprocess.lowercase" for key in config.preprocess]
    for model in (CONF / "model").glob("*.yaml"):
        options = composed(f"model={model.stem}").model
        keys += [model.stem, *(f"model.{key}" for key in options if key not in ("name", "_target_"))]
    keys += [path.stem for group in ("features", "sentiment") for path in (CONF / group).glob("*.yaml")]
    keys += ["cell", "cell.current", "cell.hidden", "data", "model", "features", "sentiment", *FUNCTIONS]
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
