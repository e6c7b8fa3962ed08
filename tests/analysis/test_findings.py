"""docs/RESULTS.md: what the runs support and nothing else, and the committed page is that of the committed runs."""

import itertools
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from report_runs import write_market_run
from study_runs import write_study

from analysis.__main__ import main
from analysis.claims.market_claims import feature_sets
from analysis.claims.rules import NOT_REPRODUCED, REPRODUCED
from analysis.findings import not_learned, not_run, reasons
from analysis.findings.about_market import beats_persistence, sentiment_helps
from analysis.findings.answers import ANSWER, BEGIN, END, with_answers
from analysis.findings.beside_none import COMBINATION
from analysis.findings.encoders import encoders
from analysis.findings.evidence import Market, evidence_of
from analysis.findings.page import PAGE, finding_text, findings, page_of
from analysis.report import svg_file
from analysis.report.svg import Figure, legend, mark, panel
from analysis.study.archive import is_archive
from analysis.study.archiving import archive

CELLS = ("baseline", "C1", "C2", "H2", "placebo")
PAPER = {
    "split": "val",
    "protocol": "paper",
    "horizon": 1,
    "target": "close",
    "source": "yahoo",
    "cell": "baseline",
    "control": "",
}


def answer_to(question: str, runs: Path) -> str:
    """The part of the page about one question."""
    (finding,) = [finding for finding in findings(evidence_of(runs)) if finding.question == question]
    return "\n".join(finding_text(1, finding))


def write_texts(folder: Path, gains: dict[str, float], noise: float = 0.01) -> Path:
    write_study(folder, ["hate"], CELLS, 4, 3, gains, noise)
    return folder


def market(sentiment: float, days: int = 60, of_the_lstm: float | None = None) -> Market:
    """Runs whose error is 0.03, and `sentiment` more with sentiment, on 60 days; of the LSTM, `of_the_lstm` more."""
    random = np.random.default_rng(0)
    dates = [str(day) for day in range(days)]
    runs, predictions = [], []
    fields = itertools.product((7, 30, 90), feature_sets(), ("lstm", "cnn_lstm"), range(2))
    for folder, (window, features, model, seed) in enumerate(fields):
        more = sentiment if model != "lstm" or of_the_lstm is None else of_the_lstm
        error = 0.03 + ("sent" in features) * more + 0.0001 * random.standard_normal()
        about = {"folder": folder, "window": window, "features": features, "model": model, "seed": seed, **PAPER}
        runs.append({**about, "sentiment": None, "rmse": error, "relative_rmse": error / 0.02})
        errors = error * np.where(np.arange(days) % 2, 1.0, -1.0)
        predictions.append(
            pd.DataFrame({"folder": folder, "split": "val", "day": dates, "truth": 0, "prediction": errors})
        )
    baselines = pd.DataFrame({"folder": [0], "split": "val", "forecast": "persistence", "rmse": 0.02})
    return Market(pd.DataFrame(runs), baselines, pd.concat(predictions), "reddit")


def test_where_nothing_is_better_the_page_says_so(tmp_path: Path) -> None:
    answer = answer_to("Does an altered cell classify better?", write_texts(tmp_path, {}))
    assert "None of 3 alterations is significantly better" in answer
    assert "of 12 comparisons (alteration, data set, one of four scores) 0 are significantly better" in answer


def test_where_one_is_better_the_page_names_it(tmp_path: Path) -> None:
    answer = answer_to("Does an altered cell classify better?", write_texts(tmp_path, {"C2": 0.2}))
    assert "None of" not in answer
    assert "1 of 3 alterations are significantly better" in answer
    assert "Better: C2 on HATE in" in answer


@pytest.mark.parametrize(("noise", "chance"), [(0.2, True), (0.0005, False)])
def test_whether_the_papers_best_is_chance_depends_on_the_placebo(tmp_path: Path, noise: float, chance: bool) -> None:
    answer = answer_to("Are the paper's best improvements more than chance?", write_texts(tmp_path, {}, noise))
    assert ("Not here (HATE)" in answer) == chance
    assert ("On 1 of 1 data sets (HATE) it is above the 95 % quantile" in answer) == (not chance)


@pytest.mark.parametrize("noise", [0.05, 0.0005])
def test_an_alteration_beyond_chance_stands_beside_the_corrected_test(tmp_path: Path, noise: float) -> None:
    runs = write_texts(tmp_path, {"C2": 0.2} if noise < 0.01 else {}, noise)
    answer = answer_to("Are the paper's best improvements more than chance?", runs)
    assert ("C2 on HATE in Macro-F1 (+" in answer) == (noise < 0.01)
    assert ("finding 1) calls 4 of these 4 significant" in answer) == (noise < 0.01)
    assert ("none is above the quantile" in answer) == (noise > 0.01)


def test_robo_is_left_out_with_a_reason(tmp_path: Path) -> None:
    write_study(tmp_path, ["hate", "robo"], CELLS, 4, 3, {}, 0.01)
    answer = answer_to("Are the paper's best improvements more than chance?", tmp_path)
    assert "- ROBO is left out: it is a stand-in here. The paper's best, +96.03 % (H1), is above the quantile" in answer
    assert "- ROBO: the paper's best" not in answer


def test_cells_that_did_not_learn_are_counted() -> None:
    fits = [("H1", 0.0), ("H1", 0.4), ("C1", 0.4), ("C1+H1", 0.0)]
    runs = pd.DataFrame(fits, columns=["cell", "macro_f1"]).assign(data="hate", recipe="best", model="bilstm")
    rows = not_learned.not_learned(runs)
    (told,) = not_learned.sentences(rows)
    assert "HATE (`recipe=best`): H1 1 of 2; 1 other cell 1 of 1." in told
    assert list(not_learned.sentences(rows.iloc[:0])) == []


def test_bert_is_named_with_its_encoder() -> None:
    runs = pd.DataFrame({"model": ["bert", "bilstm"], "encoder": ["small", ""], "parameters": [22.9e6, 1e6]})
    assert encoders(runs) == "small, 22.9 million parameters"
    row = {"claim": "BERT is better", "recipe": "best", "verdict": REPRODUCED, "because": ""}
    assert reasons.of_texts(row, pd.DataFrame(), None, "small") == "BERT here: small"


@pytest.mark.parametrize(("noise", "seen"), [(0.05, False), (0.0005, True)])
def test_whether_the_papers_average_could_be_seen_depends_on_the_spread(
    tmp_path: Path, noise: float, seen: bool
) -> None:
    answer = answer_to("Could these runs have seen an improvement?", write_texts(tmp_path, {}, noise))
    assert ("Yes, on HATE" in answer) == seen
    assert ("Not one as small as the paper's" in answer) == (not seen)
    assert "False alarms: of 16 tests of the placebo over one seed's folds" in answer


@pytest.mark.parametrize(
    ("sentiment", "answer"),
    [
        (-0.005, "Yes. With the paper's protocol the errors with it are smaller for the LSTM and the CNN-LSTM."),
        (0.005, "No gain is shown. With the paper's protocol the errors with it are larger for the LSTM and"),
        (0, "No gain is shown. With the paper's protocol the errors with it are neither surely smaller nor"),
    ],
)
def test_the_answer_about_sentiment_is_that_of_the_runs(sentiment: float, answer: str) -> None:
    runs = market(sentiment)
    assert sentiment_helps(runs).answer.startswith(answer)
    assert beats_persistence(runs).answer.startswith("No. All 48 combinations")


def test_nets_that_sentiment_serves_differently_are_told_apart() -> None:
    finding = sentiment_helps(market(0.005, of_the_lstm=-0.005))
    assert finding.answer.startswith(
        "Not in general. With the paper's protocol the errors with it are smaller for the "
    )
    assert finding.answer.endswith("smaller for the LSTM, larger for the CNN-LSTM.")
    assert any("Of the LSTM alone the RMSE changes with it by -0.00" in told for told in finding.sentences)


@pytest.mark.parametrize(
    ("sentiment", "p_holm", "answer"),
    [
        (-0.005, 0.9, "Not in general."),
        (-0.005, 0.01, "Yes."),
        (0.005, 0.01, "Not in general."),
        (0.005, 0.9, "No gain is shown."),
    ],
)
def test_the_answer_about_sentiment_holds_walking_forward_too(sentiment: float, p_holm: float, answer: str) -> None:
    net = {**dict.fromkeys(COMBINATION, ""), "seed": 0, "rmse": 0.9, "rmse_without": 1.0, "p_holm": p_holm}
    told = sentiment_helps(market(sentiment), None, pd.DataFrame([net])).answer
    assert told.startswith(answer)
    assert f"smaller in 1 of 1 combinations, significantly so for {int(p_holm < 0.05)} of 1 nets." in told


def test_a_net_that_beats_persistence_is_counted(tmp_path: Path) -> None:
    for features, rmse in (("btc", 0.019), ("btc_usd", 0.03)):
        write_market_run(tmp_path / features, rmse, features=features)
    answer = answer_to("Does a net forecast Bitcoin's next close?", tmp_path)
    assert "1 of 2 combinations of window, features and net err less" in answer
    assert "Of 2 single runs 1 err less than persistence" in answer


def test_what_no_run_answers_is_not_answered(tmp_path: Path) -> None:
    write_study(tmp_path / "texts", ["hate"], ["baseline"], 2, 2, {})
    write_market_run(tmp_path / "market", 0.03)
    for question in (
        "Does an altered cell classify better?",
        "Are the paper's best improvements more than chance?",
        "Could these runs have seen an improvement?",
        "Does sentiment improve the forecasts?",
    ):
        answer = answer_to(question, tmp_path)
        assert "- Not answered yet: " in answer
        assert "**" not in answer
        assert "![" not in answer


def test_runs_that_walk_forward_are_told_of_and_counted(tmp_path: Path) -> None:
    write_market_run(tmp_path / "paper", 0.03)
    for seed in range(2):
        folder = tmp_path / f"walked{seed}"
        write_market_run(folder, 0.03, protocol="walk_forward", settings="w", seed=seed, seconds=3600)
        for name in ("metrics.csv", "baselines.csv"):
            rows = pd.read_csv(folder / name)
            pd.concat([rows, rows[rows["split"] == "val"].assign(split="test")]).to_csv(folder / name, index=False)
        days = pd.read_csv(folder / "predictions.csv").assign(split="test")
        days.assign(truth=[100.0, 102.0], prediction=[100.0, 101.5]).to_csv(folder / "predictions.csv", index=False)
    page = page_of(tmp_path)[PAGE]
    assert "1 of 1 combinations of features, sentiment, window and horizon err less on average" in page
    assert "| btc | 7 | 1 | close | 2 | 2 | 0." in page
    assert "| Bitcoin, window 7, walking forward | lstm | 1 | 2 | 1 | 2 | 2.00 |" in page
    assert "3 fits, 2.0 hours of training." in page


def test_every_claim_of_both_papers_has_a_row(tmp_path: Path) -> None:
    from analysis.claims.claims import CLAIMS, COUNTING_CLAIMS
    from analysis.claims.market_claims import claims

    write_study(tmp_path / "texts", ["hate"], ["baseline", "C1"], 2, 2, {"C1": 0.01})
    write_market_run(tmp_path / "market", 0.03)
    page = page_of(tmp_path)[PAGE]
    told = [f"| {claim.text} ({claim.where}) |" for claim in (*CLAIMS, *COUNTING_CLAIMS, *claims())]
    assert [row for row in told if row not in page] == []


def test_a_number_that_chance_reaches_is_given_as_a_reason() -> None:
    best = {"model": "bilstm", "recipe": "best", "data": "hate", "metric": "macro_f1", "paper_high": 2.0}
    row = {"recipe": "best", "data": "hate", "metric": "macro_f1", "verdict": NOT_REPRODUCED, "because": ""}
    row["claim"] = "H1 improves the macro-F1 of hate by 1.9 %"
    assert "best of 17 placebos reaches +2.00 %" in reasons.of_texts({**row, "claimed": 1.9}, pd.DataFrame([best]))
    assert "placebos" not in reasons.of_texts({**row, "claimed": 2.1}, pd.DataFrame([best]))
    assert reasons.of_texts({**row, "claimed": 1.9, "verdict": REPRODUCED}, pd.DataFrame([best])) == ""


def test_the_recipe_and_fits_that_did_not_learn_are_reasons() -> None:
    best = pd.DataFrame(columns=["model", "recipe", "data", "metric", "paper_high"])
    rows = [("hate", "best", "H1", 22, 100), ("hate", "best", "H2", 1, 100), ("robo", "best", "H1", 9, 10)]
    unlearned = pd.DataFrame(rows, columns=not_learned.COLUMNS)
    row = {"claim": "H1 is above H2", "recipe": "best", "data": "hate", "metric": "macro_f1", "claimed": 1}
    row |= {"verdict": NOT_REPRODUCED, "because": ""}
    told = reasons.of_texts(row, best, unlearned)
    assert told == f"22 of 100 fits of H1 did not learn (macro-F1 0); {reasons.OTHER_RECIPE}"
    assert reasons.of_texts({**row, "recipe": "paper", "data": "robo"}, best, unlearned) == "ROBO here is a stand-in"


def test_a_figure_becomes_one_file_with_its_legend() -> None:
    panels = [panel("one", "first", 100, width=300), panel("two & three", "second", 50, width=200)]
    text = svg_file.svg_file(Figure("A title", panels, legend([(mark("circle", 12, 7, "#000000"), "a < b")])))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ["A title", "one", "two & three", "a < b"]
    assert float(root.attrib["width"]) > 300 + 200
    assert float(root.attrib["height"]) > 100


def test_the_command_writes_the_page_and_removes_old_pictures(tmp_path: Path) -> None:
    write_study(tmp_path / "runs", ["hate"], CELLS, 2, 2, {})
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "results" / "old.svg").write_text("")
    main(["findings", str(tmp_path / "runs"), "-o", str(tmp_path / "docs")])
    written = {path.relative_to(tmp_path / "docs").as_posix() for path in (tmp_path / "docs").rglob("*.*")}
    assert written == set(page_of(tmp_path / "runs"))
    page = (tmp_path / "docs" / PAGE).read_text()
    assert [name for name in written if name.endswith(".svg") and f"({name})" not in page] == []


def test_an_archive_gives_the_page_of_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(not_run, "section", lambda runs: [])  # composes every experiment
    write_study(tmp_path / "runs", ["hate"], CELLS, 2, 2, {})
    archive([tmp_path / "runs"], tmp_path / "results")
    of_runs, of_archive = page_of(tmp_path / "runs"), page_of(tmp_path / "results")
    assert of_archive.pop(PAGE).startswith(of_runs.pop(PAGE).rstrip())  # and then the programs that made the runs
    assert of_archive == of_runs


@pytest.mark.slow
def test_the_page_is_that_of_the_results() -> None:
    """`python -m analysis findings results -o docs` changes nothing, byte for byte."""
    if not is_archive(PROJECT / "results"):
        pytest.skip("the folder results, which python -m analysis archive writes, is not in this checkout")
    for name, text in page_of(PROJECT / "results").items():
        assert (PROJECT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name}: make results"


def test_readme_answers_as_the_page() -> None:
    page, readme = ((PROJECT / name).read_text(encoding="utf-8") for name in ("docs/RESULTS.md", "README.md"))
    assert len(ANSWER.findall(page)) == 5
    assert with_answers(readme, page) == readme, "README.md: make results"


@pytest.mark.parametrize("command", [["--answers"], []])
def test_the_answers_replace_those_of_an_earlier_page(tmp_path: Path, command: list[str]) -> None:
    runs, readme = write_texts(tmp_path / "runs", {"C2": 0.1}), tmp_path / "README.md"
    readme.write_text(f"# Mine\n\n{BEGIN}\n- Old\n{END}\n\nMore.\n")
    main(["findings", str(runs), "-o", str(tmp_path / "docs"), *command, *([str(readme)] if command else [])])
    text = readme.read_text()
    assert text.startswith(f"# Mine\n\n{BEGIN}\n- ")
    assert text.endswith(f"\n{END}\n\nMore.\n")
    assert ("- Old" in text) == (not command)
    assert ("- Does an altered cell classify better? " in text) == bool(command)


@pytest.mark.parametrize(
    ("text", "fault"),
    [(None, "cannot be read"), ("# Mine\n", "has no place for the answers"), (f"{END}\n{BEGIN}\n", "has no place")],
)
def test_answers_without_a_place_are_refused(tmp_path: Path, text: str | None, fault: str) -> None:
    runs, readme = write_texts(tmp_path / "runs", {}), tmp_path / "README.md"
    if text is not None:
        readme.write_text(text)
    with pytest.raises(SystemExit, match=f"README.md {fault}"):
        main(["findings", str(runs), "-o", str(tmp_path / "docs"), "--answers", str(readme)])
    assert not (tmp_path / "docs").exists()
