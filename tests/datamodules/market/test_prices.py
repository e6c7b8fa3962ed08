"""Prices are read, checked and joined; what they cannot be is refused with date and column."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT

from datamodules.errors import DataError
from datamodules.market.prices import join_markets, load_prices
from datamodules.market.yahoo_layout import COLUMNS, MARKETS, DateRange

FIXTURES = PROJECT / "tests" / "fixtures" / "market"
MARCH = DateRange.parse("2015-03-01", "2015-03-10")
PAPER = DateRange.parse("2014-09-18", "2019-11-23")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder with the three small price files."""
    (tmp_path / "market").mkdir()
    for name in ("BTC-USD.csv", "DX-Y.NYB.csv", "GSPC.csv"):
        shutil.copy(FIXTURES / name, tmp_path / "market")
    return tmp_path


def edited(data_dir: Path, old: str, new: str) -> Path:
    """The folder after a change to its BTC-USD.csv."""
    path = data_dir / "market" / "BTC-USD.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return data_dir


def test_rows_are_read_unchanged(data_dir: Path) -> None:
    frame, note = load_prices("btc", MARCH, data_dir)
    assert list(frame.columns) == ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert frame.loc["2015-03-02"].tolist() == [102, 110, 101, 108, 108, 2000]
    assert note == "BTC-USD.csv: 10 days, 2015-03-01 to 2015-03-10."


def test_rows_without_a_price_are_dropped_and_counted(data_dir: Path) -> None:
    frame, note = load_prices("usd", MARCH, data_dir)
    assert len(frame) == 6
    assert "2 rows without a price dropped" in note


def test_spaces_around_the_names_of_columns_are_no_part_of_them(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    header, rest = path.read_text().split("\n", 1)
    path.write_text(
        f"{header.replace('Adj Close', ' Adj Close ')}\n{rest.replace('108.000000,2000', '107.000000,2000')}"
    )
    frame, _ = load_prices("btc", MARCH, data_dir)
    assert frame.loc["2015-03-02", ["Close", "Adj Close"]].tolist() == [108, 107]


def test_the_note_counts_comments_below_the_header(data_dir: Path) -> None:
    _, note = load_prices("btc", MARCH, edited(data_dir, "2015-03-05,", "# a split\n# of two\n2015-03-05,"))
    assert note == "BTC-USD.csv: 10 days, 2015-03-01 to 2015-03-10, 2 lines that begin with # are comments."


def test_both_ends_of_a_date_range_belong_to_it(data_dir: Path) -> None:
    frame, _ = load_prices("btc", DateRange.parse("2015-03-03", "2015-03-05"), data_dir)
    assert [day.day for day in frame.index] == [3, 4, 5]


def test_only_days_on_which_all_markets_trade_are_joined(data_dir: Path) -> None:
    joined = join_markets({market: load_prices(market, MARCH, data_dir).frame for market in MARKETS})
    assert [day.day for day in joined.index] == [2, 3, 5, 6, 9, 10]  # the 4th is missing from DX-Y.NYB alone
    assert list(joined.columns) == [f"{market} {column}" for market in ("btc", "usd", "sp500") for column in COLUMNS]
    assert joined.loc["2015-03-09", "btc Close"] == 111
    assert joined.loc["2015-03-09", "sp500 Close"] == 1988


BROKEN = {
    "a day twice": ("2015-03-05,", "2015-03-04,", "2015-03-04 occurs twice", "Date"),
    "no date": ("2015-03-05,", "5 March,", "5 March is not a date", "Date"),
    "a word": (",99.000000,99.000000,3000", ",n/k,99.000000,3000", "on 2015-03-05", "Close n/k is not a number"),
    "beyond all numbers": ("109.000000", "1e999", "on 2015-03-03", "High 1e999 is not a number"),
    "too large a number": ("109.000000", "1e300", "on 2015-03-03", "High 1e300 is too large to be true"),
    "a date of the year 9999": (
        "2015-03-05,",
        "9999-12-31 23:00:00-05:00,",
        "9999-12-31",
        "is not a date (column Date)",
    ),
    "a column twice": ("Adj Close", "Close", "the column Close stands twice in the header", "rename one of them"),
    "a column twice, once with a space": (
        "Adj Close",
        "Close ",
        "the column Close stands twice in the header",
        "rename",
    ),
    "a missing and a new column": (
        "Adj Close,Volume",
        "Vol.,Adj",
        "no column Volume",
        "is Date,Open,High,Low,Close,Vol.,Adj.",
    ),
    "infinite": ("109.000000", "inf", "on 2015-03-03", "High inf is not a number"),
    "a half-empty row": ("98.000000,99.000000", "98.000000,null", "on 2015-03-05", "Close nan is a gap"),
    "a negative price": ("97.000000", "-97.000000", "on 2015-03-06", "Low -97.0 is not a price"),
    "a negative volume": ("3000", "-3000", "on 2015-03-05", "Volume -3000.0 is negative"),
    "a High below the Low": (
        "110.000000",
        "100.000000",
        "on 2015-03-02",
        "High 100.0 is below that day's Low",
    ),
    "a Close above the High": (
        "110.000000",
        "107.000000",
        "on 2015-03-02",
        "High 107.0 is below that day's Close",
    ),
    "a Close below the Low": (
        "101.000000,108.000000",
        "109.000000,108.000000",
        "on 2015-03-02",
        "Close 108.0 is below that day's Low",
    ),
    "a missing column": ("Volume", "Vol.", "BTC-USD.csv has no column Volume", "Adj Close"),
    "another separator": ("Date,Open,High,Low,", "Date;Open;High;Low,", "no column Date", "Date;Open"),
}


@pytest.mark.parametrize(("old", "new", "where", "what"), BROKEN.values(), ids=BROKEN)
def test_impossible_prices_are_refused_with_date_and_column(
    data_dir: Path, old: str, new: str, where: str, what: str
) -> None:
    with pytest.raises(DataError) as error:
        load_prices("btc", MARCH, edited(data_dir, old, new))
    message = str(error.value)
    assert where in message
    assert what in message
    assert "BTC-USD.csv" in message
    assert "\n" not in message


def test_many_faults_are_counted(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    path.write_text(path.read_text().replace(",10", ",-10"))
    with pytest.raises(DataError, match=r"and \d+ more faults; correct these rows"):
        load_prices("btc", MARCH, data_dir)


def test_a_gap_is_noted_if_it_is_longer_than_the_markets_usual_pause(data_dir: Path) -> None:
    row = "2015-03-04,104.000000,107.000000,104.000000,106.000000,106.000000,1200\n"
    assert "no rows between 2015-03-03 and 2015-03-05" in load_prices("btc", MARCH, edited(data_dir, row, "")).note
    assert "no rows" not in load_prices("sp500", MARCH, data_dir).note  # a weekend is usual


def test_days_missing_at_either_end_of_the_range_are_a_gap(data_dir: Path) -> None:
    note = load_prices("btc", DateRange.parse("2015-02-27", "2015-03-11"), data_dir).note
    assert "no rows before 2015-03-01, after 2015-03-10" in note
    note = load_prices("sp500", DateRange.parse("2015-02-27", "2015-03-11"), data_dir).note
    assert "no rows" not in note  # shorter than a weekend


def test_exports_without_adjusted_close_and_with_a_time_zone_are_read(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    table = pd.read_csv(path).drop(columns="Adj Close")
    table.assign(Date=table["Date"] + " 00:00:00+00:00").to_csv(path, index=False)
    frame, _ = load_prices("btc", MARCH, data_dir)
    assert frame["Adj Close"].equals(frame["Close"].rename("Adj Close"))
    assert frame.index[0] == pd.Timestamp("2015-03-01")


def test_days_with_a_zone_are_converted_to_utc_and_said(data_dir: Path) -> None:
    """Cut off, the zone would shift every day by one, and tomorrow's close into today."""
    path = data_dir / "market" / "BTC-USD.csv"
    expected = load_prices("btc", MARCH, data_dir).frame
    table = pd.read_csv(path)
    utc = pd.to_datetime(table["Date"]).dt.tz_localize("UTC")
    table.assign(Date=utc.dt.tz_convert("America/New_York").astype(str)).to_csv(path, index=False)
    assert "2015-02-28 19:00:00-05:00" in path.read_text()
    frame, note = load_prices("btc", MARCH, data_dir)
    pd.testing.assert_frame_equal(frame, expected)
    assert note.endswith("2015-03-01 to 2015-03-10, 10 times with a zone converted to UTC.")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_midnight_in_a_markets_zone_is_the_markets_day(data_dir: Path, zone: str) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    expected = load_prices("btc", MARCH, data_dir)
    table = pd.read_csv(path)
    table.assign(Date=pd.to_datetime(table["Date"]).dt.tz_localize(zone).astype(str)).to_csv(path, index=False)
    found = load_prices("btc", MARCH, data_dir)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    assert found.note == expected.note.removesuffix(".") + ", 10 midnights with a zone taken as days."


def test_a_comment_in_latin_1_is_in_the_note(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    path.write_bytes("# Tägliche Kurse\n".encode("latin-1") + path.read_bytes())
    frame, note = load_prices("btc", MARCH, data_dir)
    assert len(frame) == 10
    assert note.endswith("2015-03-01 to 2015-03-10, Tägliche Kurse.")


def test_of_a_file_with_line_ends_of_old_the_first_line_alone_is_the_comment(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    path.write_bytes((b"# daily\tprices\x1b\a\n" + path.read_bytes()).replace(b"\n", b"\r"))
    assert load_prices("btc", MARCH, data_dir).note.endswith("2015-03-01 to 2015-03-10, daily prices.")


def test_the_prices_of_another_ticker_are_refused(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    table = pd.read_csv(path, index_col="Date")
    table.columns = pd.MultiIndex.from_product([table.columns, ["ETH-USD"]], names=["Price", "Ticker"])
    table.to_csv(path)
    with pytest.raises(DataError, match=r"BTC-USD.csv holds the prices of ETH-USD, and should hold those of BTC-USD"):
        load_prices("btc", MARCH, data_dir)


@pytest.mark.parametrize("levels", [["Price", "Ticker"], ["Ticker", "Price"]])
@pytest.mark.parametrize("adjusted", [True, False])
def test_the_two_levels_of_yfinance_are_read(data_dir: Path, levels: list[str], adjusted: bool) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    expected = load_prices("btc", MARCH, data_dir)
    table = pd.read_csv(path, index_col="Date")[
        ["Close", "High", "Low", "Open", "Volume"] + ["Adj Close"] * (not adjusted)
    ]
    table.columns = pd.MultiIndex.from_product([table.columns, ["BTC-USD"]], names=["Price", "Ticker"])
    table.reorder_levels(levels, axis=1).to_csv(path)
    assert path.read_text().startswith(f"{levels[0]},")
    found = load_prices("btc", MARCH, data_dir)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    both = pd.concat([table, table.rename(columns={"BTC-USD": "^GSPC"})], axis=1)
    both.to_csv(path)
    with pytest.raises(
        DataError, match=r"BTC-USD.csv holds the prices of BTC-USD, \^GSPC: keep one of them in this file"
    ):
        load_prices("btc", MARCH, data_dir)


def test_a_file_of_a_header_alone_has_no_prices(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    path.write_text(path.read_text().splitlines()[0])
    with pytest.raises(DataError, match="has no prices from 2015-03-01 to 2015-03-10"):
        load_prices("btc", MARCH, data_dir)


def test_descending_files_are_reversed(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    assert load_prices("btc", MARCH, data_dir).frame.index.is_monotonic_increasing


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2014-9-18", "2015-01-01", "start=2014-9-18"),
        ("2015-01-02", "2015-01-01", "lies before"),
        ("0001-01-01", "2015-01-01", "start=0001-01-01: write a date between 1700-01-01 and 2199"),
        ("2015-01-01", "9999-12-31", "end=9999-12-31: write a date between"),
    ],
)
def test_impossible_date_ranges_are_refused(start: str, end: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        DateRange.parse(start, end)


def test_a_date_range_without_prices_is_refused(data_dir: Path) -> None:
    with pytest.raises(DataError, match="no prices from 2016-01-01 to 2016-12-31"):
        load_prices("btc", DateRange.parse("2016-01-01", "2016-12-31"), data_dir)


def test_markets_without_a_common_day_are_refused(data_dir: Path) -> None:
    frame = load_prices("btc", MARCH, data_dir).frame
    with pytest.raises(DataError, match="no day on which btc, usd"):
        join_markets({"btc": frame.iloc[:3], "usd": frame.iloc[3:]})


def test_the_real_files(shared_data: Path) -> None:
    daily = {market: load_prices(market, PAPER, shared_data) for market in MARKETS}
    joined = join_markets({market: checked.frame for market, checked in daily.items()})
    assert joined.shape == (1304, 18)
    assert (joined.index[0], joined.index[-1]) == (pd.Timestamp("2014-09-18"), pd.Timestamp("2019-11-22"))
    assert "271 rows without a price dropped" in daily["usd"].note
    assert not any("no rows" in checked.note for checked in daily.values())
    assert joined.notna().all(axis=None)
