"""Values of a configuration that are refused."""

import pytest

from cells.errors import UserError
from conf.checks import check
from conf.compose import composed


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=hinge", "sigmoid or softmax"),
        ("padding=left", "mask or paper"),
        ("split=random", "by_seed or fixed"),
        ("monitor=f1", "loss or accuracy"),
        ("fold=10", "0 to 9"),
        ("fold=-1", "0 or more"),
        ("n_folds=2", "3 or more"),
        ("epochs=0", "1 or more"),
        ("epochs=many", "whole number"),
        ("epochs=true", "whole number"),
        ("batch_size=1.5", "whole number"),
        ("patience=0", "1 or more"),
        ("lr=0", "above 0"),
        ("lr=fast", "give a number, such as 0.001"),
        ("lr=nan", "above 0"),
        ("lr=inf", "above 0"),
        ("clip=inf", "above 0"),
        ("batch_size=99999999999999999999", "up to 2147483647"),
        ("threads=1000000", "up to 1024"),
        ("run_dir=3", "path of a folder"),
        ("run_dir=''", "path of a folder"),
        ("cell.zoneout='0.1'", "the quotes make it a text, write cell.zoneout=0.1"),
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


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["features=btc", "data=mlma"], "data=mlma and features=btc"),
        (["features=btc", "loss=softmax"], "loss=softmax: loss= is about texts"),
        (["features=btc", "preprocess.stem=true"], "preprocess= is about texts"),
        (["split_seed=3"], "split_seed=3: with split=by_seed the folds follow seed=, add split=fixed"),
        (
            ["recipe=paper", "monitor=accuracy"],
            "monitor=accuracy: nothing looks at it with test_epoch=last",
        ),
        (["features=btc", "recipe=paper"], "recipe=paper: recipe= is about texts"),
        (["features=btc", "monitor=loss"], "monitor=loss: monitor= is about texts"),
        (["features=btc", "split=fixed"], "split=fixed: split= is about texts"),
        (["cell=placebo", "cell.current='c * o'"], "cell=placebo is the baseline with other random numbers"),
        (["window=30"], "window=30: window= is about the market"),
        (["sentiment.column=x"], "sentiment= is about the market"),
        (["features=btc", "target=mood"], "target=mood: choose close or volatility"),
        (["target=volatility"], "target= is about the market"),
        (["features=btc_messages", "messages=tweets"], "messages=tweets needs messages.file=..."),
        (["features=btc", "protocol=chance"], "protocol=chance: choose paper or walk_forward"),
        (
            ["features=btc_sent", "sentiment=vader", "sentiment.file=x.csv", "sentiment.prepare=no"],
            "choose raw or paper",
        ),
        (["features=btc", "horizon=0"], "horizon=0: give a whole number, 1 or more"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(overrides: list[str], says: str) -> None:
    config = composed(*[override for override in overrides if override != "sentiment.column=x"])
    with pytest.raises(UserError, match=says):
        check(config, overrides)


def test_one_partition_for_all_seeds_may_be_chosen() -> None:
    given = ["split=fixed", "split_seed=3"]
    check(composed(*given), given)
