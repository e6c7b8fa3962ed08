"""The section of the page of results on fits that experiments ask for and that were not run."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.findings import experiments, not_run


def fits(*counts: tuple[str, int]) -> pd.DataFrame:
    rows = [{"asked": recipe, "on": "hate", "seconds": 3600.0} for recipe, count in counts for _ in range(count)]
    return pd.DataFrame(rows, columns=["asked", "on", "seconds"])


def test_a_row_for_each_recipe_with_what_the_others_take(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = fits(("best", 5), ("paper", 4))
    studies = [("small.yaml", fits(("best", 3)), planned), ("whole.yaml", fits(("", 2)), fits(("", 2)))]
    monkeypatch.setattr(experiments, "studies", lambda runs: studies)
    heading, complete, table = not_run.section(Path())
    assert heading == "## What was not run"
    assert complete == "Complete: whole."
    assert "| small (best) | 3 of 5 | 2.0 | `experiment=small recipe=best` |" in table
    assert "| small (paper) | 0 of 4 | - | `experiment=small recipe=paper` |" in table
    assert "whole" not in table
