"""The two kinds of runs, and how a configuration says which one it means."""

import re

import pytest

from cells.errors import UserError
from conf.compose import CONF, composed
from conf.kinds import KINDS, MARKET, TEXTS, encoder_of, kind_of


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml")))
def test_naming_a_data_set_means_texts(name: str) -> None:
    own = {"csv": "data.file=csv_file.csv", "hf": "data.path=a/hf_file"}
    config = composed(f"data={name}", *filter(None, [own.get(name)]))
    assert kind_of(config) is TEXTS
    assert TEXTS.learnt_from(config) == (f"{name}_file" if name in own else name)


OWN = {
    "csv": ["series.file=a/my sales.csv", "series.target=units"],
    "symbols": ["series.symbols=[A]", "series.target=A"],
}
BITCOIN = sorted({path.stem for path in (CONF / "features").glob("*.yaml")} - OWN.keys())


@pytest.mark.parametrize("name", BITCOIN)
def test_naming_a_feature_set_means_the_market(name: str) -> None:
    config = composed(f"features={name}")
    assert kind_of(config) is MARKET
    assert MARKET.learnt_from(config) == name


@pytest.mark.parametrize(("name", "called", "target"), [("csv", "my_sales", "units"), ("symbols", "A", "A")])
def test_an_own_series_is_called_by_its_file_or_symbol(name: str, called: str, target: str) -> None:
    config = composed(f"features={name}", *OWN[name])
    MARKET.check(config)
    assert kind_of(config) is MARKET
    assert (MARKET.learnt_from(config), config.target, config.source) == (called, target, name)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("csv", ["series.target=units"], "features=csv needs series.file=..."),
        ("csv", [*OWN["csv"], "series.inputs=price"], "give a list of names"),
        ("csv", [*OWN["csv"], "series.season=0"], "whole number of periods"),
        ("csv", [*OWN["csv"], "target=volatility"], "named by series.target="),
        ("csv", [*OWN["csv"], "control=leak"], "needs features with sentiment"),
        ("csv", [*OWN["csv"], "source=yahoo"], "leave it out"),
        ("symbols", ["series.symbols=[A,../x]", "series.target=A"], "give Yahoo's names"),
    ],
)
def test_mistakes_about_an_own_series_are_said(name: str, given: list[str], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        MARKET.check(composed(f"features={name}", *given))


def test_each_key_of_a_kind_is_a_key_of_the_configuration_and_of_no_other_kind() -> None:
    known = {str(key) for config in (composed(), composed("features=btc"), composed("features=csv")) for key in config}
    known |= {path.name for path in CONF.iterdir() if path.is_dir()}  # groups that set keys and have none
    keys = [key for kind in KINDS for key in kind.keys]
    assert set(keys) <= known
    assert len(set(keys)) == len(keys)
    for kind in KINDS:
        assert {*kind.groups, *kind.columns, *kind.in_name, *kind.at_least} <= set(kind.keys)


def test_only_a_pre_trained_model_reads_with_an_encoder() -> None:
    encoders = {path.stem: encoder_of(composed(f"model={path.stem}")) for path in (CONF / "model").glob("*.yaml")}
    assert encoders.pop("bert") == "bert-base-uncased"
    assert set(encoders.values()) == {None}
