"""The two kinds of runs, and how a configuration says which one it means."""

import pytest

from conf.compose import CONF, composed
from conf.kinds import KINDS, MARKET, TEXTS, encoder_of, kind_of


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml")))
def test_naming_a_data_set_means_texts(name: str) -> None:
    config = composed(f"data={name}")
    assert kind_of(config) is TEXTS
    assert TEXTS.learnt_from(config) == name


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "features").glob("*.yaml")))
def test_naming_a_feature_set_means_the_market(name: str) -> None:
    config = composed(f"features={name}")
    assert kind_of(config) is MARKET
    assert MARKET.learnt_from(config) == name


def test_each_key_of_a_kind_is_a_key_of_the_configuration_and_of_no_other_kind() -> None:
    known = {str(key) for config in (composed(), composed("features=btc")) for key in config}
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
