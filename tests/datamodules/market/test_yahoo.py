"""Downloads with yfinance, from a server on this machine that answers as Yahoo does."""

import datetime
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd
import pytest
import yfinance.data
from curl_cffi import requests

from datamodules.errors import DataError
from datamodules.market import yahoo_layout
from datamodules.market.prices import load_prices
from datamodules.market.yahoo_layout import DateRange

MARCH = DateRange.parse("2015-03-01", "2015-03-10")


class Yahoo(BaseHTTPRequestHandler):
    """Answers as Yahoo does: first a cookie, then a crumb for the cookie, then a chart for both."""

    zone = "America/New_York"
    days = pd.date_range("2015-03-01", "2015-03-20", tz=zone)
    spread = 1.0  # of the highs above the closes
    beyond = 0  # seconds after the requested end that the answer includes
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
            "open": close, "high": [c + self.spread for c in close], "low": [c - 1 for c in close], "close": close,
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
    """Sends every request of yfinance to a server on this machine; its own code is unchanged."""
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


def test_missing_prices_are_downloaded_unadjusted_with_both_ends(yahoo: type[Yahoo], tmp_path: Path) -> None:
    before = datetime.date.today()
    frame, note = load_prices("sp500", MARCH, tmp_path)
    after = datetime.date.today()  # another day only at midnight
    assert yahoo.asked[-1] == "/query2.finance.yahoo.com/v8/finance/chart/^GSPC"
    assert [day.day for day in frame.index] == list(range(1, 11))
    assert frame["Close"].tolist() == [100 + n for n in range(10)]
    assert frame["Adj Close"].tolist() == [50 + n / 2 for n in range(10)]
    assert any(f"^GSPC from Yahoo Finance, retrieved {day}" in note for day in (before, after))


def test_downloaded_prices_are_kept(yahoo: type[Yahoo], tmp_path: Path) -> None:
    first = load_prices("sp500", MARCH, tmp_path)
    asked = len(yahoo.asked)
    second = load_prices("sp500", MARCH, tmp_path)
    assert len(yahoo.asked) == asked
    assert first.frame.equals(second.frame)
    assert first.note == second.note
    kept = [path.name for path in (tmp_path / "market").iterdir() if path.is_file()]
    assert kept == ["GSPC_2015-03-01_2015-03-10.csv"]


class NoonOf2020(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "NoonOf2020":
        return cls(2020, 6, 15, 12, tzinfo=tz)


def test_only_days_that_are_over_are_kept(yahoo: type[Yahoo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(datetime=NoonOf2020, timezone=datetime.timezone)
    monkeypatch.setattr(yahoo_layout, "datetime", clock)
    today = pd.Timestamp("2020-06-15", tz="UTC")
    yahoo.zone = "UTC"
    yahoo.days = pd.date_range(today - pd.Timedelta(days=9), today)
    yahoo.beyond = 86_400
    span = DateRange((today - pd.Timedelta(days=30)).date(), (today + pd.Timedelta(days=30)).date())
    frame, note = load_prices("usd", span, tmp_path)
    yesterday = today - pd.Timedelta(days=1)
    assert frame.index[-1] == yesterday.tz_localize(None)
    assert f"no rows before {frame.index[0]:%Y-%m-%d}, after {yesterday:%Y-%m-%d}" in note
    (kept,) = (tmp_path / "market").glob("*.csv")
    assert kept.name == f"DX-Y.NYB_{span.start}_{yesterday:%Y-%m-%d}.csv"
    with pytest.raises(DataError, match="no day since then is over"):
        load_prices("usd", DateRange(today.date(), span.end), tmp_path)


def test_days_are_in_the_time_zone_of_the_exchange(yahoo: type[Yahoo], tmp_path: Path) -> None:
    yahoo.zone = "Asia/Tokyo"  # whose days begin on the day before, in UTC
    yahoo.days = pd.date_range("2015-03-01", "2015-03-20", tz=yahoo.zone)
    frame, _ = load_prices("btc", MARCH, tmp_path)
    assert [day.day for day in frame.index] == list(range(1, 11))


def test_impossible_prices_are_not_kept(yahoo: type[Yahoo], tmp_path: Path) -> None:
    """Kept, they would be refused at every later call."""
    yahoo.spread = -0.5
    with pytest.raises(DataError) as error:
        load_prices("sp500", MARCH, tmp_path)
    message = str(error.value)
    assert message.startswith(
        "Yahoo Finance gave impossible prices of ^GSPC for 2015-03-01 to 2015-03-10 (on 2015-03-01 High 99.5 is below "
    )
    assert "and 7 more faults; they were not kept): put GSPC.csv, with columns Date,Open," in message
    assert "/market/." not in message  # the file that was not kept
    assert [path for path in (tmp_path / "market").iterdir() if path.is_file()] == []
    yahoo.spread = 1.0
    yfinance.data.YfData.cache_get.cache_clear()
    assert len(load_prices("sp500", MARCH, tmp_path).frame) == 10


NO_DATA = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}
REFUSED = {
    "unknown there": (404, json.dumps(NO_DATA)),
    "too many requests": (429, "Too Many Requests"),
    "out of order": (502, "<html>Will be right back</html>"),
    "cut short": (200, '{"chart": {"result": [{"meta"'),
    "an empty chart": (200, '{"chart": {"result": [], "error": null}}'),
}


@pytest.mark.parametrize(("status", "body"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_one_sentence_that_says_what_to_do(
    yahoo: type[Yahoo], tmp_path: Path, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    yahoo.status, yahoo.body = status, body
    with pytest.raises(DataError) as error:
        load_prices("sp500", MARCH, tmp_path)
    message = str(error.value)
    assert message.startswith("Yahoo Finance gave no prices of ^GSPC for 2015-03-01 to 2015-03-10 (")
    assert f"put GSPC.csv, with columns Date,Open,High,Low,Close,Adj Close,Volume, into {tmp_path}/market" in message
    assert message.endswith("use source=synthetic.")
    assert "\n" not in message
    assert not list((tmp_path / "market").glob("*.csv"))
    assert not caplog.records  # yfinance prints nothing itself


def test_without_a_network_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # nobody listens there
    yfinance.data.SingletonMeta._instances.clear()
    yfinance.data.YfData.cache_get.cache_clear()
    with pytest.raises(DataError, match="Yahoo Finance gave no prices of BTC-USD"):
        load_prices("btc", MARCH, tmp_path)
    yfinance.data.SingletonMeta._instances.clear()
