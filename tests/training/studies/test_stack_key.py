"""The runs that `stack=`, `stack.seeds=` and `stack.folds=` stand for."""

import pytest

from cells.errors import UserError
from training.studies.stack_key import expand_stack, overrides_together


def given(*overrides: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for override in overrides:
        values.setdefault(override.partition("=")[0], []).append(override)
    return values


def runs(*overrides: str, n_folds: int = 10) -> tuple[int, list[str], list[str]]:
    size, added = expand_stack(given(*overrides), n_folds)
    values = {key: [override.partition("=")[2] for override in added.get(key, [])] for key in ("seed", "fold")}
    return size, values["seed"], values["fold"]


def test_without_it_there_are_no_stacks() -> None:
    assert runs("seed=0", "seed=1") == (1, [], [])


def test_a_number_stands_for_all_folds_of_so_many_seeds() -> None:
    assert runs("stack=20") == (20, ["0", "1"], [str(k) for k in range(10)])
    assert runs("stack=15") == (15, ["0", "1"], [str(k) for k in range(10)])
    assert runs("stack=3") == (3, ["0"], ["0", "1", "2"])
    assert runs("stack=6", "n_folds=4") == runs("stack=6", n_folds=4) == (6, ["0", "1"], ["0", "1", "2", "3"])


def test_beside_seeds_or_folds_it_is_a_size_alone() -> None:
    assert runs("stack=20", "seed=0", "seed=1") == (20, [], [])
    assert runs("stack=20", "fold=3") == (20, [], [])


def test_seeds_and_folds_are_counted_from_the_given_ones() -> None:
    assert runs("stack.seeds=2", "stack.folds=3", "seed=5") == (6, ["5", "6"], ["0", "1", "2"])
    assert runs("stack.seeds=2", "seed=5", "seed=7") == (2, [], [])


def test_a_market_has_folds_in_walk_forward_only() -> None:
    assert runs("stack=3", "features=btc") == (3, ["0", "1", "2"], ["0"])
    assert runs("stack=3", "features=btc", "protocol=walk_forward") == (3, ["0"], ["0", "1", "2"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["stack=0"], "stack=0: give one whole number"),
        (["stack=many"], "stack=many: give one whole number"),
        (["stack=2", "stack=3"], "stack=2, stack=3: give one whole number"),
        (["stack=2", "stack.seeds=3"], "give one or the other"),
        (["stack.folds=11"], "fold=10 is none of the folds 0 to 9"),
        (["stack.folds=2", "fold=9"], "fold=10 is none of the folds 0 to 9"),
        (["stack.seeds=2", "seed=x"], "seed=x: give one whole number, 0 or more"),
        (["stack.folds=2", "features=btc"], "fold=1 is none of the folds 0 to 0"),
    ],
)
def test_what_it_cannot_be_is_one_sentence(overrides: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        runs(*overrides)


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("-m cell=C1 seed=0", "-m cell=C1 seed=0"),
        ("data=robo -m cell=C1,C2", "data=robo cell=C1,C2 -m"),
        ("data=robo --cfg job seed=1 -p model", "data=robo seed=1 --cfg job -p model"),
        ("~clip --info seed=1", "~clip seed=1 --info"),
        ("--help", "--help"),
    ],
)
def test_options_may_stand_between_overrides(typed: str, given: str) -> None:
    assert overrides_together(typed.split()) == given.split()
