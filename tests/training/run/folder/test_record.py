"""The record of a run: its identity, its names, and the tables that it explains."""

import functools
import hashlib
import re
from pathlib import Path

import pytest
from hydra.utils import get_method
from omegaconf import OmegaConf

from conf.compose import CONF, composed
from conf.kinds import MARKET, TEXTS
from training.run.folder.record import AS_BEFORE, PLACES, RECORDED_AS, Record, metrics_lines, result
from training.run.folder.run_folder import RunFolder

RUNS = {
    "texts": ("data=robo", "cell=C1"),
    "market": ("features=btc_sent", "source=synthetic", "window=7", "cell=H2"),
    "transformer": ("model=transformer", "data=hate", "cell=C7", "seed=3"),
    "tfidf": ("model=tfidf", "data=mlma"),
    "bert": ("model=bert", "data=ag", "fold=2"),
    "cnn_lstm": (
        "features=btc_usd_sent_sp500", "protocol=walk_forward", "model=cnn_lstm", "window=30", "fold=3", "n_folds=4",
    ),
    "formulas": (
        "data=semeval", "padding=paper", "clip=1", "cell.current='c * relu(o)'", "cell.hidden='h*sigmoid(c)'",
    ),
}  # fmt: skip

FOLDERS = {
    "texts": "robo/bilstm/C1/seed0_fold0_c0494d9b",
    "market": "btc_sent/lstm/H2/window7_seed0_fold0_0896729f",
    "transformer": "hate/transformer/C7/seed3_fold0_083200e7",
    "tfidf": "mlma/tfidf/baseline/seed0_fold0_3857e240",
    "bert": "ag/bert/baseline/seed0_fold2_e485339c",
    "cnn_lstm": "btc_usd_sent_sp500/cnn_lstm/baseline/window30_seed0_fold3_7c9c239f",
    "formulas": "semeval/bilstm/c_c_relu_o_h_h_sigmoid_c/seed0_fold0_d0094ea6",
}
"""The folders of RUNS since the first version that has them all: a run that is finished there must be found."""

CONFIGS = {
    "texts": "9cfcebd2", "market": "bdb794ac", "transformer": "800b2e84", "tfidf": "f5485fba", "bert": "61cbbce8",
    "cnn_lstm": "b88f7d42", "formulas": "415ce92e",
}  # fmt: skip
"""First digits of the SHA-256 of their config.yaml."""


BEFORE = ("split=fixed",)
"""Settings by which runs on texts are those of the first versions."""


@functools.cache
def record(*overrides: str) -> Record:
    return Record.of(composed(*overrides))


@pytest.mark.parametrize("name", RUNS)
def test_old_runs_keep_their_folders_and_their_config(name: str) -> None:
    texts = not any(override.startswith("features=") for override in RUNS[name])
    folder = RunFolder.of(composed(*RUNS[name], *(BEFORE if texts else ()), "runs_dir=mine"))
    assert folder.path == Path("mine") / FOLDERS[name]
    assert hashlib.sha256(folder.record.yaml.encode()).hexdigest()[:8] == CONFIGS[name]


def test_runs_on_raw_tweets_are_those_of_versions_that_knew_no_other() -> None:
    tweets = ("features=btc_sent", "sentiment=vader", "sentiment.file=market/tweets.csv")
    assert "prepare" not in record(*tweets).values["sentiment"]
    assert record(*tweets, "sentiment.prepare=paper").values["sentiment"]["prepare"] == "paper"


def test_runs_on_closes_are_those_of_versions_that_knew_nothing_else() -> None:
    assert not {"target", "messages"} & set(record("features=btc").values)
    other = record("features=btc_messages", "target=volatility").values
    assert (other["target"], other["messages"]["name"]) == ("volatility", "reddit")


@pytest.mark.parametrize("name", RUNS)
def test_a_record_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    written = RunFolder(tmp_path / name, record(*RUNS[name]))
    written.claim()
    written.release()
    assert RunFolder.at(tmp_path / name).record == written.record


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_net_is_that_of_the_configuration(name: str) -> None:
    config = composed(*RUNS[name])
    assert Record.of(config).config.model == config.model


@pytest.mark.parametrize("today", RECORDED_AS)
def test_a_name_that_a_record_keeps_for_moved_code_is_still_needed(today: str) -> None:
    files = (path for group in ("model", "data") for path in (CONF / group).glob("*.yaml"))
    targets = [target for path in files for target in re.findall(r"_target_: ([\w.]+)", path.read_text())]
    named = [target for target in targets if f"{target}.".startswith(f"{today}.")]
    assert named
    assert all(callable(get_method(target)) for target in named)


def test_a_record_says_what_a_run_is() -> None:
    text = record("data=robo", "cell=C1", "seed=2", "fold=3")
    assert (text.kind, text.learnt_from, text.model, text.cell) == (TEXTS, "robo", "bilstm", "C1")
    assert (text.seed, text.fold) == (2, 3)
    assert str(text) == "robo bilstm C1 seed 2 fold 3"
    market = record("features=btc_sent", "window=30")
    assert (market.kind, market.learnt_from, market.model, market.cell) == (MARKET, "btc_sent", "lstm", "baseline")
    assert str(market) == "btc_sent lstm baseline window 30 seed 0 fold 0"


def test_columns_are_the_settings_that_tell_runs_apart() -> None:
    text = record("cell=C1", "seed=2")
    assert text.columns == {
        "data": "robo", "partition": "by_seed", "model": "bilstm", "cell": "C1", "current": "c * o", "hidden": None,
        "settings": text.settings, "seed": 2, "fold": 0,
    }  # fmt: skip
    assert record("model=bert", "split=fixed").data_columns == {
        "data": "robo", "partition": "fixed", "checkpoint": "bert-base-uncased",
    }  # fmt: skip
    assert record("features=btc", "window=30", "control=leak").data_columns == {
        "features": "btc", "sentiment": None, "messages": None, "window": 30, "horizon": 1, "target": None,
        "protocol": "paper", "control": "leak", "source": "yahoo",
    }  # fmt: skip


def test_only_what_a_cell_alters_is_recorded_beside_equation_7() -> None:
    assert record("cell=C1").values["cell"] == {"current": "c * o", "hidden": None}
    given = ("cell=C1", "cell.o='sigmoid(a_o + p * c)'", "cell.learned.p=0", "cell.zoneout=0.1")
    more = record(*given)
    assert more.values["cell"] == {
        "o": "sigmoid(a_o + p * c)", "current": "c * o", "hidden": None, "learned": {"p": 0.0}, "zoneout": 0.1,
    }  # fmt: skip
    assert list(more.columns) == list(record().columns)
    assert (more.columns["current"], more.columns["hidden"]) == ("c * o", None)
    assert more.cell == "o = sigmoid(a_o + p * c); current = c * o; learn p = 0; zoneout = 0.1"
    assert record("cell.hidden='h*o'").cell == "h = h * o"
    assert record("cell=CIFG") == record("cell.f='1-i'")
    assert record(*given, "cell.learned.p=1").fingerprint != more.fingerprint


def test_two_cells_have_two_names_and_the_folders_of_older_versions() -> None:
    given = {
        "cell.current='f*g'": "c = f * g",
        "cell.c='f*g'": "c := f * g",
        "cell.hidden='f*g'": "h = f * g",
        "cell.h='f*g'": "h := f * g",
        "cell.c=g cell.hidden='f*g'": "c = g; hidden = f * g",
    }
    records = [record(*overrides.split()) for overrides in given]
    assert [each.cell for each in records] == [*given.values()]
    assert [each.folder.parent.name for each in records] == ["c_f_g", "c_f_g", "h_f_g", "h_f_g", "c_g_hidden_f_g"]
    assert len({each.folder for each in records}) == len(records)


def test_runs_that_differ_in_cell_seed_and_fold_alone_have_the_same_settings() -> None:
    assert record("cell=C1", "seed=1", "fold=2").settings == record().settings
    assert record("cell=C1", "seed=1", "fold=2").fingerprint != record().fingerprint
    assert record("lr=0.002").settings != record().settings


def test_the_result_is_the_last_row(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text('warning,split,rmse\n"a, b",val,1\n"a, b",test,2\n')
    assert result(tmp_path) == {"warning": "a, b", "split": "test", "rmse": "2"}
    assert len(metrics_lines(tmp_path)) == 3


@pytest.mark.parametrize("text", [None, "", "split,rmse\n", "\xff"])
def test_a_table_without_rows_has_no_lines(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "metrics.csv").write_bytes(text.encode("latin-1"))
    assert metrics_lines(tmp_path) == []


def test_the_placebo_is_the_baseline_under_another_name() -> None:
    placebo, baseline = record("cell=placebo"), record()
    assert placebo.values["cell"] == {"current": None, "hidden": None, "placebo": True}
    assert placebo.columns == {**baseline.columns, "cell": "placebo"}
    assert placebo.fingerprint != baseline.fingerprint
    assert placebo.folder.parent == Path("robo/bilstm/placebo")


def test_a_formula_that_is_in_table_1_is_the_same_run_as_its_name() -> None:
    assert record("cell=C1") == record("cell.current='c*o'")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lr=1", "lr=1.0"),
        ("clip=1", "clip=1e0"),
        ("model.dropout=0", "model.dropout=0.0"),
        ("cell.learned={p: 0}", "cell.learned={p: 0.0}"),
        ("cell.noise={p: 1}", "cell.noise={p: 1.0}"),
        ("cell=baseline", "cell.current=c"),
        ("cell=baseline", "cell.o='sigmoid( a_o )'"),
    ],
)
def test_two_spellings_are_one_run(one: str, other: str) -> None:
    reads = ["cell.i='p * a_i'"] if "{p" in one else []
    assert record(*reads, one).yaml == record(*reads, other).yaml
    assert record(*reads, one).fingerprint == record(*reads, other).fingerprint


def test_learned_coefficients_are_recorded_as_they_were() -> None:
    assert "p_i: 0.0" in record("cell=PEEPHOLES").yaml


@pytest.mark.parametrize("key", PLACES)
def test_places_are_not_part_of_a_record(key: str) -> None:
    assert record(f"{key}=elsewhere") == record()


OTHER_VALUES = {
    "loss": "softmax", "padding": "paper", "split": "fixed", "monitor": "accuracy", "preprocess.order": "paper",
    "preprocess.stem": "true", "cell": "H2", "data": "hate",
}  # fmt: skip


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "fold",
        "n_folds",
        "split",
        "monitor",
        "epochs",
        "patience",
        "batch_size",
        "lr",
        "model.hidden",
        *OTHER_VALUES,
    ],
)
def test_whatever_changes_a_result_changes_the_fingerprint(key: str) -> None:
    assert record(f"{key}={OTHER_VALUES.get(key, 9)}").fingerprint != record().fingerprint


def test_a_reading_of_a_data_set_is_recorded_unless_it_is_that_of_older_versions() -> None:
    assert record("data=crowd").values["data"]["corpus"] == {"_target_": "datamodules.corpora.crowd"}
    assert record("data=crowd", "data.corpus.classes=13").values["data"]["corpus"]["classes"] == 13


@pytest.mark.parametrize(("data", "key"), [("hate", "url"), ("crowd", "page"), ("robo", "note"), ("ag", "readings")])
def test_an_address_is_not_part_of_a_record_but_the_file_is(data: str, key: str) -> None:
    other = "[other]" if key == "readings" else "other"
    assert record(f"data={data}", f"data.{key}={other}") == record(f"data={data}")
    assert record("data=ag", "data.instead=mine.csv") != record("data=ag")


@pytest.mark.parametrize(
    "override", ["window=30", "horizon=3", "protocol=walk_forward", "source=synthetic", "sentiment=stocktwits"]
)
def test_keys_of_the_market_are_not_part_of_the_record_of_a_run_on_texts(override: str) -> None:
    assert record(override) == record()
    assert record("features=btc_sent", override).fingerprint != record("features=btc_sent").fingerprint


@pytest.mark.parametrize("override", ["loss=softmax", "padding=paper", "preprocess.stem=true", "split_seed=3"])
def test_keys_of_texts_are_not_part_of_the_record_of_a_run_on_the_market(override: str) -> None:
    assert record("features=btc", override) == record("features=btc")


def test_sentiment_counts_only_where_it_is_a_feature() -> None:
    other = "sentiment=price_sign"
    assert record("features=btc", other) == record("features=btc")
    assert record("features=btc_sent", other) != record("features=btc_sent")


def test_the_seed_of_the_partition_is_recorded_where_there_is_one() -> None:
    assert record().values["split"] == "by_seed"
    assert record("split_seed=3") == record()
    fixed = record("split=fixed", "split_seed=3")
    assert "split" not in fixed.values
    assert fixed.values["split_seed"] == 3
    assert fixed.settings not in (record("split=fixed").settings, record().settings)


@pytest.mark.parametrize(
    "series", [("features=btc",), ("features=csv", "series.file=a", "series.date=b", "series.target=c")]
)
def test_the_one_split_of_the_papers_protocol_is_the_same_run_with_any_number_of_folds(series: tuple[str, ...]) -> None:
    first, other = (record(*series, "window=7", "protocol=paper", *folds) for folds in ((), ("n_folds=5",)))
    assert other == first
    walked = (record(*series, "window=7", "protocol=walk_forward", f"n_folds={folds}", "fold=0") for folds in (5, 6))
    assert len(set(each.fingerprint for each in walked)) == 2


def test_a_record_of_older_versions_has_one_partition() -> None:
    old = Record({key: value for key, value in record().values.items() if key != "split"} | {"split_seed": 0})
    assert old.data_columns["partition"] == "fixed"


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("clip", 1),
        ("monitor", "accuracy"),
        ("preprocess.order", "paper"),
        ("split", "by_seed"),
        ("preprocess.tfidf_terms", 9),
        ("preprocess.min_words", 2),
        ("preprocess.duplicates", "drop"),
    ],
)
def test_a_record_leaves_out_what_older_versions_always_did(key: str, other: object) -> None:
    assert OmegaConf.select(OmegaConf.create(dict(record("split=fixed").values)), key) is None
    assert OmegaConf.select(OmegaConf.create(dict(record(f"{key}={other}").values)), key) == other
    assert key in AS_BEFORE
