"""Runs trained as one end with the same numbers, and leave the same files, as runs trained alone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning.pytorch as pl
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig

from conf.compose import composed
from datamodules.market.market_datamodule import MarketDataModule
from training.run.fit import fit as fit_alone
from training.run.folder.errors import DivergedError
from training.run.folder.run_folder import Member, RunFolder
from training.stacks import epoch_lines, memory, trainer
from training.stacks.batches import StackedBatches
from training.stacks.stacked_run import StackedRun
from training.studies import worker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_drawn")]

TEXT = ["data=robo", "model.embedding=8", "model.hidden=6", "epochs=8", "patience=2", "lr=0.02", "batch_size=48"]
MARKET = ["features=btc_sent", "source=synthetic", "end='2016-03-01'", "model.hidden=6", "epochs=5", "lr=0.01"]
RUNS = [(0, 0), (0, 3), (1, 0), (2, 1)]


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train in float64, whose rounding stays far below the differences that are allowed."""
    read = MarketDataModule.from_config

    def read_in_double(config: DictConfig) -> MarketDataModule:
        data = read(config)
        data.inputs, data.targets = data.inputs.double(), data.targets.double()
        return data

    monkeypatch.setattr(MarketDataModule, "from_config", read_in_double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def members(runs_dir: Path, cache: Path, *overrides: str, runs: list[tuple[int, int]] = RUNS) -> list[Member]:
    places = [f"runs_dir={runs_dir}", f"cache_dir={cache}", "threads=1"]
    configs = [composed(*overrides, f"seed={seed}", f"fold={fold}", *places) for seed, fold in runs]
    return [Member(config, RunFolder.of(config)) for config in configs]


@pytest.fixture
def nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to train a run outside its stack."""

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is trained alone")

    monkeypatch.setattr(trainer, "fit_alone", refuse)


@pytest.fixture
def first_epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first epoch of every stack that is trained."""
    first: list[int] = []
    fit = trainer.Stack.fit
    monkeypatch.setattr(trainer.Stack, "fit", lambda stack: (first.append(stack.first_epoch), fit(stack)))
    return first


def table(runs: list[Member], name: str) -> pd.DataFrame:
    tables = [pd.read_csv(member.folder.path / f"{name}.csv") for member in runs]
    return pd.concat(tables, ignore_index=True)


def both_ways(tmp_path: Path, *overrides: str, runs: list[tuple[int, int]] = RUNS) -> tuple[list[Member], list[Member]]:
    alone = members(tmp_path / "alone", tmp_path / "cache", *overrides, runs=runs)
    stacked = members(tmp_path / "stacked", tmp_path / "cache", *overrides, runs=runs)
    for member in alone:
        fit_alone(*member)
    trainer.fit(stacked)
    assert all(member.folder.is_finished() for member in [*alone, *stacked])
    return alone, stacked


@pytest.mark.usefixtures("in_double", "nothing_alone")
def test_the_last_net_of_a_stack_goes_on_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    keep = trainer.Stack._keep

    def watched(stack: trainer.Stack, *arguments: object) -> None:
        keep(stack, *arguments)
        left.append(len(stack.runs))

    monkeypatch.setattr(trainer.Stack, "_keep", watched)
    alone, stacked = both_ways(tmp_path, *TEXT, "epochs=30", "patience=1", "lr=0.05", runs=[(0, 0), (1, 3), (2, 5)])
    assert left[-2:] == [1, 1], "the last two epochs are those of one net"
    expected, got = (table(made, "metrics").drop(columns="seconds") for made in (alone, stacked))
    pd.testing.assert_frame_equal(got, expected, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("in_double", "nothing_alone")
@pytest.mark.parametrize(
    "overrides",
    [
        TEXT,
        [*TEXT, "cell=C1", "clip=0.05"],
        [*TEXT, "split=fixed", "split_seed=3"],
        [*TEXT, "cell=placebo"],
        [*TEXT, "monitor=accuracy", "lr=0.05", "patience=4"],
        [*TEXT, "recipe=paper", "epochs=3"],
        [*TEXT, "cell=H2", "loss=softmax", "patience=null", "test_epoch=last", "epochs=3"],
        [*TEXT, "cell=PEEPHOLES", "cell.zoneout=0.1", "cell.recurrent_dropout=0.2"],
        [*MARKET, "model=cnn_lstm", "cell=C4", "cell.zoneout=0.1"],
        [*MARKET, "protocol=walk_forward", "n_folds=4"],
    ],
    ids=["text", "clipped", "fixed", "placebo", "accuracy", "recipe", "softmax", "noise", "market", "walk_forward"],
)
def test_a_stack_gives_what_its_runs_give_alone(tmp_path: Path, overrides: list[str]) -> None:
    runs = RUNS
    if overrides[0] != "data=robo":  # here folds differ in length, and protocol=paper has but one
        folds = (1, 3) if "n_folds=4" in overrides else (0,)
        runs = [(seed, fold) for fold in folds for seed in range(2)]
    alone, stacked = both_ways(tmp_path, *overrides, runs=runs)
    for name in ("metrics", "predictions"):
        expected, got = (table(made, name) for made in (alone, stacked))
        changing = [column for column in ("seconds",) if column in expected]
        pd.testing.assert_frame_equal(got.drop(columns=changing), expected.drop(columns=changing), rtol=0, atol=1e-8)
    epochs = table(stacked, "metrics")["epoch"]
    if not {"patience=null", "recipe=paper"} & {*overrides} and overrides[0] == "data=robo":
        assert epochs.nunique() > 1, "runs that all end together would not show that each has its own end"


def test_a_stack_that_takes_long_says_in_which_epoch_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer.fit(members(tmp_path / "short", tmp_path / "cache", *TEXT, "epochs=2", runs=[(0, 0), (1, 0)]))
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(epoch_lines, "LINE_INTERVAL", 0.0)
    trainer.fit(members(tmp_path / "long", tmp_path / "cache", *TEXT, "epochs=2", runs=[(0, 0), (1, 0)]))
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"robo bilstm baseline seed 0 fold 0 in a stack of 2: epoch 1 of at most 2 took \d+ s", first)
    assert re.fullmatch(r".* in a stack of 2: epoch 2 of at most 2 took \d+ s, 2 of them ended", second)


@pytest.mark.usefixtures("in_double")
def test_a_stack_leaves_what_a_run_leaves(tmp_path: Path) -> None:
    alone, stacked = both_ways(tmp_path, *TEXT, "epochs=2", runs=[(0, 0), (1, 0)])
    for one, other in zip(alone, stacked, strict=True):
        names = [sorted(path.name.split(".")[0] for path in run.folder.path.rglob("*")) for run in (one, other)]
        assert names[0] == names[1]
        assert not one.folder.last_checkpoint.exists()
        assert not other.folder.last_checkpoint.exists()
        curves = [scalars(run.folder.path) for run in (one, other)]
        assert curves[0].keys() == curves[1].keys()
        for tag, (steps, values) in curves[0].items():
            assert steps[-1] == curves[1][tag][0][-1]
            assert values[-1] == pytest.approx(curves[1][tag][1][-1], abs=1e-3)
        assert curves[1]["val/macro_f1"][0] == curves[0]["val/macro_f1"][0]


def scalars(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    found = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"] if "seconds" not in tag}
    return {tag: ([one.step for one in of_tag], [one.value for one in of_tag]) for tag, of_tag in found.items()}


@pytest.mark.parametrize(
    ("command", "weight", "layer"),
    [(TEXT, "dense.bias", "dense"), (TEXT, "lstm_1.weight_hh_l0", "lstm_1"), (MARKET, "lstm.bias_ih_l0", "lstm")],
    ids=["dense", "lstm_1", "market"],
)
def test_a_run_that_diverges_fails_alone_and_names_the_layer(
    command: list[str], weight: str, layer: str, tmp_path: Path
) -> None:
    runs = members(tmp_path, tmp_path / "cache", *command, "epochs=2", runs=[(0, 0), (1, 0), (2, 0)])
    original = trainer.build.net

    def spoilt(config: DictConfig, problem: object) -> object:
        net = original(config, problem)
        if config.seed == 1:
            net.get_parameter(weight).data.fill_(float("nan"))
        return net

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.build, "net", spoilt)
        trainer.fit(runs)
    assert [member.folder.is_finished() for member in runs] == [True, False, True]
    reason = f"the loss is nan in epoch 0, which began in layer {layer}; try a smaller lr"
    assert (runs[1].folder.path / "failed").read_text().startswith(reason)


def test_a_net_that_overflows_later_fails_in_a_stack_as_alone(tmp_path: Path) -> None:
    given = [*TEXT, "epochs=3", "lr=5", "cell.hidden='exp(exp(h * 30 - 10))'"]
    alone = members(tmp_path / "alone", tmp_path / "cache", *given, runs=[(0, 0), (1, 0)])
    stacked = members(tmp_path / "stacked", tmp_path / "cache", *given, runs=[(0, 0), (1, 0)])
    reasons = []
    for member in alone:
        with pytest.raises(DivergedError) as told:
            fit_alone(*member)
        reasons.append(str(told.value))
    trainer.fit(stacked)
    assert [(run.folder.path / "failed").read_text().rstrip() for run in stacked] == reasons
    assert all("began in layer" in reason for reason in reasons)


def test_a_net_whose_forecasts_are_infinite_as_prices_fails_in_a_stack_as_alone(tmp_path: Path) -> None:
    """The losses are of log-returns, and finite."""
    given = [*MARKET, "protocol=walk_forward", "n_folds=3", "lr=1e6"]
    alone = members(tmp_path / "alone", tmp_path / "cache", *given, runs=[(0, 0), (1, 0)])
    stacked = members(tmp_path / "stacked", tmp_path / "cache", *given, runs=[(0, 0), (1, 0)])
    for member in alone:
        with pytest.raises(DivergedError, match=r"^the loss is inf in epoch 0; try a smaller lr \(now 1000000.0\)"):
            fit_alone(*member)
    trainer.fit(stacked)
    assert [(run.folder.path / "failed").read_text().partition(";")[0] for run in stacked] == [
        "the loss is inf in epoch 0", "the loss is inf in epoch 0",
    ]  # fmt: skip


def test_too_little_memory_makes_several_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = members(tmp_path, tmp_path / "cache", *TEXT, "epochs=1", runs=[(seed, 0) for seed in range(5)])
    sizes: list[int] = []
    original = trainer.Stack.fit
    monkeypatch.setattr(trainer.Stack, "fit", lambda stack: (sizes.append(len(stack.runs)), original(stack)))
    each = memory._bytes(trainer._loaded(runs[:1])[0])
    runs[0].folder.release()
    monkeypatch.setattr(memory, "_free_bytes", lambda: int(2.5 * each / memory.SHARE))
    alone: list[int] = []
    monkeypatch.setattr(trainer, "fit_alone", lambda *member: (alone.append(1), fit_alone(*member)))
    trainer.fit(runs)
    assert (sizes, alone) == ([2, 2], [1])
    assert all(member.folder.is_finished() for member in runs)


def test_nets_without_a_stack_are_trained_one_by_one(tmp_path: Path) -> None:
    runs = members(tmp_path, tmp_path / "cache", "data=robo", "model=tfidf", runs=[(0, 0), (0, 1)])
    trainer.fit(runs)
    assert all(member.folder.is_finished() for member in runs)


def test_parts_of_different_length_come_side_by_side(tmp_path: Path) -> None:
    runs = members(tmp_path, tmp_path / "cache", *TEXT, runs=[(0, 0), (1, 1)])
    data = [run.problem.data for run in trainer._loaded(runs)]
    batches = StackedBatches([each.train_dataloader() for each in data])
    batches.set_epoch(3)
    own = [each.train_dataloader() for each in data]
    for part in own:
        part.set_epoch(3)
    for side_by_side, *alone in zip(batches, *own, strict=True):
        for k, batch in enumerate(alone):
            samples, steps = batch.tokens.shape
            assert side_by_side.samples[k] == samples
            assert (side_by_side.own.tokens[k, :samples, :steps] == batch.tokens).all()
            assert side_by_side.own.tokens[k].sum() == batch.tokens.sum()
            assert side_by_side.real[k].sum() == samples


class KilledError(BaseException):
    """Raised by a test where a process would be killed."""


@pytest.mark.usefixtures("in_double", "nothing_alone")
def test_an_interrupted_stack_goes_on_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_epochs: list[int]
) -> None:
    overrides = [*TEXT, "cell=C1"]
    alone = members(tmp_path / "alone", tmp_path / "cache", *overrides)
    trainer.fit(alone)
    monkeypatch.setattr(trainer, "SAVE_INTERVAL", 0.0)
    interrupted = members(tmp_path / "again", tmp_path / "cache", *overrides)
    save = trainer.Stack._save

    def killed(stack: trainer.Stack, *arguments: object) -> None:
        save(stack, *arguments)
        if stack.runs[0].epochs == 4:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Stack, "_save", killed)
        with pytest.raises(KilledError):
            trainer.fit(interrupted)
    for member in interrupted:
        member.folder.release()
    first_epochs.clear()
    trainer.fit(members(tmp_path / "again", tmp_path / "cache", *overrides))
    assert first_epochs == [4]
    expected, got = (table(runs, "metrics").drop(columns="seconds") for runs in (alone, interrupted))
    pd.testing.assert_frame_equal(got, expected, rtol=0, atol=1e-10)
    assert not list(tmp_path.rglob("stack.ckpt"))


@pytest.mark.usefixtures("in_double", "nothing_alone")
def test_what_is_left_of_a_stack_goes_on_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_epochs: list[int]
) -> None:
    overrides = [*TEXT, "patience=null", "epochs=4"]
    expected, interrupted = (members(tmp_path / name, tmp_path / "cache", *overrides, runs=RUNS[:2]) for name in "ab")
    fit_alone(*expected[1])
    monkeypatch.setattr(trainer, "SAVE_INTERVAL", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Stack, "on_train_epoch_start", _killed_in(3, trainer.Stack.on_train_epoch_start))
        with pytest.raises(KilledError):
            trainer.fit(interrupted)
    for member in interrupted:
        member.folder.release()
    assert interrupted[1].folder.stack_checkpoint.exists()
    first_epochs.clear()
    worker._fit(interrupted[1:])
    assert first_epochs == [3], "it goes on after the last epoch that the stack wrote"
    assert not interrupted[1].folder.stack_checkpoint.exists()
    got, alone = (table(made, "metrics").drop(columns="seconds") for made in (interrupted[1:], expected[1:]))
    pd.testing.assert_frame_equal(got, alone, rtol=0, atol=1e-8)


def test_a_stack_that_was_killed_while_its_runs_were_finished_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, killed = (members(tmp_path / name, tmp_path / "cache", *TEXT, "epochs=3", runs=RUNS) for name in "ab")
    trainer.fit(whole)
    finish, finished = StackedRun.finish, list[StackedRun]()

    def finish_one(run: StackedRun) -> None:
        if finished:
            raise KeyboardInterrupt
        finished.append(run)
        finish(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StackedRun, "finish", finish_one)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(killed)
    for member in killed:
        member.folder.release()
    trainer.fit([member for member in killed if not member.folder.is_finished()])
    for one, other in zip(whole, killed, strict=True):
        weights = [torch.load(member.folder.tested_checkpoint)["state_dict"] for member in (one, other)]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def _killed_in(epoch: int, start: Callable[..., None]) -> Callable[..., None]:
    def on_train_epoch_start(stack: trainer.Stack, trainer: pl.Trainer, *arguments: object) -> None:
        if trainer.current_epoch == epoch:
            raise KilledError
        start(stack, trainer, *arguments)

    return on_train_epoch_start


def test_a_run_that_cannot_write_its_results_fails_alone(tmp_path: Path) -> None:
    runs = members(tmp_path, tmp_path / "cache", *TEXT, "epochs=1", runs=[(0, 0), (1, 0)])
    (runs[0].folder.path / "metrics.csv").mkdir(parents=True)
    trainer.fit(runs)
    assert [member.folder.is_finished() for member in runs] == [False, True]
    assert "metrics.csv" in (runs[0].folder.path / "failed").read_text()


def test_a_run_with_a_damaged_checkpoint_begins_anew_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = members(tmp_path, tmp_path / "cache", *TEXT, "epochs=1", runs=[(0, 0), (1, 0), (2, 0)])
    runs[0].folder.checkpoints.mkdir(parents=True)
    runs[0].folder.stack_checkpoint.write_bytes(b"no checkpoint")
    trainer.fit(runs)
    assert [member.folder.is_finished() for member in runs] == [True, True, True]
    assert "stack.ckpt was damaged (BadZipFile) and is removed; the run begins anew." in caplog.text
