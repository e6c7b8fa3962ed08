"""The training logs that the report reads from TensorBoard's event files."""

from pathlib import Path

import pytest
from report_runs import write_events
from study_runs import write_run

from analysis.report import logs, write
from analysis.report.event_files import epochs
from analysis.report.gates import statistics
from analysis.study import text_results


def test_events_are_read_as_tensorboard_reads_them(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_events(tmp_path, [0.9, 0.5, 0.7], c=3.0)
    ours = epochs(tmp_path)
    theirs = EventAccumulator(str(tmp_path)).Reload()
    tags = theirs.Tags()
    assert set(ours) == {*tags["scalars"], *tags["histograms"]}
    assert len(tags["scalars"]) == 11  # 3, and 4 gates in 2 directions
    for tag in tags["scalars"]:
        assert ours[tag] == pytest.approx([event.value for event in theirs.Scalars(tag)])
    assert ours["c/lstm_1/forward"] == pytest.approx([3.0] * 3)  # the root mean square of 3, -3, 3, -3


def test_an_epoch_that_a_resumed_run_logged_again_counts_once_as_it_was_logged_last(tmp_path: Path) -> None:
    write_events(tmp_path, [0.9, 0.8, 0.7])
    (first,) = tmp_path.iterdir()
    first.rename(first.with_name("events.out.tfevents.1.a"))
    write_events(tmp_path, [0.6, 0.5], first=2)
    assert epochs(tmp_path)["val/loss"] == pytest.approx([0.9, 0.8, 0.6, 0.5])


def test_a_record_that_a_killed_run_cut_off_is_left_out(tmp_path: Path) -> None:
    write_events(tmp_path, [0.9, 0.8, 0.7])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])  # the last record is that of val/macro_f1
    found = epochs(tmp_path)
    assert found["val/loss"] == pytest.approx([0.9, 0.8, 0.7])
    assert found["val/macro_f1"] == pytest.approx([0.1, 0.2])


def test_a_mean_curve_ends_where_fewer_than_half_of_the_fits_are_left() -> None:
    fits = [logs.Fit(0, {"val/loss": values}) for values in ([4.0, 2.0], [2.0, 1.0, 5.0], [0.0, 0.0, 1.0, 7.0])]
    assert logs.mean_curve(logs.CellLogs("C1", fits, 3), "val/loss").tolist() == [2.0, 1.0, 3.0]


def test_states_are_those_of_the_tested_epoch(tmp_path: Path) -> None:
    for seed, c in enumerate((1.0, 3.0)):
        folder = write_run(tmp_path / f"s{seed}", [0.5] * 5, seed=seed, epoch=1)
        write_events(folder, [0.9], c=100.0)
        write_events(folder, [0.5], c=c, first=1)
        write_events(folder, [0.7], c=100.0, first=2)
    (group,) = logs.read(text_results.read(tmp_path))
    (row,) = statistics(group).to_dict("records")
    assert (row["cell"], row["layer"]) == ("baseline", "lstm_1")
    assert row["c"] == pytest.approx(2.0)  # the mean of two fits
    assert [row[f"saturated {gate}"] for gate in "ifgo"] == pytest.approx([10, 20, 30, 40])


def test_only_some_of_many_fits_are_read_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST", 2)
    for seed in range(5):
        write_events(write_run(tmp_path / "runs" / f"s{seed}", [0.5] * 5, seed=seed), [float(seed), float(seed)])
    (group,) = logs.read(text_results.read(tmp_path / "runs"))
    assert [fit.values["val/loss"][0] for fit in group.cells[0].fits] == [0.0, 4.0]
    write(tmp_path / "runs", tmp_path)
    assert "Of each cell 2 of its 5 fits" in (tmp_path / "index.html").read_text()
