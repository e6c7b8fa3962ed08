"""`python -m analysis report`: what the page says, from runs whose numbers are known."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, train_in
from report_runs import write_events, write_market_run
from study_runs import write_run, write_study

from analysis.report import write
from analysis.report.drawing import Axis, panel, text
from analysis.report.page import rows
from analysis.results import ResultsError
from analysis.table import Table

CELLS = ("baseline", "C1", "C2", "H2")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """4 cells on HATE and ROBO, 2 seeds x 2 folds; C1 is better by a tenth, more or less."""
    folder = tmp_path / "runs"
    write_study(folder, ["hate", "robo"], CELLS, 2, 2, {"C1": 0.1})
    return folder


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the page says of the same runs."""
    folder = tmp_path_factory.mktemp("study") / "runs"
    write_study(folder, ["hate", "robo"], CELLS, 2, 2, {"C1": 0.1})
    return said(folder)


def page(runs: Path) -> str:
    write(runs, runs.parent / "report")
    return (runs.parent / "report" / "index.html").read_text(encoding="utf-8")


class _Sections(HTMLParser):
    """The text of each section by its title, and the addresses that the page names."""

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


def said(runs: Path) -> dict[str, str]:
    return _Sections(page(runs)).texts


# What it says


def test_the_study_in_a_paragraph(unchanged: dict[str, str]) -> None:
    study = unchanged["study"]
    assert "32 finished fits on 2 text data sets (hate, robo) with 1 model (bilstm): 3 altered cells and the" in study
    assert "seeds 2, folds 2 of 10" in study
    assert "The design is complete: no run is missing and none failed." in study
    assert re.search(
        r"Of \d+ claims of the cell paper: \d+ reproduced, \d+ reproduced in sign only, \d+ not reproduced, \d+ not",
        study,
    )
    assert "C1 improves macro-F1 by 0.643 % on average" in study


def test_what_is_missing_is_said_first(runs: Path) -> None:
    gone, failed, *_ = sorted((runs / "hate" / "bilstm" / "C1").iterdir())
    for path in gone.iterdir():
        path.unlink()
    (failed / "finished").unlink()
    (failed / "failed").write_text("the loss is NaN in epoch 3\nTraceback\n")
    study = said(runs)["study"]
    assert "The design is not complete: 1 failed, 1 not run." in study
    assert "the loss is NaN in epoch 3" in study


def test_the_improvement_and_its_interval_are_those_of_the_tables(runs: Path, unchanged: dict[str, str]) -> None:
    from analysis.compare import improvements
    from analysis.design import study
    from analysis.table import estimate

    wanted = improvements(study(runs)).query("data == 'hate' and metric == 'macro_f1' and cell == 'C1'").iloc[0]
    words = f"C1 {estimate(wanted['improvement'], wanted['low'], wanted['high'])}"
    assert words in unchanged["improvement"]


def test_a_diagram_of_ranks_needs_two_data_sets(unchanged: dict[str, str], tmp_path: Path) -> None:
    assert "critical difference" in unchanged["ranks"]
    write_study(tmp_path / "runs", ["hate"], CELLS, 1, 1, {})
    ranks = said(tmp_path / "runs")["ranks"]
    assert "it needs two data sets, and three cells" in ranks
    assert "Friedman" not in ranks


def test_a_cell_that_one_data_set_lacks_is_left_out_and_named(runs: Path) -> None:
    marks = list((runs / "hate" / "bilstm" / "C2").rglob("finished"))
    for mark in marks:
        mark.unlink()
    texts = said(runs)
    assert "over hate, robo" in texts["ranks"]
    assert "Not ranked, since not run on all of these data sets: C2." in texts["ranks"]
    # and where its improvement would stand, it says so
    assert "no run has a result" in texts["improvement"]
    for mark in (runs / "hate" / "bilstm" / "H2").rglob("finished"):
        mark.unlink()
    assert "Here bilstm on hate lacks C2, H2." in said(runs)["ranks"]


def test_failed_runs_alone_are_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs" / "a", [0.5] * 5, "C4", finished=False)
    (run / "failed").write_text("the loss is nan\n")
    study = said(tmp_path / "runs")["study"]
    assert "The design is not complete: 1 failed." in study
    assert "the loss is nan" in study


def test_a_mean_over_other_sets_than_the_papers_says_so(tmp_path: Path) -> None:
    write_study(tmp_path / "runs", ["hate", "mlma"], CELLS, 2, 2, {"C1": 0.1})
    assert "beside a mean over hate, mlma they are not the same quantity" in said(tmp_path / "runs")["improvement"]


def test_the_encoder_stands_under_the_picture_of_cost(runs: Path) -> None:
    metrics = write_run(runs / "b", [0.7] * 5, model="bert") / "metrics.csv"
    pd.read_csv(metrics, dtype=str).assign(checkpoint="my-encoder").to_csv(metrics, index=False)
    assert "bert is here the encoder my-encoder." in said(runs)["cost"]


def test_cost_names_the_models_that_are_not_there(runs: Path) -> None:
    write_run(runs / "t", [0.7] * 5, model="transformer", settings="t", seconds=80)
    cost = said(runs)["cost"]
    assert "transformer baseline: 70.00 %, 80.0 s, n = 1" in cost
    assert "Not run here: BERT, TF-IDF and logistic regression." in cost


def test_what_comes_from_runs_is_text_and_never_markup(runs: Path) -> None:
    bad = "<script>alert(1)</script>"
    write_run(runs / "bad", [0.5] * 5, data="'<b>&'", model=f"'{bad}'", settings="b", finished=False)
    (runs / "bad" / "failed").write_text(f"{bad}\n")
    write_run(runs / "odd", [0.5] * 5, data="<i>odd", model=bad, settings="c", cell="c * relu(o)")
    write_run(runs / "odd0", [0.4] * 5, data="<i>odd", model=bad, settings="c")
    html = page(runs)
    assert html.count("<script>") == 1
    assert "<i>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_nothing_is_loaded_from_anywhere(runs: Path) -> None:
    write_market_run(runs / "market", 0.03)
    html = page(runs)
    assert all(address.startswith(("#", "data:")) for address in _Sections(html).addresses)
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_no_runs_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="holds no finished run"):
        write(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


# The market


def test_market_runs_beside_persistence(tmp_path: Path) -> None:
    for seed, rmse in enumerate((0.03, 0.05, 0.04)):
        write_market_run(tmp_path / "runs" / f"a{seed}", rmse, seed=seed)
    write_market_run(tmp_path / "runs" / "b", 0.01, features="btc_sent", sentiment="reddit", model="cnn_lstm")
    texts = said(tmp_path / "runs")
    assert (
        "4 finished fits on the Bitcoin market: 2 feature sets, models cnn_lstm, lstm, windows of 7 days"
        in texts["study"]
    )
    assert "btc, lstm: 2.000 (1.500 to 2.500, n = 3)" in texts["persistence"]
    assert "btc_sent, cnn_lstm: 0.500 (0.500 to 0.500, n = 1)" in texts["persistence"]
    assert "btc, ridge: 1.500" in texts["persistence"]
    assert "btc Close 0.0400" in texts["weights"]
    assert "lstm, window 7, btc, seed 2, fold 0: RMSE 0.0400 scaled, 2.00 times persistence's" in texts["figure7"]
    assert "Table 1: window 7" in texts["tables"]
    assert "improvement" not in texts


def test_curves_and_states_of_market_runs(tmp_path: Path) -> None:
    for place, features in enumerate(("btc", "btc_sent")):
        write_market_run(tmp_path / "runs" / features, 0.03, features=features, epoch=1)
        write_events(tmp_path / "runs" / features, [0.9, 0.5 + place / 10])
    texts = said(tmp_path / "runs")
    assert "Learning curves: window 7, lstm (paper protocol)" in texts["market-learning"]
    assert "validation loss: btc 0.5 after 2 epochs; btc_sent 0.6 after 2 epochs." in texts["market-learning"]
    assert "States and gates: window 7, lstm (paper protocol)" in texts["market-gates"]


def test_each_cell_has_its_weights(tmp_path: Path) -> None:
    for place, cell in enumerate(("baseline", "C1")):
        write_market_run(tmp_path / "runs" / cell, 0.03 + place / 100, cell=cell, settings=cell)
    weights = said(tmp_path / "runs")["weights"]
    assert "lstm, window 7: btc" in weights
    assert "lstm C1, window 7: btc" in weights
    assert "btc Close 0.0400" in weights


def test_a_market_that_cannot_be_shown_is_said_and_the_texts_stand(runs: Path) -> None:
    write_market_run(runs / "market", 0.03, control="leak")
    texts = said(runs)
    assert "holds only runs with control=" in texts["study"]
    assert "improvement" in texts
    assert "persistence" not in texts


def test_texts_and_market_in_one_folder(runs: Path) -> None:
    write_market_run(runs / "market", 0.03)
    texts = said(runs)
    assert {"study", "improvement", "ranks", "cost", "persistence", "weights", "figure7", "tables"} <= set(texts)
    assert "32 finished fits on 2 text" in texts["study"]
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
    assert axis.ticks() == [0, 5, 10] or axis.ticks() == [0, 2, 4, 6, 8, 10]
    times = Axis.over([1.0, 0.0, 10_000.0], 0, 100, log=True)
    assert times.at(100) - times.at(1) == pytest.approx(times.at(10_000) - times.at(100))
    assert {1.0, 10.0, 100.0, 1000.0, 10_000.0} <= set(times.ticks())


@pytest.mark.parametrize("values", [[], [0.0], [float("nan")], [3.0, 3.0]])
def test_an_axis_of_one_value_or_none_is_still_one(values: list[float]) -> None:
    for log in (False, True):
        axis = Axis.over(values, 0, 100, log)
        assert axis.low < axis.high


def test_a_picture_has_words_and_escapes_them() -> None:
    svg = panel("<hate>", 'a "quoted" & <b>', 10, text(1, 2, "<i>"))
    assert 'aria-label="&lt;hate&gt;. a &#34;quoted&#34; &amp; &lt;b&gt;"' in svg
    assert "<title>&lt;hate&gt;</title>" in svg
    assert "&lt;i&gt;</text>" in svg


# End to end


def test_a_run_of_train_py_becomes_a_page(tmp_path: Path) -> None:
    tiny = ("epochs=2", "model.embedding=4", "model.hidden=4")
    assert train_in(tmp_path, "-m", "data=robo", "cell=baseline,C1", *tiny).returncode == 0
    command = [sys.executable, "-m", "analysis", "report", str(tmp_path / "runs"), "-o", str(tmp_path / "page")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'page' / 'index.html'}: ")
    texts = _Sections((tmp_path / "page" / "index.html").read_text(encoding="utf-8")).texts
    assert "2 finished fits on 1 text data set (robo)" in texts["study"]
    assert "validation macro-F1, %" in texts["learning"]
    assert "after 2 epochs" in texts["learning"]
    assert "lstm_2" in texts["gates"]
