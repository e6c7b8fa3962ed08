import runpy
import sys
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import fits, gpu, gpu_shapes, gpu_stacks
from benchmarks.__main__ import main
from benchmarks.measure import interleaved
from training.stacks import stacked_task

CPU = torch.device("cpu")
SHAPE = gpu.CudaShape(steps=4, batch=3, inputs=5, hidden=2)


def test_without_a_gpu_the_exit_code_is_1_and_one_line_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == "Error: torch finds no CUDA device to measure; run this on a machine that has one."
    assert capsys.readouterr().out == ""


def test_all_layers_are_measured_with_equal_weights() -> None:
    rows = gpu.compare(SHAPE, CPU, rounds=2)
    assert [row["layer"] for row in rows] == ["nn.LSTM", "plain loop C1", "ours baseline", "ours C1"]
    assert rows[0]["ratio"] == 1
    for row in rows:
        assert tuple(row[name] for name in SHAPE._fields) == SHAPE
        assert 0 < row["min_ms"] <= row["median_ms"]
        assert row["ratio"] == row["min_ms"] / rows[0]["min_ms"]


def test_the_report_has_all_shapes_with_tf32_off_and_on(capsys: pytest.CaptureFixture[str]) -> None:
    plan = [(shape, tf32) for tf32 in (False, True) for shape in (SHAPE, SHAPE._replace(batch=1))]
    written: list[list[gpu.Row]] = []
    rows = gpu.report(plan, CPU, rounds=1, write=lambda rows: written.append([*rows]))
    measured = [(*(row[name] for name in SHAPE._fields), row["tf32"]) for row in rows if row["layer"] == "ours C1"]
    assert measured == [(*shape, tf32) for shape, tf32 in plan]
    assert len(capsys.readouterr().out.splitlines()) == 4 + 2
    assert [len(some) for some in written] == [4, 8, 12, 16]  # after each shape
    assert written[-1] == rows


@pytest.mark.parametrize("nets", [1, 3])
@pytest.mark.parametrize("ragged", [False, True])
def test_many_nets_and_ragged_batches_are_compared_with_nets_one_by_one(nets: int, ragged: bool) -> None:
    shape = SHAPE._replace(nets=nets, ragged=ragged)
    calls, _ = gpu.stacked_calls(*shape, CPU)
    assert list(calls) == ["nn.LSTM", "ours baseline", "ours C1"]
    expected, ours, altered = (call() for call in calls.values())
    for one, other in zip(expected, ours, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(altered[0], expected[0])
    if nets > 1 or ragged:
        assert [row["layer"] for row in gpu.compare(shape, CPU, rounds=1)] == list(calls)


def test_a_shape_that_does_not_fit_says_so_and_the_next_one_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacked_calls = gpu.stacked_calls

    def calls(*arguments: Any) -> Any:
        if arguments[4] == 100:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80.00 GiB.")
        return stacked_calls(*arguments)

    monkeypatch.setattr(gpu, "stacked_calls", calls)
    rows = gpu.report([(SHAPE._replace(nets=nets), True) for nets in (100, 2)], CPU, rounds=1)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.endswith("K 100  TF32 on  | all layers: not measured, the card's memory is too small")
    assert "ours C1" in second
    assert ["error" in row for row in rows] == [True, False, False, False]


def test_stacks_are_trained_with_and_without_cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = fits.contenders([100], 1, only_stacks=True, graphs=True)
    assert {name: words for name, (_, *words) in chosen.items()} == {
        "ours, stacks of 100": ["stack=100"],
        "ours, stacks of 100, no CUDA graphs": ["stack=100"],
    }
    assert list(fits.contenders([100], 1, only_stacks=True)) == ["ours, stacks of 100"]
    kinds = [kind for kind, *_ in chosen.values()]
    assert kinds[0] == ""
    recorders: list[object] = []
    monkeypatch.setattr(stacked_task, "recorder_for", lambda net, device: "some")
    monkeypatch.setattr(runpy, "run_path", lambda *_, **__: recorders.append(stacked_task.recorder_for(net, CPU)))
    net = nn.Linear(1, 1)
    fits.changed(kinds[1])
    assert recorders == [None]


def test_shapes_that_are_not_reached_are_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.report([(SHAPE, False)], CPU, rounds=1, until=0.0) == []
    assert capsys.readouterr().out.splitlines()[0] == "T   4  B   3  I   5  H   2  TF32 off | not measured"


def test_the_shapes_that_weigh_most_come_first() -> None:
    assert len(set(gpu.PLAN)) == len(gpu.PLAN)
    assert {(shape.nets, shape.ragged) for shape, _ in gpu.PLAN} == {
        (nets, ragged) for nets in (1, 10, 100) for ragged in (False, True)
    }
    assert gpu.PLAN[:14] == [(s, True) for s in (*gpu_shapes.EIGHT, *gpu_shapes.RAGGED, *gpu_shapes.HUNDRED)]
    assert len(gpu_shapes.EIGHT) == 8


@pytest.mark.parametrize(("nets", "ragged"), [(1, False), (1, True), (3, False), (3, True)])
def test_all_that_can_be_captured_is_a_cuda_graph_as_well(
    nets: int, ragged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured: list[str] = []
    monkeypatch.setattr(gpu, "captures", lambda device: True)
    monkeypatch.setattr(gpu_stacks, "captures", lambda device: True)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", lambda net, x: captured.append(type(net).__module__))
    rows = gpu.compare(SHAPE._replace(nets=nets, ragged=ragged), CPU, rounds=1)  # equal results, or it raises
    of_stock = [] if ragged else ["CUDA graph of nn.LSTM"]
    graphs = [row for row in rows if row["layer"].startswith("CUDA graph")]
    assert [row["layer"] for row in graphs] == [*of_stock, "CUDA graph of ours baseline", "CUDA graph of ours C1"]
    assert {row["over"] for row in graphs} == {*of_stock, *(["nn.LSTM"] if ragged else [])}
    assert captured.count("torch.nn.modules.rnn") == nets * len(of_stock)
    assert len(captured) == nets * len(of_stock) + 2


def test_what_cannot_be_captured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(net: torch.nn.Module, x: object) -> None:
        raise RuntimeError("not while capturing\nmore")

    monkeypatch.setattr(gpu_stacks, "captures", lambda device: True)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refuse)
    rows = gpu.compare(SHAPE._replace(nets=2), CPU, rounds=1)
    assert [row["error"] for row in rows if "error" in row] == ["RuntimeError: not while capturing"] * 3


def test_a_slow_layer_is_called_less_often() -> None:
    times = interleaved({"slow": lambda: None}, 0, 20, lambda call: 300.0, most=0.5)
    assert times["slow"].calls == 2


def test_layers_that_disagree_are_not_compared() -> None:
    one = torch.ones(3)
    gpu.check_equal({"a": lambda: [one], "b": lambda: [one + 1e-5]})
    with pytest.raises(ValueError, match=r"^b differs from a by 1\.0e-02 of the largest value$"):
        gpu.check_equal({"a": lambda: [one], "b": lambda: [one * 1.01]})
    with pytest.raises(ValueError, match="differs from a by nan"):
        gpu.check_equal({"a": lambda: [one], "b": lambda: [one * float("nan")]})


def test_the_table_has_minimum_median_ratio_and_errors() -> None:
    rows = [
        {"layer": "nn.LSTM", "min_ms": 2.0, "median_ms": 2.5, "ratio": 1.0},
        {"layer": "CUDA graph C1", "error": "RuntimeError: no"},
    ]
    text = gpu.line(SHAPE, rows, allowed=True)
    assert text == "T   4  B   3  I   5  H   2  TF32 on  | nn.LSTM 2.00 (2.50) 1.00x | CUDA graph C1: RuntimeError: no"


def test_the_means_are_geometric_for_each_kind_of_shapes() -> None:
    eight, ragged = (
        {**shape._asdict(), "layer": "ours", "over": "nn.LSTM"} for shape in (gpu_shapes.EIGHT[0], gpu_shapes.RAGGED[0])
    )
    rows = [{**eight, "ratio": ratio, "tf32": tf32} for ratio, tf32 in ((3, True), (1, False), (4, False))]
    failed = {**ragged, "error": "no", "tf32": True}
    assert gpu.means([*rows, failed, {**ragged, "ratio": 0.5, "tf32": True}]).splitlines() == [
        "Geometric mean, the eight shapes, TF32 on: ours over nn.LSTM 3.00x (1)",
        "Geometric mean, the eight shapes, TF32 off: ours over nn.LSTM 2.00x (2)",
        "Geometric mean, one net, ragged, TF32 on: ours over nn.LSTM 0.50x (1)",
    ]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_setting_of_tf32_comes_back(allowed: bool) -> None:
    settings = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [setting.allow_tf32 for setting in settings]
    seen = []

    def fail() -> None:
        with gpu.tf32(allowed):
            seen.extend(setting.allow_tf32 for setting in settings)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert seen == [allowed, allowed]
    assert [setting.allow_tf32 for setting in settings] == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_it_measures_cuda_graphs_as_well() -> None:
    rows = gpu.compare(SHAPE, torch.device("cuda"), rounds=2)
    assert {row["layer"] for row in rows} >= {"CUDA graph of nn.LSTM", "CUDA graph of ours C1"}
