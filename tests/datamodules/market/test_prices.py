import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
import yfinance.data
from curl_cffi import requests

from datamodules.errors import DataError
from datamodules.market import prices, synthetic
from datamodules.market.layout import COLUMNS, MARKETS, Span

FIXTURES = Path(__file__).parents[2] / "fixtures" / "market"
MARCH = Span.parse("2015-03-01", "2015-03-10")
PAPER = Span.parse("2014-09-18", "2019-11-23")

Edit = Callable[[str], str]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder with the three small files."""
    (tmp_path / "market").mkdir()
    for name in ("BTC-USD.csv", "DX-Y.NYB.csv", "GSPC.csv"):
        shutil.copy(FIXTURES / name, tmp_path / "market")
    return tmp_path


def edited(data_dir: Path, old: str, new: str) -> Path:
    """The folder, after a change to its BTC-USD.csv."""
    path = data_dir / "market" / "BTC-USD.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return data_dir


def test_rows_are_read_as_they_stand(data_dir: Path) -> None:
    frame, note = prices.load("btc", MARCH, data_dir)
    assert list(frame.columns) == ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert frame.loc["2015-03-02"].tolist() == [102, 110, 101, 108, 108, 2000]
    assert note == "BTC-USD.csv: 10 days, 2015-03-01 to 2015-03-10."


def test_rows_without_a_price_are_dropped_and_counted(data_dir: Path) -> None:
    frame, note = prices.load("usd", MARCH, data_dir)
    assert len(frame) == 6
    assert "2 rows without a price dropped" in note


def test_both_ends_of_a_span_belong_to_it(data_dir: Path) -> None:
    frame, _ = prices.load("btc", Span.parse("2015-03-03", "2015-03-05"), data_dir)
    assert [day.day for day in frame.index] == [3, 4, 5]


def test_only_days_on_which_all_markets_trade_are_joined(data_dir: Path) -> None:
    joined = prices.join({market: prices.load(market, MARCH, data_dir).frame for market in MARKETS})
    assert [day.day for day in joined.index] == [2, 3, 5, 6, 9, 10]  # the 4th is missing from DX-Y.NYB alone
    assert list(joined.columns) == [f"{market} {column}" for market in ("btc", "usd", "sp500") for column in COLUMNS]
    assert joined.loc["2015-03-09", "btc Close"] == 111
    assert joined.loc["2015-03-09", "sp500 Close"] == 1988


BROKEN = {
    "a day twice": ("2015-03-05,", "2015-03-04,", "2015-03-04 stands there twice", "Date"),
    "no date": ("2015-03-05,", "5 March,", "5 March is no date", "Date"),
    "a word": (",99.000000,99.000000,3000", ",n/k,99.000000,3000", "on 2015-03-05", "Close n/k is no number"),
    "infinite": ("109.000000", "inf", "on 2015-03-03", "High inf is no number"),
    "a half-empty row": ("98.000000,99.000000", "98.000000,null", "on 2015-03-05", "Close nan is a gap"),
    "a negative price": ("97.000000", "-97.000000", "on 2015-03-06", "Low -97.0 is no price"),
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
def test_what_prices_cannot_be_is_named_with_date_and_column(
    data_dir: Path, old: str, new: str, where: str, what: str
) -> None:
    with pytest.raises(DataError) as error:
        prices.load("btc", MARCH, edited(data_dir, old, new))
    message = str(error.value)
    assert where in message
    assert what in message
    assert "BTC-USD.csv" in message
    assert "\n" not in message


def test_many_faults_are_counted(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    path.write_text(path.read_text().replace(",10", ",-10"))
    with pytest.raises(DataError, match=r"and \d+ more faults; correct these rows"):
        prices.load("btc", MARCH, data_dir)


def test_gaps_are_noted_by_what_the_market_is_used_to(data_dir: Path) -> None:
    row = "2015-03-04,104.000000,107.000000,104.000000,106.000000,106.000000,1200\n"
    assert "nothing between 2015-03-03 and 2015-03-05" in prices.load("btc", MARCH, edited(data_dir, row, "")).note
    assert "nothing" not in prices.load("sp500", MARCH, data_dir).note  # which has a weekend


def test_days_missing_at_either_end_of_a_span_are_a_gap(data_dir: Path) -> None:
    note = prices.load("btc", Span.parse("2015-02-27", "2015-03-11"), data_dir).note
    assert "nothing before 2015-03-01, after 2015-03-10" in note
    note = prices.load("sp500", Span.parse("2015-02-27", "2015-03-11"), data_dir).note
    assert "nothing" not in note  # a weekend's length


def test_newer_exports_without_adjusted_close_and_with_a_time_zone(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    table = pd.read_csv(path).drop(columns="Adj Close")
    table.assign(Date=table["Date"] + " 00:00:00+00:00").to_csv(path, index=False)
    frame, _ = prices.load("btc", MARCH, data_dir)
    assert frame["Adj Close"].equals(frame["Close"].rename("Adj Close"))
    assert frame.index[0] == pd.Timestamp("2015-03-01")


def test_descending_files_are_turned_round(data_dir: Path) -> None:
    path = data_dir / "market" / "BTC-USD.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    assert prices.load("btc", MARCH, data_dir).frame.index.is_monotonic_increasing


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [("2014-9-18", "2015-01-01", "start=2014-9-18"), ("2015-01-02", "2015-01-01", "lies before")],
)
def test_spans_that_are_none(start: str, end: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Span.parse(start, end)


def test_a_span_without_prices(data_dir: Path) -> None:
    with pytest.raises(DataError, match="no prices from 2016-01-01 to 2016-12-31"):
        prices.load("btc", Span.parse("2016-01-01", "2016-12-31"), data_dir)


def test_markets_without_a_common_day(data_dir: Path) -> None:
    frame = prices.load("btc", MARCH, data_dir).frame
    with pytest.raises(DataError, match="no day on which btc, usd"):
        prices.join({"btc": frame.iloc[:3], "usd": frame.iloc[3:]})


def test_the_real_files(shared_data: Path) -> None:
    daily = {market: prices.load(market, PAPER, shared_data) for market in MARKETS}
    joined = prices.join({market: checked.frame for market, checked in daily.items()})
    assert joined.shape == (1304, 18)
    assert (joined.index[0], joined.index[-1]) == (pd.Timestamp("2014-09-18"), pd.Timestamp("2019-11-22"))
    assert "271 rows without a price dropped" in daily["usd"].note
    assert not any("nothing" in checked.note for checked in daily.values())
    assert joined.notna().all(axis=None)


def test_synthetic_prices_pass_for_real_ones_and_are_called_synthetic() -> None:
    daily = synthetic.prices(PAPER)
    assert set(daily) == set(MARKETS)
    for market, (frame, note) in daily.items():
        assert "SYNTHETIC" in note
        checked = prices.check(frame, PAPER, FIXTURES / "BTC-USD.csv", MARKETS[market].longest_pause)
        assert checked.frame.equals(frame)
    assert len(prices.join({market: checked.frame for market, checked in daily.items()})) == 1352  # working days


def test_synthetic_prices_are_always_the_same() -> None:
    first, second = (synthetic.prices(MARCH)["btc"].frame for _ in range(2))
    assert first.equals(second)


def test_synthetic_volatility_clusters_but_direction_is_chance() -> None:
    returns = np.log(synthetic.prices(PAPER)["btc"].frame["Close"]).diff().dropna()
    assert returns.abs().autocorr(1) > 0.1
    assert abs(returns.autocorr(1)) < 0.06
    assert returns.std() == pytest.approx(0.04, rel=0.3)


class Yahoo(BaseHTTPRequestHandler):
    """Answers as Yahoo does: a cookie, a crumb for those who bring it, a chart for those who bring both."""

    zone = "America/New_York"
    days = pd.date_range("2015-03-01", "2015-03-20", tz=zone)
    beyond = 0  # seconds that are answered after those asked for
    status = 200
    body: str | None = None
    asked: list[str]  # paths of the charts

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        cookie = self.headers.get("Cookie", "")
        if url.path == "/fc.yahoo.com/":
            self.reply(404, "", ("Set-Cookie", "A3=chocolate; Path=/"))
        elif url.path.endswith("/getcrumb"):
            self.reply(200, "crumb" if "A3=chocolate" in cookie else "")
        elif query.get("crumb") != "crumb":
            self.reply(401, "no crumb")
        else:
            type(self).asked.append(unquote(url.path))
            self.reply(self.status, self.chart(query) if self.body is None else self.body)

    def chart(self, query: dict[str, str]) -> str:
        stamps = [int(day.timestamp()) for day in self.days]
        if "period1" in query:  # period2 is exclusive
            stamps = [s for s in stamps if int(query["period1"]) <= s < int(query["period2"]) + self.beyond]
        close = [float(100 + n) for n in range(len(stamps))]
        quote = {
            "open": close, "high": [c + 1 for c in close], "low": [c - 1 for c in close], "close": close,
            "volume": [10] * len(close),
        }  # fmt: skip
        meta = {
            "symbol": "^GSPC", "currency": "USD", "instrumentType": "INDEX", "exchangeTimezoneName": self.zone,
            "timezone": "EST", "gmtoffset": -18000, "validRanges": ["1d", "max"], "regularMarketTime": stamps[-1],
            "firstTradeDate": stamps[0], "dataGranularity": "1d", "range": "", "priceHint": 2,
        }  # fmt: skip
        adjusted = [{"adjclose": [c / 2 for c in close]}]
        result = {"meta": meta, "timestamp": stamps, "indicators": {"quote": [quote], "adjclose": adjusted}}
        return json.dumps({"chart": {"result": [result], "error": None}})

    def reply(self, status: int, body: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for key, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def yahoo() -> Iterator[type[Yahoo]]:
    """Lets everything that yfinance asks of any host go to a server on loopback; its own code is untouched."""
    handler = type("Handler", (Yahoo,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    class Loopback(requests.Session):
        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            there = urlsplit(url)
            here = f"http://127.0.0.1:{server.server_port}/{there.hostname}{there.path or '/'}"
            return super().request(method, here, *args, **kwargs)

    yfinance.data.SingletonMeta._instances.clear()
    yfinance.data.YfData.cache_get.cache_clear()
    yfinance.data.YfData(session=Loopback())
    yield handler
    yfinance.data.SingletonMeta._instances.clear()
    server.shutdown()
    server.server_close()


def test_missing_prices_come_from_yahoo_unadjusted_with_both_ends(yahoo: type[Yahoo], tmp_path: Path) -> None:
    frame, note = prices.load("sp500", MARCH, tmp_path)
    assert yahoo.asked[-1] == "/query2.finance.yahoo.com/v8/finance/chart/^GSPC"
    assert [day.day for day in frame.index] == list(range(1, 11))
    assert frame["Close"].tolist() == [100 + n for n in range(10)]
    assert frame["Adj Close"].tolist() == [50 + n / 2 for n in range(10)]
    assert f"^GSPC from Yahoo Finance, retrieved {pd.Timestamp.now():%Y-%m-%d}" in note


def test_prices_from_yahoo_are_kept(yahoo: type[Yahoo], tmp_path: Path) -> None:
    first = prices.load("sp500", MARCH, tmp_path)
    asked = len(yahoo.asked)
    second = prices.load("sp500", MARCH, tmp_path)
    assert len(yahoo.asked) == asked
    assert first.frame.equals(second.frame)
    assert first.note == second.note
    kept = [path.name for path in (tmp_path / "market").iterdir() if path.is_file()]
    assert kept == ["GSPC_2015-03-01_2015-03-10.csv"]


def test_only_days_that_are_over_are_kept(yahoo: type[Yahoo], tmp_path: Path) -> None:
    today = pd.Timestamp.now(tz="UTC").normalize()
    yahoo.zone = "UTC"
    yahoo.days = pd.date_range(today - pd.Timedelta(days=9), today)
    yahoo.beyond = 86_400
    span = Span((today - pd.Timedelta(days=30)).date(), (today + pd.Timedelta(days=30)).date())
    frame, note = prices.load("usd", span, tmp_path)
    yesterday = today - pd.Timedelta(days=1)
    assert frame.index[-1] == yesterday.tz_localize(None)
    assert f"nothing before {frame.index[0]:%Y-%m-%d}, after {yesterday:%Y-%m-%d}" in note
    (kept,) = (tmp_path / "market").glob("*.csv")
    assert kept.name == f"DX-Y.NYB_{span.start}_{yesterday:%Y-%m-%d}.csv"
    with pytest.raises(DataError, match="no day since then is over"):
        prices.load("usd", Span(today.date(), span.end), tmp_path)


def test_a_day_is_the_exchanges_own(yahoo: type[Yahoo], tmp_path: Path) -> None:
    yahoo.zone = "Asia/Tokyo"  # whose days begin on the day before, in UTC
    yahoo.days = pd.date_range("2015-03-01", "2015-03-20", tz=yahoo.zone)
    frame, _ = prices.load("btc", MARCH, tmp_path)
    assert [day.day for day in frame.index] == list(range(1, 11))


NO_DATA = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}
REFUSED = {
    "unknown there": (404, json.dumps(NO_DATA)),
    "too many requests": (429, "Too Many Requests"),
    "out of order": (502, "<html>Will be right back</html>"),
    "cut short": (200, '{"chart": {"result": [{"meta"'),
    "an empty chart": (200, '{"chart": {"result": [], "error": null}}'),
}


@pytest.mark.parametrize(("status", "body"), REFUSED.values(), ids=REFUSED)
def test_refusals_are_one_sentence_that_says_what_to_do(
    yahoo: type[Yahoo], tmp_path: Path, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    yahoo.status, yahoo.body = status, body
    with pytest.raises(DataError) as error:
        prices.load("sp500", MARCH, tmp_path)
    message = str(error.value)
    assert message.startswith("Yahoo Finance gave no prices of ^GSPC for 2015-03-01 to 2015-03-10 (")
    assert f"put GSPC.csv, with columns Date,Open,High,Low,Close,Adj Close,Volume, into {tmp_path}/market" in message
    assert message.endswith("use source=synthetic.")
    assert "\n" not in message
    assert not list((tmp_path / "market").glob("*.csv"))
    assert not caplog.records  # yfinance's own words are in the sentence, or nowhere


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # nobody listens there
    yfinance.data.SingletonMeta._instances.clear()
    yfinance.data.YfData.cache_get.cache_clear()
    with pytest.raises(DataError, match="Yahoo Finance gave no prices of BTC-USD"):
        prices.load("btc", MARCH, tmp_path)
    yfinance.data.SingletonMeta._instances.clear()
