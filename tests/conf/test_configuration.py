"""What a configuration may say, what it means, and whether --help tells all of it."""

import re

import pytest
import yaml
from omegaconf import OmegaConf

from cells.alterations import CURRENT, HIDDEN
from cells.errors import UserError
from cells.language.functions import FUNCTIONS
from conf.configuration import CONF, SURROUNDINGS, alteration_of, check, composed
from training.run.record import fingerprint, identity

DATA_SETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


@pytest.mark.parametrize("name", ["baseline", *CURRENT, *HIDDEN])
def test_every_line_of_table_1_is_a_cell(name: str) -> None:
    alteration = alteration_of(composed(f"cell={name}"))
    assert alteration.name == name
    assert alteration.texts() == {"current": CURRENT.get(name), "hidden": HIDDEN.get(name)}


def test_a_formula_that_is_in_table_1_is_the_same_run_as_its_name() -> None:
    assert identity(composed("cell=C1")) == identity(composed("cell.current='c*o'"))


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_composes_under_its_own_name(name: str) -> None:
    assert composed(f"data={name}").data.name == name


@pytest.mark.parametrize("key", SURROUNDINGS)
def test_places_are_not_part_of_a_runs_identity(key: str) -> None:
    assert identity(composed(f"{key}=elsewhere")) == identity(composed())


OTHER_VALUES = {"loss": "softmax", "padding": "paper", "preprocess.stem": "true", "cell": "H2", "data": "hate"}


@pytest.mark.parametrize(
    "key",
    ["seed", "fold", "n_folds", "split_seed", "epochs", "patience", "batch_size", "lr", "model.hidden", *OTHER_VALUES],
)
def test_whatever_changes_a_result_changes_the_fingerprint(key: str) -> None:
    other = identity(composed(f"{key}={OTHER_VALUES.get(key, 9)}" if key != "fold" else "fold=9"))
    assert fingerprint(other) != fingerprint(identity(composed()))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=hinge", "sigmoid or softmax"),
        ("padding=left", "mask or paper"),
        ("fold=10", "0 to 9"),
        ("fold=-1", "0 or more"),
        ("n_folds=2", "3 or more"),
        ("epochs=0", "1 or more"),
        ("epochs=many", "whole number"),
        ("epochs=true", "whole number"),
        ("batch_size=1.5", "whole number"),
        ("patience=0", "1 or more"),
        ("lr=0", "above 0"),
        ("lr=fast", "above 0"),
        ("lr=nan", "above 0"),
        ("test_epoch=first", "best or last"),
        ("seed=4294967296", "up to 4294967295"),
        ("split_seed=99999999999999999999", "up to 4294967295"),
        ("data_dir=null", "path of a folder"),
        ("runs_dir=''", "path of a folder"),
        ("test_epoch=last", "patience=null"),
    ],
)
def test_values_no_run_can_use_are_refused(override: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        check(composed(override))
    assert override.split("=")[0] in str(error.value)


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


@pytest.mark.parametrize("key", ["url", "page", "note"])
def test_an_address_is_not_part_of_a_runs_identity(key: str) -> None:
    assert identity(composed("data=hate", f"++data.{key}=other")) == identity(composed("data=hate"))
    assert identity(composed("data=ag", "data.instead=mine.csv")) != identity(composed("data=ag"))


@pytest.mark.parametrize(
    "override", ["window=30", "horizon=3", "protocol=walk_forward", "source=synthetic", "sentiment=stocktwits"]
)
def test_what_is_about_the_market_is_not_part_of_a_texts_identity(override: str) -> None:
    assert identity(composed(override)) == identity(composed())
    market = "features=btc_sent"
    assert fingerprint(identity(composed(market, override))) != fingerprint(identity(composed(market)))


@pytest.mark.parametrize("override", ["loss=softmax", "padding=paper", "preprocess.stem=true", "split_seed=3"])
def test_what_is_about_texts_is_not_part_of_a_markets_identity(override: str) -> None:
    assert identity(composed("features=btc", override)) == identity(composed("features=btc"))


def test_sentiment_counts_only_where_it_is_a_feature() -> None:
    other = "sentiment=price_sign"
    assert identity(composed("features=btc", other)) == identity(composed("features=btc"))
    assert identity(composed("features=btc_sent", other)) != identity(composed("features=btc_sent"))


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


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["features=btc", "data=mlma"], "data=mlma and features=btc"),
        (["features=btc", "loss=softmax"], "loss=softmax: loss= is about texts"),
        (["features=btc", "preprocess.stem=true"], "preprocess= is about texts"),
        (["window=30"], "window=30: window= is about the market"),
        (["sentiment.column=x"], "sentiment= is about the market"),
        (["features=btc", "protocol=chance"], "protocol=chance: choose paper or walk_forward"),
        (["features=btc", "horizon=0"], "horizon=0: give a whole number, 1 or more"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(overrides: list[str], says: str) -> None:
    config = composed(*[override for override in overrides if override != "sentiment.column=x"])
    with pytest.raises(UserError, match=says):
        check(config, overrides)
