"""`python -m analysis report`: the text of the page, from runs whose numbers are known."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, train_here_in
from report_runs import write_events, write_market_run, write_series_run
from study_runs import results, with_encoder, write_run, write_study

from analysis.report import critical_difference, improvement, write
from analysis.report.page import rows
from analysis.report.svg import Axis, panel, text
from analysis.statistics.improvements import improvements
from analysis.study import text_results
from analysis.study.text_results import GROUP
from analysis.tables.formatting import estimate
from analysis.tables.table import Table
from cells.errors import UserError

CELLS = ("baseline", "C1", "C2", "H2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 cells on HATE and ROBO, 2 seeds x 2 folds; C1 is better by about a tenth; only read."""
    folder = tmp_path_factory.mktemp("complete") / "runs"
    write_study(folder, ["hate", "robo"], CELLS, 2, 2, {"C1": 0.1})
    return folder


@pytest.fixture(scope="module")
def complete(runs: Path) -> dict[str, str]:
    """The texts of the page about that study."""
    return texts_of(page(runs))


@pytest.fixture(scope="module")
def lacking(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The texts of the page where runs of that study are gone, failed and unfinished, beside a control only market."""
    folder = tmp_path_factory.mktemp("lacking") / "runs"
    shutil.copytree(runs, folder)
    shutil.rmtree(min((folder / "hate" / "bilstm" / "C1").iterdir()))
    failed, *unfinished = sorted((folder / "hate" / "bilstm" / "C2").iterdir())
    (failed / "finished").unlink()
    (failed / "failed").write_text("the loss is NaN in epoch 3\nTraceback\n")
    for run in unfinished:
        (run / "finished").unlink()
    write_market_run(folder / "market", 0.03, control="leak")
    return texts_of(page(folder))


@pytest.fixture(scope="module")
def everything(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page about that study, two other models and a run on the market."""
    folder = tmp_path_factory.mktemp("everything") / "runs"
    shutil.copytree(runs, folder)
    write_run(folder / "t", [0.7] * 5, model="transformer", settings="t", seconds=80)
    metrics = write_run(folder / "b", [0.7] * 5, model="bert") / "metrics.csv"
    with_encoder(metrics, "my-encoder")
    write_market_run(folder / "market", 0.03)
    return page(folder)


def page(runs: Path) -> str:
    write(runs, runs.parent / "report")
    return (runs.parent / "report" / "index.html").read_text(encoding="utf-8")


class _Sections(HTMLParser):
    """The text of each section by its name, and the addresses that the page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.name = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "section":
            self.name = str(found["id"])
        self.addresses += [str(found[key]) for key in ("src", "href", "srcset", "data", "action") if key in found]

    def handle_data(self, data: str) -> None:
        self.texts[self.name] = f"{self.texts.get(self.name, '')} {data.strip()}"


def texts_of(page: str) -> dict[str, str]:
    return _Sections(page).texts


# Runs on texts


def test_the_study_in_a_paragraph(complete: dict[str, str]) -> None:
    study = complete["study"]
    assert "32 finished fits on 2 text data sets (hate, robo) with 1 model (bilstm): 3 altered cells and the" in study
    assert "seeds 2, folds 2 of 10" in study
    assert "The design is complete: no run is missing and none failed." in study
    assert re.search(
        r"Of \d+ claims of the cell paper: \d+ reproduced, \d+ reproduced in sign only, \d+ not reproduced, \d+ not",
        study,
    )
    assert "C1 improves macro-F1 by 0.643 % on average" in study


def test_missing_runs_come_before_the_claims(lacking: dict[str, str]) -> None:
    study = lacking["study"]
    assert "The design is not complete: 3 unfinished, 1 failed, 1 not run." in study
    assert study.index("the loss is NaN in epoch 3") < study.index("C1 improves macro-F1 by 0.643 % on average")


def test_the_picture_of_improvements_has_the_computed_interval(runs: Path, complete: dict[str, str]) -> None:
    improved = improvements(text_results.read(runs))
    wanted = improved.query("data == 'hate' and metric == 'macro_f1' and cell == 'C1'").iloc[0]
    words = f"C1 {estimate(wanted['improvement'], wanted['low'], wanted['high'])}"
    assert words in complete["improvement"]


def test_a_diagram_of_ranks_needs_two_data_sets(complete: dict[str, str], tmp_path: Path) -> None:
    assert "critical difference" in complete["ranks"]
    write_study(tmp_path / "runs", ["hate"], CELLS, 1, 1, {})
    ranks = texts_of(page(tmp_path / "runs"))["ranks"]
    assert "it needs two data sets, and three cells" in ranks
    assert "Friedman" not in ranks


def test_a_cell_that_one_data_set_lacks_is_left_out_and_named(lacking: dict[str, str]) -> None:
    assert "over hate, robo" in lacking["ranks"]
    assert "Not ranked, since not run on all of these data sets: C2." in lacking["ranks"]
    assert "C2 no run has a result" in lacking["improvement"]


def test_without_a_diagram_the_cells_that_a_data_set_lacks_are_named() -> None:
    hate = results({"baseline": [0.5], "C1": [0.5]})
    robo = results({"baseline": [0.5], "C1": [0.5], "C2": [0.5], "H2": [0.5]}, data="robo")
    assert "Here bilstm on hate lacks C2, H2." in critical_difference.why_none(pd.concat([hate, robo]))


def test_failed_runs_alone_are_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs" / "a", [0.5] * 5, "C4", finished=False)
    (run / "failed").write_text("the loss is nan\n")
    study = texts_of(page(tmp_path / "runs"))["study"]
    assert "The design is not complete: 1 failed." in study
    assert "the loss is nan" in study


def test_a_mean_over_other_data_sets_than_the_papers_has_a_note() -> None:
    runs = [results({"baseline": [0.5, 0.6], "C1": [0.6, 0.7]}, data=name, settings=name) for name in ("hate", "mlma")]
    figures = improvement.figures(improvements(pd.concat(runs)), pd.DataFrame(columns=[*GROUP, "cell"]))
    assert "beside a mean over hate, mlma they are not the same quantity" in next(figures).notes[-1]


def test_cost_names_the_encoder_and_the_models_that_were_not_run(everything: str) -> None:
    cost = texts_of(everything)["cost"]
    assert "bert is here the encoder my-encoder." in cost
    assert "transformer baseline: 70.00 %, 80.0 s, n = 1" in cost
    assert "Not run here: TF-IDF and logistic regression." in cost


def test_names_from_runs_are_text_and_never_markup(tmp_path: Path) -> None:
    runs, bad = tmp_path / "runs", "<script>alert(1)</script>"
    write_run(runs / "bad", [0.5] * 5, data="'<b>&'", model=f"'{bad}'", settings="b", finished=False)
    (runs / "bad" / "failed").write_text(f"{bad}\n")
    write_run(runs / "odd", [0.5] * 5, data="<i>odd", model=bad, settings="c", cell="c * relu(o)")
    write_run(runs / "odd0", [0.4] * 5, data="<i>odd", model=bad, settings="c")
    html = page(runs)
    assert html.count("<script>") == 1
    assert "<i>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_nothing_is_loaded_from_anywhere(everything: str) -> None:
    addresses = _Sections(everything).addresses
    assert "#study" in addresses
    assert any(address.startswith("data:image/png") for address in addresses)
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    for loading in ("http://", "https://", "url("):
        assert loading not in everything
    assert "default-src 'none'" in everything


def test_where_there_are_no_runs_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished run"):
        write(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


# The market


def test_market_runs_beside_persistence(tmp_path: Path) -> None:
    for seed, rmse in enumerate((0.03, 0.05, 0.04)):
        write_market_run(tmp_path / "runs" / f"a{seed}", rmse, seed=seed)
    write_market_run(tmp_path / "runs" / "b", 0.01, features="btc_sent", sentiment="reddit", model="cnn_lstm")
    texts = texts_of(page(tmp_path / "runs"))
    assert (
        "4 finished fits on the Bitcoin market: 2 feature sets, models cnn_lstm, lstm, windows of 7 days"
        in texts["study"]
    )
    assert "btc, lstm: 2.000 (1.500 to 2.500, n = 3)" in texts["persistence"]
    assert "btc_sent, cnn_lstm: 0.500 (0.500 to 0.500, n = 1)" in texts["persistence"]
    assert "btc, ridge: 1.500" in texts["persistence"]
    half = 4.3027 * 0.01 / 3**0.5  # Student's t with two degrees of freedom, three seeds 0.03, 0.04 and 0.05
    assert f"lstm, btc Close 0.0400 [{0.04 - half:.4f}, {0.04 + half:.4f}]" in texts["weights"]
    assert (
        "lstm, window 7, btc, seed 2, fold 0: RMSE 0.0400, MAE 0.0200 scaled, RMSE 2.00 times persistence's"
        in texts["figure7"]
    )
    assert "Table 1: window 7" in texts["tables"]
    assert "improvement" not in texts


def test_curves_and_states_of_market_runs(tmp_path: Path) -> None:
    for place, features in enumerate(("btc", "btc_sent")):
        write_market_run(tmp_path / "runs" / features, 0.03, features=features, epoch=1)
        write_events(tmp_path / "runs" / features, [0.9, 0.5 + place / 10])
    texts = texts_of(page(tmp_path / "runs"))
    assert "Learning curves: window 7, lstm (paper protocol)" in texts["market-learning"]
    assert "validation loss: btc 0.5 after 2 epochs; btc_sent 0.6 after 2 epochs." in texts["market-learning"]
    assert "States and gates: window 7, lstm (paper protocol)" in texts["market-gates"]


def test_each_cell_has_its_own_importance(tmp_path: Path) -> None:
    for place, cell in enumerate(("baseline", "C1")):
        write_market_run(tmp_path / "runs" / cell, 0.03 + place / 100, cell=cell, settings=cell)
    weights = texts_of(page(tmp_path / "runs"))["weights"]
    in_one_panel = "lstm C1, btc Close 0.0400; lstm C1, btc Volume 0.0000; lstm, btc Close 0.0300"  # no intervals
    assert in_one_panel in weights


def test_series_of_ones_own_have_sections_of_their_own(tmp_path: Path) -> None:
    for place, cell in enumerate(("baseline", "C1")):
        for fold in (0, 1):
            run = tmp_path / "runs" / f"{cell}{fold}"
            write_series_run(run, 0.02 + place / 100, cell=cell, fold=fold, settings=cell)
            write_events(run, [0.9, 0.5 + place / 10])
    html = page(tmp_path / "runs")
    texts = texts_of(html)
    assert "4 finished fits on the series flow (volume): models lstm, cells C1, baseline" in texts["study"]
    assert "Does it help? Each cell beside the baseline, on each series" in texts["study"]
    assert "flow, lstm C1: 1.500" in texts["series_flow_volume-persistence"]
    assert "flow, seasonal: 1.500" in texts["series_flow_volume-persistence"]
    assert "Series: flow (volume): beside persistence" in html
    assert "lstm C1, window 12, flow, seed 0, fold 0" in texts["series_flow_volume-forecasts"]
    assert "validation loss: baseline 0.5 after 2 epochs; C1 0.6" in texts["series_flow_volume-learning"]
    assert "States and gates: flow, lstm" in texts["series_flow_volume-gates"]
    for word in ("Bitcoin", " days", "tomorrow"):
        assert word not in html


def test_a_series_beside_bitcoin_leaves_bitcoin_its_own_runs(tmp_path: Path) -> None:
    write_series_run(tmp_path / "runs" / "a", 0.03)
    write_market_run(tmp_path / "runs" / "b", 0.05)
    texts = texts_of(page(tmp_path / "runs"))
    assert "1 finished fit on the Bitcoin market: 1 feature set, models lstm, windows of 7 days" in texts["study"]
    assert "seasonal" not in texts["persistence"]
    assert "flow" not in texts["persistence"] + texts["weights"] + texts["figure7"]
    assert "flow, lstm: 1.500" in texts["series_flow_volume-persistence"]


def test_texts_have_their_sections_although_the_market_cannot_have_its_own(lacking: dict[str, str]) -> None:
    assert "holds only runs with control=" in lacking["study"]
    assert "improvement" in lacking
    assert "persistence" not in lacking


def test_texts_and_market_in_one_folder(everything: str) -> None:
    texts = texts_of(everything)
    assert {"study", "improvement", "ranks", "cost", "persistence", "weights", "figure7", "tables"} <= set(texts)
    assert "34 finished fits on 2 text" in texts["study"]
    assert "1 finished fit on the Bitcoin market" in texts["study"]


# Parts of the page


def test_fields_are_sorted_by_our_number() -> None:
    shown = ["96.6 / 97.25", "+0.643 / -1,234.5 [-2, +1] *", "0.2 / -", "-", "<1", "baseline", "12/3/5"]
    table = Table("t", "t", pd.DataFrame(), pd.DataFrame({"a": shown}))
    assert [field.key for (field,) in rows(table)] == ["97.25", "-1234.5", "", "", "1", "baseline", "12"]


def test_an_axis_has_room_around_its_values_and_round_ticks() -> None:
    axis = Axis.over([0.0, 10.0, float("nan")], 100, 200)
    assert axis.at(5) == pytest.approx(150)
    assert axis.low < 0 < 10 < axis.high
    assert axis.ticks() == [0, 5, 10]
    times = Axis.over([1.0, 0.0, 10_000.0], 0, 100, log=True)
    assert times.at(100) - times.at(1) == pytest.approx(times.at(10_000) - times.at(100))
    assert {1.0, 10.0, 100.0, 1000.0, 10_000.0} <= set(times.ticks())


@pytest.mark.parametrize("values", [[], [0.0], [float("nan")], [3.0, 3.0]])
def test_an_axis_of_one_value_or_none_still_has_a_length(values: list[float]) -> None:
    for log in (False, True):
        axis = Axis.over(values, 0, 100, log)
        assert axis.low < axis.high


def test_a_picture_has_a_description_and_escapes_it() -> None:
    svg = panel("<hate>", 'a "quoted" & <b>', 10, text(1, 2, "<i>"))
    assert 'aria-label="&lt;hate&gt;. a &#34;quoted&#34; &amp; &lt;b&gt;"' in svg
    assert "<title>&lt;hate&gt;</title>" in svg
    assert "&lt;i&gt;</text>" in svg


# End to end


@pytest.mark.processes
def test_a_run_of_train_py_becomes_a_page(tmp_path: Path) -> None:
    tiny = ("epochs=2", "model.embedding=4", "model.hidden=4")
    assert train_here_in(tmp_path, "-m", "data=robo", "cell=baseline,C1", *tiny).returncode == 0
    command = [sys.executable, "-m", "analysis", "report", str(tmp_path / "runs"), "-o", str(tmp_path / "page")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'page' / 'index.html'}: ")
    texts = _Sections((tmp_path / "page" / "index.html").read_text(encoding="utf-8")).texts
    assert "2 finished fits on 1 text data set (robo)" in texts["study"]
    assert "validation macro-F1, %" in texts["learning"]
    assert "after 2 epochs" in texts["learning"]
    assert "lstm_2" in texts["gates"]
