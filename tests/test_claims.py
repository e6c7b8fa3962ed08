"""Verdicts on the paper's claims, from made-up studies in which the truth is known."""

from pathlib import Path

import pandas as pd
import pytest
from study_runs import write_study

from analysis.claims import CLAIMS, SEVEN, SIX, verdicts
from analysis.design import study
from analysis.verdict import NOT_DECIDABLE, NOT_REPRODUCED, REPRODUCED

CELLS = ("baseline", "C1", "C9", "H1", "H2")
C1_BY_0643 = "C1 improves macro-F1 by 0.643 % on average"


def judged(tmp_path: Path, gains: dict[str, float], **options: object) -> pd.DataFrame:
    """Verdicts by claim on a study where cells improve every score by a share of it."""
    options = {"data": SEVEN, "cells": CELLS, "seeds": 3, "folds": 2, "noise": 0.0005, **options}
    write_study(tmp_path, gains=gains, **options)
    return verdicts(study(tmp_path)).set_index("claim")


def test_a_study_that_has_the_papers_improvements(tmp_path: Path) -> None:
    found = judged(tmp_path, {"C1": 0.00643, "C9": 0.001, "H1": -0.003, "H2": 0.0029})
    row = found.loc[C1_BY_0643]
    assert row["verdict"] == REPRODUCED
    assert row["data"] == ", ".join(sorted(SIX))
    assert row["n"] == 6
    assert row["low"] < 0.643 < row["high"]
    assert found.loc["H1 reduces accuracy", "verdict"] == REPRODUCED
    assert found.loc["no alteration takes 10 % more time per epoch", "verdict"] == REPRODUCED
    assert found.loc["no alteration takes 10 % more time per epoch", "improvement"] == pytest.approx(5)
    assert found.loc["in six of seven data sets an alteration improves F1 and accuracy", "verdict"] == REPRODUCED


def test_a_study_in_which_nothing_helps(tmp_path: Path) -> None:
    found = judged(tmp_path, {"C1": -0.01, "H1": 0.01})
    assert found.loc[C1_BY_0643, "verdict"] == NOT_REPRODUCED
    assert found.loc["H1 reduces the F1 metrics", "verdict"] == NOT_REPRODUCED
    # H1, which the paper has as the worst, improves them here
    assert found.loc["in six of seven data sets an alteration improves F1 and accuracy", "verdict"] == REPRODUCED


def test_no_data_set_improved(tmp_path: Path) -> None:
    found = judged(tmp_path, {"C1": -0.01, "C9": -0.02, "H1": -0.01, "H2": -0.01})
    assert found.loc["in six of seven data sets an alteration improves F1 and accuracy", "verdict"] == NOT_REPRODUCED


def test_noise_is_not_decidable_and_says_what_would_decide(tmp_path: Path) -> None:
    row = judged(tmp_path, {"C1": 0.0032}, noise=0.01, seeds=2).loc[C1_BY_0643]
    assert row["verdict"] == NOT_DECIDABLE
    assert row["because"] == f"{row['needed']:.0f} pairs of runs on each would decide"
    assert row["needed"] > row["n"] == 4


def test_more_noise_than_any_number_of_runs_can_average_out(tmp_path: Path) -> None:
    row = judged(tmp_path, {}, noise=0.05, seeds=2).loc[C1_BY_0643]
    assert row["verdict"] == NOT_DECIDABLE
    assert pd.isna(row["needed"])
    assert row["because"] == "no number of runs on these folds decides"


def test_one_pair_of_runs(tmp_path: Path) -> None:
    row = judged(tmp_path, {"C1": 0.00643}, seeds=1, folds=1).loc[C1_BY_0643]
    assert (row["verdict"], row["because"]) == (NOT_DECIDABLE, "one pair of runs has no interval")


def test_a_claim_about_six_data_sets_is_not_decided_on_one(tmp_path: Path) -> None:
    found = judged(tmp_path, {"C1": 0.00643}, data=["hate"])
    row = found.loc[C1_BY_0643]
    assert (row["verdict"], row["because"]) == (NOT_DECIDABLE, "5 of 6 data sets missing")
    assert row["improvement"] == pytest.approx(0.643, abs=0.2)
    missing = found.loc["BERT takes 10,000 % more training time"]
    assert (missing["verdict"], missing["because"]) == (NOT_DECIDABLE, "no pairs of runs of bert")
    about_hate = found[found["where"] == "Table 8"]
    assert about_hate.index.str.contains("of hate by").all()
    assert about_hate.loc["H1 reduces the macro-F1 of hate by 0.099 %", "verdict"] in (NOT_DECIDABLE, NOT_REPRODUCED)
    assert not (found["where"] == "Table 5").any()


def test_the_stand_in_is_named(tmp_path: Path) -> None:
    found = judged(tmp_path, {"H1": 0.96}, data=["robo"])
    assert found.loc["H1 improves the macro-F1 of robo (here a stand-in) by 96.034 %", "verdict"] == REPRODUCED


def test_bert_is_paired_with_c1_on_the_same_folds(tmp_path: Path) -> None:
    write_study(tmp_path, SEVEN, ["baseline"], 3, 2, {"baseline": 0.02}, noise=0.0005, model="bert")
    found = judged(tmp_path, {"C1": 0.01})
    row = found.loc["BERT's accuracy is 0.93 % higher on average"]
    assert row["improvement"] == pytest.approx(100 * (1.02 / 1.01 - 1), abs=0.05)
    assert row["verdict"] == REPRODUCED
    assert row["n"] == 6
    assert found.loc["BERT takes 10,000 % more training time", "verdict"] == NOT_REPRODUCED
    # the models are no alterations
    assert found.loc["no alteration takes 10 % more time per epoch", "improvement"] == pytest.approx(5)


def test_settings_of_lstm_cs_are_judged_apart(tmp_path: Path) -> None:
    for epochs, gain in ((4, 0.0), (10, 0.00643)):
        write_study(tmp_path, SIX, CELLS, 2, 2, {"C1": gain}, noise=0.0005, epochs=epochs)
    found = verdicts(study(tmp_path)).set_index(["recipe", "claim"])["verdict"]
    assert found["epochs=4", C1_BY_0643] == NOT_REPRODUCED
    assert found["epochs=10", C1_BY_0643] == REPRODUCED


def test_every_claim_has_a_line_however_little_was_run(tmp_path: Path) -> None:
    found = judged(tmp_path, {}, data=["hate"], cells=["baseline"])
    assert {claim.text for claim in CLAIMS} <= set(found.index)
    assert (found["verdict"] == NOT_DECIDABLE).all()
