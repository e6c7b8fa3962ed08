"""The configuration as it is composed, and whether --help explains all of it."""

import re

import pytest
import yaml
from omegaconf import OmegaConf

from cells.alterations import CURRENT, HIDDEN
from cells.language.functions import FUNCTIONS
from conf.checks import check
from conf.compose import CONF, alteration_of, composed

DATA_SETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


@pytest.mark.parametrize("name", ["baseline", *CURRENT, *HIDDEN])
def test_every_line_of_table_1_is_a_cell(name: str) -> None:
    alteration = alteration_of(composed(f"cell={name}"))
    assert alteration.name == name
    assert alteration.texts() == {"current": CURRENT.get(name), "hidden": HIDDEN.get(name)}


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
