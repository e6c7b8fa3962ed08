"""Runs that learnt from different versions of a file are not compared."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from study_runs import write_run

from analysis.report import write as write_report
from analysis.study.archiving import archive
from analysis.study.data_versions import refuse_versions
from analysis.summary import summary
from analysis.tables import all_tables
from cells.errors import UserError


def trained_on(folder: Path, **files: str) -> str:
    """Write down the files of a run, each as "name hash", and return its folder."""
    named = {use: dict(zip(("file", "hash"), file.split(), strict=True)) for use, file in files.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provenance.json").write_text(json.dumps({"data": named, "attempts": []}))
    return str(folder)


COMMANDS: dict[str, Callable[[Path], object]] = {
    "summary": summary,
    "tables": lambda runs: all_tables.write_all(runs, runs / "out"),
    "report": lambda runs: write_report(runs, runs / "out"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_runs_on_different_versions_are_refused_in_one_line(command: str, tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / cell, [0.5] * 5, cell) for cell in ("baseline", "C1"))
    trained_on(one, data="text/hate/dataset.csv sha256:1")
    trained_on(other, data="text/hate/dataset.csv sha256:2")
    with pytest.raises(UserError) as refused:
        COMMANDS[command](tmp_path)
    line = str(refused.value)
    assert " were trained on different versions of text/hate/dataset.csv: " in line
    assert str(one) in line
    assert str(other) in line


def test_runs_in_two_folders_of_an_archive_are_compared(tmp_path: Path) -> None:
    for number, cell in enumerate(("baseline", "C1")):
        run = write_run(tmp_path / cell / cell, [0.5] * 5, cell)
        trained_on(run, data=f"text/hate/dataset.csv sha256:{number}")
    with pytest.raises(UserError, match="were trained on different versions of text/hate"):
        archive([tmp_path / "baseline", tmp_path / "C1"], tmp_path / "out")


def test_runs_on_the_same_version_and_of_older_programs_are_compared(tmp_path: Path) -> None:
    for cell in ("baseline", "C1", "C2"):
        run = write_run(tmp_path / cell, [0.5] * 5, cell)
        if cell != "C2":
            trained_on(run, data="text/hate/dataset.csv sha256:1")
    assert summary(tmp_path).count("hate bilstm") == 3


@pytest.mark.parametrize(
    ("features", "settings", "files", "refused"),
    [
        (("btc", "btc"), ("a", "a"), ("BTC-USD_2020-01-01_2021-02-01.csv", "BTC-USD_2020-01-01_2021-02-02.csv"), True),
        (("btc", "btc"), ("a", "b"), ("BTC-USD_2020-01-01_2021-02-01.csv", "BTC-USD_2020-01-01_2021-02-02.csv"), False),
        (("btc", "btc_usd"), ("a", "b"), ("BTC-USD.csv", "BTC-USD.csv"), True),
    ],
    ids=["tomorrow's prices", "other dates by choice", "other features"],
)
def test_prices_are_compared_over_features(
    features: tuple[str, str], settings: tuple[str, str], files: tuple[str, str], refused: bool, tmp_path: Path
) -> None:
    folders = [trained_on(tmp_path / str(k), btc=f"market/{file} sha256:{k}") for k, file in enumerate(files)]
    rows = pd.DataFrame({"folder": folders, "settings": settings, "features": features})
    if refused:
        with pytest.raises(UserError, match="different versions of market/BTC-USD"):
            refuse_versions(rows, "features")
    else:
        refuse_versions(rows, "features")
