"""One table as Markdown, CSV and LaTeX, and the files of an earlier call."""

from pathlib import Path

import pandas as pd

from analysis.tables import table


def test_markdown_csv_and_latex(tmp_path: Path) -> None:
    numbers = pd.DataFrame({"cell": ["c = a|b", "C_1"], "score": [1 / 3, None]})
    shown = pd.DataFrame({"cell": ["c = a|b", "C_1"], "50 %": ["0.33 & more", "-"]})
    written = table.Table("name", "A title, 5 %", numbers, shown, ["A note: p < 5 %."])
    table.write([written], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name.csv", "name.md", "name.tex", "tables.md"]
    assert (tmp_path / "name.md").read_text().splitlines() == [
        "### A title, 5 %",
        "",
        "| cell | 50 % |",
        "| --- | --- |",
        r"| c = a\|b | 0.33 & more |",
        "| C_1 | - |",
        "",
        "A note: p < 5 %.",
    ]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "name.csv"), numbers)
    latex = (tmp_path / "name.tex").read_text()
    assert r"\caption{A title, 5 \%. A note: p \textless{} 5 \%.}\label{tab:name}" in latex
    assert "c = a|b & 0.33 \\& more \\\\\nC\\_1 & - \\\\" in latex
    assert latex.count(r"\begin{") == latex.count(r"\end{") == 2


def test_only_files_of_tables_that_no_longer_exist_are_removed(tmp_path: Path) -> None:
    rows = pd.DataFrame({"cell": ["C1"]})
    one, other = (table.Table(name, f"Title of {name}", rows, rows) for name in ("one", "other"))
    table.write([one, other], tmp_path)
    for name in ("mine.md", "empty.md", "other.txt", "mine.csv"):
        (tmp_path / name).write_text("### mine\n" if name == "mine.md" else "")
    table.write([one], tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"one.md", "one.csv", "one.tex", "tables.md", "mine.md", "empty.md", "other.txt", "mine.csv"}
