"""Overrides that nobody would type: each is a configuration that passes the checks, or is refused in one short line."""

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from soak import examples
from within_limits import within_limits

from conf.checks import check
from conf.compose import alteration_of, composed
from conf.keys import paths
from conf.mistakes import is_mistake, message

LONGEST_MESSAGE = 3000  # some list every name of a group

VALID = [
    *("data=robo", "data=mlma", "data=hate", "model=bilstm", "model=transformer", "model=tfidf", "cell=C1"),
    *("cell=CIFG+C1", "cell=placebo", "features=btc", "features=btc_sent", "window=7", "horizon=3", "recipe=paper"),
    *("protocol=walk_forward", "sentiment=none", "loss=softmax", "seed=3", "fold=2", "split=fixed", "split_seed=1"),
    *("epochs=2", "batch_size=16", "lr=0.01", "patience=null", "clip=1.0", "data_dir=data", "runs_dir='r x'"),
    *("stack=3", "stack.seeds=[0,1]", "stack.folds=2", "cell.current='c * relu(o)'", "cell.learned.p=0"),
    *("cell.o='sigmoid(a_o + p * c)'", "cell.zoneout=0.1", "preprocess.stem=true", "padding=paper", "threads=1"),
    *("hydra.run.dir=.", "hydra/launcher=joblib", "end='2016-03-01'", "source=synthetic", "test_epoch=last"),
]
KEYS = sorted({override.partition("=")[0] for override in VALID})
VALUES = [
    *("0", "1", "-1", "1.5", "1e999", "-1e999", "1e-320", "nan", "inf", "9" * 5000, "0x1F", "1_0", "true", "null"),
    *(
        "''",
        '""',
        "'",
        '"',
        "[]",
        "[0,1]",
        "[",
        "{}",
        "{a: 1}",
        "{",
        "[[[[]]]]",
        "[" * 500,
        "(" * 500,
        "a,b",
        "range(3)",
    ),
    *("choice(1,2)", "glob(*)", "interval(0,1)", "${seed}", "${nothing}", "${seed", "${oc.env:HOME}", "${a${b}}"),
    *(
        "../../x",
        "/",
        "..",
        "~",
        "\0",
        "\ud800",
        "\ufeff",
        "\u0661",
        "\n",
        "\t",
        "\\",
        "#",
        "%",
        "@",
        "=",
        "==",
        "a" * 5000,
    ),
]
SIGNS = [
    "",
    "+",
    "++",
    "~",
    "-",
    " ",
    "=",
    ".",
    "/",
    "@",
    ":",
    ",",
    "\0",
    "'",
    "_global_",
    "hydra.",
    "hydra/",
    "foo",
    "${",
]


def strange(chance: random.Random) -> str:
    """An override that is nearly right."""
    override = chance.choice(VALID)
    match chance.randrange(6):
        case 0 | 1:
            return f"{chance.choice(KEYS)}={chance.choice(VALUES)}"
        case 2:
            return f"{chance.choice(KEYS)}={override.partition('=')[2]}"
        case 3:
            return f"{chance.choice(SIGNS)}{override}"
        case 4:
            at = chance.randint(0, len(override))
            return override[:at] + chance.choice([*SIGNS, *VALUES]) + override[at + chance.choice([0, 1, 3]) :]
        case _:
            return override


def refusal(call: Callable[[], object]) -> str:
    """The line with which a call is refused, empty if it is not; any error that no user can put right is raised."""
    try:
        call()
    except Exception as error:
        if not is_mistake(error):
            raise
        return message(error) or "nothing"
    return ""


@examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_overrides(seed: int) -> None:
    chance = random.Random(seed)
    overrides = [strange(chance) for _ in range(chance.randint(1, 3))]

    def configured() -> None:
        config = composed(*overrides)
        check(config)
        alteration_of(config)
        known = OmegaConf.to_container(config, resolve=True)
        assert isinstance(known, dict)
        assert all("foo" not in path.split(".") for path in paths(known))

    line = within_limits(lambda: refusal(configured))
    assert line != "nothing"
    assert "\n" not in line
    assert len(line) <= LONGEST_MESSAGE, line[:500]
