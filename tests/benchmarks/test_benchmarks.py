"""The benchmarks run, and measure what they say; no test asks how fast anything is."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PROJECT
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks import contenders, others
from benchmarks.__main__ import main as benchmarks_main
from benchmarks.measure import Calls, interleaved, peak
from benchmarks.products import measured, products
from benchmarks.shapes import SHAPES, Shape
from cells.llvm.backend import LLVM

TINY = Shape(3, 4, 5, 6)
ONE_DIRECTION = TINY._replace(directions=1)


def benchmarks(code: str, *arguments: str) -> str:
    """The output of `python -m benchmarks ...`, started after some code."""
    command = [sys.executable, "-c", f"{code}; from benchmarks.__main__ import main; main()", *arguments]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_products_are_those_of_a_layer_and_equal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.products.SHAPES", [TINY])
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "products", "--seconds", "0"])
    benchmarks_main()
    title, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert title == f"{TINY}, 1 thread"[: len(title)]
    assert [row.split("  ")[0] for row in rows] == [product.name for product in products(TINY)]
    assert "4, 24, 6" in rows[0]
    (wrong, *_) = products(TINY)
    monkeypatch.setattr("benchmarks.products._blas", lambda product, a, b, c: lambda: c.zero_())
    with pytest.raises(AssertionError, match="not close"):
        measured(wrong, 0)


@pytest.mark.processes
def test_recurrence_measures_every_contender_and_writes_it_all(tmp_path: Path) -> None:
    tiny = f"from benchmarks import shapes; shapes.SHAPES[:] = [shapes.{TINY!r}, shapes.{ONE_DIRECTION!r}]"
    arguments = ("--quick", "--threads", "1", "--shapes", "0", "1", "--json", str(tmp_path / "all.json"))
    printed = benchmarks(tiny, "recurrence", *arguments)
    written = json.loads((tmp_path / "all.json").read_text())
    assert {"processor", "torch", "python"} < written.keys()
    named = {(entry["rows"], entry["name"]) for entry in written["entries"] if entry["threads"] == 1}
    expected = {
        "full": contenders.full(TINY) | others.full(TINY, others.has_keras()),
        "ragged": contenders.ragged(TINY),
    }
    assert named == {(rows, name) for rows, names in expected.items() for name in names}
    shapes = [TINY._asdict(), ONE_DIRECTION._asdict()]
    for entry in written["entries"]:
        for least, median, calls in (entry["forward"], entry["backward"]):
            assert 0 < least <= median
            assert calls >= 5
        assert f"{entry['backward'][0]:.2f}" in printed
        assert entry["shape"] in shapes
    assert [entry["shape"] for entry in written["entries"] if entry["name"] == "plain loop C1"] == [
        *shapes[:1] * 2,
        *shapes[1:] * 2,
    ]
    assert "T=3 B=4 I=5 H=6, one direction, 1 threads\n" in printed


def test_shapes_are_listed_and_no_others_are_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for argument, status in (("--help", 0), ("99", 2), ("-1", 2)):
        arguments = ["benchmarks", "recurrence", *(["--shapes"] if status else []), argument]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as stopped:
            benchmarks_main()
        assert stopped.value.code == status
    printed = capsys.readouterr()
    said = " ".join(printed.out.split())
    for number, shape in enumerate(SHAPES):
        assert f"{number}: {shape}" in said
    assert "argument --shapes: invalid choice: 99" in printed.err


@pytest.mark.processes
def test_fit_compares_epochs(tmp_path: Path) -> None:
    printed = benchmarks("pass", "fit", "--epochs", "1", "data=robo", f"cache_dir={tmp_path}")
    assert "steps by Lightning over bare steps: least" in printed
    assert "epoch by Lightning over bare epoch: least" in printed


def test_the_shapes_of_our_own_models_are_measured() -> None:
    bilstm, lstm, cnn_lstm = (
        OmegaConf.load(PROJECT / f"conf/model/{name}.yaml") for name in ("bilstm", "lstm", "cnn_lstm")
    )
    layers = {(shape.inputs, shape.hidden, shape.directions) for shape in SHAPES}
    assert {(bilstm.embedding, bilstm.hidden, 2), (2 * bilstm.hidden, bilstm.hidden, 2)} <= layers
    features, batch_size = 19, OmegaConf.load(PROJECT / "conf" / "config.yaml").batch_size
    assert {(features, lstm.hidden, 1), (cnn_lstm.filters, cnn_lstm.hidden, 1)} <= layers
    tables = [OmegaConf.load(PROJECT / f"conf/experiment/market_table{number}.yaml") for number in (1, 2, 3)]
    windows = {(table.hydra.sweeper.params.window, batch_size, features, lstm.hidden, 1) for table in tables}
    assert windows <= set(SHAPES)


def output_of(group: dict[str, contenders.Ready], name: str) -> Tensor:
    """The output of a contender on the same weights and input as every other."""
    torch.manual_seed(0)
    output = group[name]().forward()
    assert isinstance(output, Tensor)
    return output


PAIRS = [("nn.LSTM", "ours baseline"), ("plain loop C1", "ours C1")]


@pytest.mark.parametrize("shape", [TINY, ONE_DIRECTION], ids=str)
@pytest.mark.parametrize("group", [contenders.full, contenders.ragged])
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_contenders_that_should_agree_do(
    pair: tuple[str, str], group: Callable[[Shape], dict[str, contenders.Ready]], shape: Shape
) -> None:
    one, other = (output_of(group(shape), name) for name in pair)
    rows = int(contenders.lengths_of(shape).sum()) if group is contenders.ragged else shape.steps * shape.batch
    assert one.flatten(0, -2).shape == (rows, shape.directions * shape.hidden)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shape", [TINY, ONE_DIRECTION], ids=str)
def test_padded_rows_with_lengths_are_the_packed_ones(shape: Shape) -> None:
    ragged = contenders.ragged(shape)
    padded = output_of(ragged, "ours C1 (lengths)")
    rows = pack_padded_sequence(padded, contenders.lengths_of(shape), enforce_sorted=False).data
    torch.testing.assert_close(rows, output_of(ragged, "ours C1"))


def test_every_alteration_is_another_contender() -> None:
    names = contenders.ALTERATIONS.keys() - {"c * relu(o)"}  # o is positive, so this is C1 by another formula
    outputs = [output_of(contenders.full(TINY), f"ours {name}") for name in names]
    for k, output in enumerate(outputs):
        assert not any(torch.allclose(output, other) for other in outputs[:k])


@pytest.mark.parametrize("group", [contenders.full, contenders.ragged])
def test_the_plain_loop_is_our_layer_on_torchscript(group: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LLVM, "layer", lambda *_: pytest.fail("llvm runs"))
    group(TINY)["plain loop C1"]().backward()
    with pytest.raises(pytest.fail.Exception, match="llvm runs"):
        group(TINY)["ours C1"]().backward()


@pytest.mark.skipif(not others.has_keras(), reason="Keras is not installed")
@pytest.mark.parametrize("altered", [False, True])
@pytest.mark.parametrize("shape", [TINY, ONE_DIRECTION], ids=str)
def test_keras_gives_our_results(altered: bool, shape: Shape) -> None:
    others.keras_calls(shape, altered).backward()


@pytest.mark.skipif(not importlib.util.find_spec("torchrecurrent"), reason="torchrecurrent is not installed")
@pytest.mark.parametrize("shape", [TINY, ONE_DIRECTION], ids=str)
def test_torchrecurrent_gives_our_results(shape: Shape) -> None:
    others.torchrecurrent_calls(shape).backward()


def test_a_contender_with_other_results_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match=r"differs from ours by 1\.0e"):
        others._check("Keras", torch.zeros(2).numpy(), torch.ones(2))


def test_functions_take_turns() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.002)

    times = interleaved({"quick": lambda: calls.append("quick"), "slow": slow}, 0, rounds=4)
    assert times["slow"].least >= 2
    assert times["quick"].calls == times["slow"].calls == 4
    assert calls.count("quick") == calls.count("slow") == 3 + 2 * 4
    assert "quick" in calls[-4:]


def test_each_function_is_timed_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def takes(milliseconds: int) -> Callable[[], None]:
        def call() -> None:
            clock[0] += milliseconds / 1000

        return call

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    times = interleaved({"a": takes(1), "b": takes(7)}, 0, rounds=3)
    assert times == {"a": pytest.approx((1, 1, 3)), "b": pytest.approx((7, 7, 3))}


@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_the_peak_is_the_memory_that_the_calls_take() -> None:
    def ready(mib: int) -> Calls:
        return Calls(lambda: None, lambda: bytes(os.urandom(1)) * (mib << 20))

    # more than 32 MiB: less may come from memory that earlier tests gave back to malloc and not to the system
    assert 38 < (peak(lambda: ready(5), lambda: ready(40)) or 0) < 44
