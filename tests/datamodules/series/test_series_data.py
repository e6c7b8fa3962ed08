"""A user's own CSV file: its columns, gaps and repetitions."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_files import loaded, sales

from datamodules.errors import DataError
from datamodules.series.series_file import Columns, read_series


def test_the_target_comes_first_and_columns_of_numbers_are_inputs(tmp_path: Path) -> None:
    found = loaded(sales().assign(weather="fine", rain=1.5), tmp_path)
    assert list(found.panel.features) == ["units", "price", "rain"]
    assert "200 values, one for each day, 2020-01-01 to 2020-07-18" in found.report[0]
    assert found.report[1] == "Columns that hold more than numbers are not used: weather."
    assert list(loaded(sales(), tmp_path, "series.inputs=[]").panel.features) == ["units"]


def test_names_in_the_header_are_read_without_the_spaces_around_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("day, units , y,m, m,\n" + "".join(f"2020-01-{k:02},{k},{k},1,2,3\n" for k in range(1, 30)))
    found = read_series(path, Columns("day", "units"))
    assert list(found.series[0].values) == ["units", "y"]
    no_name = "Columns that have no name, or share it with another, are not used: m, (without a name)."
    assert found.notes[1:] == [no_name]
    for wanted in (Columns("day", "m"), Columns("day", "units", ["m"])):
        with pytest.raises(DataError, match=r"the column m stands twice in the header: remove or rename one"):
            read_series(path, wanted)


def test_gaps_keep_the_last_value_and_are_not_observed(tmp_path: Path) -> None:
    table = sales()
    table.loc[9, "units"] = np.nan
    found = loaded(table.drop(index=[5, 6]), tmp_path)
    panel = found.panel
    assert panel.own is not None
    assert np.flatnonzero(~panel.own.observed).tolist() == [5, 6, 9]
    assert panel.close.iloc[5] == panel.close.iloc[6] == table["units"][4]
    assert panel.features["price"].iloc[9] == table["price"][9]
    assert "3 periods in between have no value, 2020-01-06, 2020-01-07, 2020-01-10: a window" in found.report[1]


def test_rows_in_any_order_and_rows_that_repeat_another_are_read(tmp_path: Path) -> None:
    table = sales()
    shuffled = pd.concat([table, table.iloc[[3, 7]]]).sample(frac=1, random_state=0)
    found = loaded(shuffled, tmp_path)
    assert "2 rows that repeat another one dropped" in found.report[0]
    assert found.panel.close.tolist() == table["units"].tolist()


def with_text(table: pd.DataFrame, column: str, text: str) -> pd.DataFrame:
    return table.assign(**{column: table[column].astype(str).where(table.index != 4, text)})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: pd.concat([table, table.iloc[[3]].assign(units=1.0)]), r"2020-01-04 occurs twice.*lines 5, 202"),
        (
            lambda table: table.assign(units=table["units"].astype(object).where(table.index != 4, "many")),
            "line 6: 'many'",
        ),
        (
            lambda table: table.assign(day=table["day"].astype(str).where(table.index != 4, "5.1.20")),
            "line 6: '5.1.20' is",
        ),
        (lambda table: table.assign(units=np.nan), "column units is empty"),
        (lambda table: table[:0], "has a header and no row below it"),
        (lambda table: table.rename(columns={"day": "date"}), r"no column 'day' \(series.date=\)"),
        (lambda table: table.assign(units=1e300), "is no number up to"),
    ],
)
def test_mistakes_name_the_line(change, says: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=says):
        loaded(change(sales()), tmp_path)


@pytest.mark.parametrize(("name", "kind"), [("x.json", "JSON"), ("x.jsonl.gz", "JSON"), ("X.PARQUET", "Parquet")])
def test_other_formats_are_named(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("[]")
    with pytest.raises(DataError, match=f"{name} is {kind}, and series are read from CSV: write it as a CSV file."):
        read_series(tmp_path / name, Columns("day", "units"))


def test_several_series_stand_one_below_another(tmp_path: Path) -> None:
    both = pd.concat([sales(100).assign(shop="a"), sales(80, 1, start="2020-01-11").assign(shop="b")])
    panel = loaded(both.sample(frac=1, random_state=0).sort_values("shop"), tmp_path, "series.id=shop").panel
    assert panel.own is not None
    assert panel.own.names == ("a", "b")
    assert [(rows.start, rows.stop) for rows in panel.own.blocks] == [(0, 100), (100, 180)]
    assert panel.own.numbers[100] - panel.own.numbers[0] == 10


def of_countries(*names: str) -> pd.DataFrame:
    """A file with a series of 20 days for each name."""
    return pd.concat([sales(20, k).assign(country=name) for k, name in enumerate(names)])


def test_an_id_is_the_text_as_it_stands(tmp_path: Path) -> None:
    names = ("NA", "null", "nan", "None", "DE")
    found = loaded(of_countries(*names), tmp_path, "series.id=country")
    assert found.panel.own is not None
    assert found.panel.own.names == names
    assert "5 series, 100 values" in found.report[0]


def test_rows_that_begin_with_a_hash_are_said_to_be_comments(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    columns = Columns("day", "units", id="shop")
    of_shops = pd.concat([sales(20, k).assign(shop=name) for k, name in enumerate(("1", "#2", "#3"))])
    of_shops[["shop", "day", "units"]].to_csv(path, index=False)
    assert (
        "20 values, one for each day, 2020-01-01 to 2020-01-20, 40 lines that begin with # are comments."
        in (read_series(path, columns).notes[0])
    )
    of_shops[["shop", "day", "units"]].to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
    assert [each.name for each in read_series(path, columns).series] == ["1", "#2", "#3"]
    path.write_text("shop,day,units\n#2,2020-01-01,1\n")
    with pytest.raises(DataError, match=r"no row below it \(1 line that begins with # is a comment\): name another"):
        read_series(path, columns)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_row_without_an_id_is_refused(blank: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sales.csv, line 22: the column country is empty: name there what the row"):
        loaded(of_countries("NA", blank), tmp_path, "series.id=country")


def test_a_column_that_knows_the_next_value_is_reported(tmp_path: Path) -> None:
    table = sales(300)
    noise = np.random.default_rng(2).normal(size=300) / 10
    honest, leaking = (
        loaded(table, tmp_path),
        loaded(table.assign(hint=table["units"].shift(-1).ffill() + noise), tmp_path),
    )
    assert any(line.startswith("No leak found in 1 input: price") for line in honest.report)
    (warning,) = [line for line in leaking.report if line.startswith("WARNING")]
    assert "the input hint knows the value 1 ahead" in warning


def test_start_and_end_cut_the_file(tmp_path: Path) -> None:
    panel = loaded(sales(), tmp_path, "start=2020-02-01", "end=2020-03-31").panel
    assert [f"{day:%Y-%m-%d}" for day in panel.close.index[[0, -1]]] == ["2020-02-01", "2020-03-31"]
    with pytest.raises(DataError, match="end=soon"):
        loaded(sales(), tmp_path, "end=soon")


def test_logarithms_need_values_above_0(tmp_path: Path) -> None:
    table = sales()
    table.loc[3, "units"] = 0
    with pytest.raises(DataError, match=r"units is 0 in 2020-01-04"):
        loaded(table, tmp_path, "series.log=true")


def european(table: pd.DataFrame) -> str:
    """The table as a spreadsheet in Germany writes it."""
    rows = [["Tag", "Preis", "Menge", "Stadt"]]
    for day, price, units in zip(pd.to_datetime(table["day"]), table["price"], table["units"], strict=True):
        amount = f"{1000 + units:,.2f}".translate(str.maketrans(",.", ".,"))
        rows.append([f"{day:%d.%m.%Y}", f"{price:.3f}".replace(".", ","), amount, "Ulm, Donau"])
    return "\n".join(";".join(row) for row in rows)


def test_semicolons_decimal_commas_and_gzip_are_read(tmp_path: Path) -> None:
    table = sales()
    path = tmp_path / "umsatz.csv.gz"
    path.write_bytes(gzip.compress(european(table).encode()))
    found = read_series(path, Columns("Tag", "Menge"))
    np.testing.assert_allclose(found.series[0].values["Menge"], 1000 + table["units"].round(2), atol=0.01)
    np.testing.assert_allclose(found.series[0].values["Preis"], table["price"], atol=0.001)
    assert "decimal commas and points between thousands in Menge, Preis" in found.notes[0]
    assert found.notes[1] == "Columns that hold more than numbers are not used: Stadt."


def test_beside_decimal_commas_a_point_separates_thousands(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [f"2020-01-{k:02};1.{k:03};{k},5;{k}.5" for k in range(1, 30)] + ["2020-01-30;682;1,5;1.5"]
    path.write_text("\n".join(["day;units;price;other", *rows]))
    values = read_series(path, Columns("day", "units")).series[0].values
    assert values["units"].tolist() == [*range(1001, 1030), 682]
    assert values["other"].tolist() == [*(k + 0.5 for k in range(1, 30)), 1.5]
    path.write_text(path.read_text().replace(";1.001;", ";0.001;"))  # no thousands begin with 0
    assert read_series(path, Columns("day", "units")).series[0].values["units"].iloc[:2].tolist() == [0.001, 1.002]
    path.write_text(path.read_text().replace(";0.001;", ";1.001;"))
    path.write_text(path.read_text().replace(";", "|").replace(",", "."))
    assert read_series(path, Columns("day", "units")).series[0].values["units"].iloc[0] == 1.001


@pytest.mark.parametrize(
    ("frequency", "end", "last"),
    [
        ("ME", "2020-06", "2020-06"), ("ME", "2020Q2", "2020-06"), ("ME", "2020", "2020-12"),
        ("D", "2020-06", "2020-06-30"), ("D", "2020", "2020-12-31"), ("D", "Jun 2020", "2020-06-30"),
        ("QE", "2030Q2", "2030Q2"), ("h", "2020-06-01", "2020-06-01 23:00"),
        ("h", "Jun 1 2020", "2020-06-01 23:00"), ("h", "2020-06-01 12:00", "2020-06-01 12:00"),
    ],
)  # fmt: skip
def test_the_end_is_that_of_the_period_that_it_names(frequency: str, end: str, last: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    sales(9_000 if frequency == "h" else 600, frequency=frequency).to_csv(path, index=False)
    found = read_series(path, Columns("day", "units"), end=end)
    assert f"to {last}" in found.notes[0]


@pytest.mark.parametrize(("index", "frequency"), [("Date", "D"), ("Datetime", "h")])
@pytest.mark.parametrize("levels", [["Price", "Ticker"], ["Ticker", "Price"]])
def test_the_two_levels_of_yfinance_are_read(levels: list[str], index: str, frequency: str, tmp_path: Path) -> None:
    path = tmp_path / "GSPC.csv"
    table = sales(30, frequency=frequency).set_index("day").rename_axis(index)
    table.columns = pd.MultiIndex.from_product([["Close", "Open"], ["^GSPC"]], names=["Price", "Ticker"])
    table.reorder_levels(levels, axis=1).to_csv(path)
    (series,) = read_series(path, Columns(index, "Close")).series
    assert list(series.values) == ["Close", "Open"]
    assert series.values["Close"].tolist() == table.iloc[:, 0].tolist()
    pd.concat([table, table.rename(columns={"^GSPC": "GC=F"})], axis=1).to_csv(path)
    with pytest.raises(DataError, match=r"GSPC.csv holds the prices of \^GSPC, GC=F: keep one of them in this file"):
        read_series(path, Columns(index, "Close"))


def test_a_header_of_any_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"day;units;{'x' * 200_000}\n" + "".join(f"2020-01-{k:02};{k};1\n" for k in range(1, 30)))
    assert len(read_series(path, Columns("day", "units")).series[0].values) == 29


def test_a_point_is_a_decimal_point_where_no_number_has_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("day;units\n" + "".join(f"2020-01-{k:02};1.{k:03}\n" for k in range(1, 30)))
    found = read_series(path, Columns("day", "units"))
    assert found.series[0].values["units"].iloc[0] == 1.001
    assert "commas" not in found.notes[0]
    assert "units with decimal points as in 1.001 (remove those that separate thousands)" in found.notes[0]
    path.write_text(path.read_text().replace("1.007", "1.07"))
    assert "thousands" not in read_series(path, Columns("day", "units")).notes[0]
    path.write_text(path.read_text().replace("1.07", "1.007").replace(";", ","))
    assert "thousands" not in read_series(path, Columns("day", "units")).notes[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no gzip", "is damaged"), (gzip.compress(b"day,units\n" * 300_000), "is refused: it would grow")],
)
def test_damaged_and_enormous_gzip_files_are_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_series(path, Columns("day", "units"))
