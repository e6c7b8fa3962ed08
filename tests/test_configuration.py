from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from cells.alterations import CURRENT, HIDDEN
from training.configuration import PLACES, alteration_of, check, fingerprint, identity, register_cells
from training.errors import UserError

CONF = Path(__file__).resolve().parent.parent / "conf"


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    register_cells()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
    GlobalHydra.instance().clear()


def configuration(*overrides: str) -> DictConfig:
    return compose("config", overrides=list(overrides))


@pytest.mark.parametrize("name", ["baseline", *CURRENT, *HIDDEN])
def test_every_line_of_table_1_is_a_cell(name: str) -> None:
    alteration = alteration_of(configuration(f"cell={name}"))
    assert alteration.name == name
    assert alteration.current == CURRENT.get(name)
    assert alteration.hidden == HIDDEN.get(name)


def test_a_formula_that_is_in_table_1_is_the_same_run_as_its_name() -> None:
    assert identity(configuration("cell=C1")) == identity(configuration("cell.current='c*o'"))


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml")))
def test_every_data_set_composes_under_its_own_name(name: str) -> None:
    assert configuration(f"data={name}").data.name == name


@pytest.mark.parametrize("key", PLACES)
def test_places_are_not_part_of_a_runs_identity(key: str) -> None:
    assert identity(configuration(f"{key}=elsewhere")) == identity(configuration())


OTHER_VALUES = {"loss": "softmax", "padding": "paper", "preprocess.stem": "true", "cell": "H2", "data": "hate"}


@pytest.mark.parametrize(
    "key",
    ["seed", "fold", "n_folds", "split_seed", "epochs", "patience", "batch_size", "lr", "model.hidden", *OTHER_VALUES],
)
def test_whatever_changes_a_result_changes_the_fingerprint(key: str) -> None:
    other = identity(configuration(f"{key}={OTHER_VALUES.get(key, 9)}" if key != "fold" else "fold=9"))
    assert fingerprint(other) != fingerprint(identity(configuration()))


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
        ("test_epoch=last", "patience=null"),
    ],
)
def test_values_no_run_can_use_are_refused(override: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        check(configuration(override))
    assert override.split("=")[0] in str(error.value)


def test_help_explains_every_key() -> None:
    config = OmegaConf.load(CONF / "config.yaml")
    text = str(config.hydra.help.template)
    keys = [str(key) for key in config if key not in ("defaults", "hydra", "preprocess")]
    keys += [f".{key}" if key != "lowercase" else "preprocess.lowercase" for key in config.preprocess]
    keys += [
        f"model.{key}" for key in OmegaConf.load(CONF / "model" / "bilstm.yaml") if key not in ("name", "_target_")
    ]
    keys += ["cell.current", "cell.hidden", *(path.stem for path in (CONF / "data").glob("*.yaml"))]
    assert [key for key in keys if key not in text] == []
