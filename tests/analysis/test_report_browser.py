"""The report in headless Chromium, opened from disk as a reader does."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from report_runs import write_events, write_market_run
from study_runs import write_study

from analysis.report import write

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser: pip install -e .[dev]")

pytestmark = pytest.mark.processes

WIDE, PHONE, PAPER = 1280, 390, 718
"""Widths in pixels; the last is A4 within a browser's margins."""

BROKEN_WORDS = """
return [...document.querySelectorAll('td:not(.words), th')].flatMap(field => {
  const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
  const broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const word of node.textContent.matchAll(/[^\\s\\/-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (range.getClientRects().length > 1) broken.push(word[0]);
    }
  return broken;
});
"""
"""A script that returns the words and numbers in tables that are broken over two lines."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with every kind of section: two text data sets, curves, states, the market."""
    folder = tmp_path_factory.mktemp("browser")
    runs = folder / "runs"
    write_study(runs, ["hate", "robo"], ("baseline", "C1", "C2", "C10", "H2"), 2, 2, {"C1": 0.1})
    for place, run in enumerate(sorted(path.parent for path in runs.rglob("finished"))):
        write_events(run, [0.7, 0.5 + 0.01 * place, 0.6])
    for window in (7, 30):
        write_market_run(runs / f"market{window}", 0.03, window=window)
    write(runs, folder / "report")
    return (folder / "report" / "index.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    """The page, freshly opened on a wide screen."""
    return opened(browser, address, WIDE)


def opened(browser: Any, address: str, width: int) -> Any:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)
    return browser


def column(page: Any, table: int, place: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('table')[arguments[0]].tBodies[0].rows]"
        ".map(row => row.cells[arguments[1]].textContent)"
    )
    return list(page.execute_script(script, table, place))


def table_of(page: Any, title: str) -> int:
    script = "return [...document.querySelectorAll('caption')].findIndex(c => c.textContent.startsWith(arguments[0]))"
    found = int(page.execute_script(script, title))
    assert found >= 0, title
    page.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    return found


def heading(page: Any, table: int, place: int) -> Any:
    return page.find_elements("css selector", "table")[table].find_elements("css selector", "th")[place]


def test_the_console_is_silent_and_nothing_is_fetched(browser: Any, address: str) -> None:
    browser.get_log("performance")
    browser.get_log("browser")
    opened(browser, address, WIDE)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    fetched = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert address in fetched
    assert {url.split(":")[0] for url in fetched} <= {"file", "data"}


def test_a_click_sorts_by_our_number_and_another_one_reverses_the_order(page: Any) -> None:
    table = table_of(page, "Table 8: hate")
    cells, scores = column(page, table, 0), column(page, table, 3)
    texts = dict(zip(cells, (score.split(" / ")[1] for score in scores), strict=True))
    ours = {cell: float(text.split(" ")[0]) for cell, text in texts.items() if text != "-"}
    assert set(ours) == {"baseline", "C1", "C2", "C10", "H2"}
    macro_f1 = heading(page, table, 3)
    for direction in ("ascending", "descending"):
        macro_f1.find_element("css selector", "button").click()
        assert macro_f1.get_attribute("aria-sort") == direction
        wanted = sorted(ours, key=lambda cell: ours[cell], reverse=direction == "descending")
        assert column(page, table, 0)[: len(ours)] == wanted  # those that only the paper has come last
    heading(page, table, 0).find_element("css selector", "button").click()
    assert macro_f1.get_attribute("aria-sort") is None
    assert [cell for cell in column(page, table, 0) if cell in ours] == ["baseline", "C1", "C2", "C10", "H2"]


def test_the_keyboard_sorts_and_missing_numbers_come_last(page: Any) -> None:
    table = table_of(page, "The cell paper's claims")
    button = heading(page, table, 2).find_element("css selector", "button")
    for _ in range(2):
        button.send_keys("\ue007")  # Enter
        ours = column(page, table, 2)
        missing = ours.count("-")
        assert 0 < missing < len(ours)
        assert ours[-missing:] == ["-"] * missing
    numbers = [float(text.split(" ")[0].replace(",", "")) for text in ours[:-missing]]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_page_fits_the_screen_and_wide_tables_scroll(browser: Any, address: str, width: int) -> None:
    page = opened(browser, address, width)
    table_of(page, "The cell paper's claims")  # opens all tables
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    wider = page.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).length"
    )
    assert wider > 0 or width == WIDE


def test_every_picture_has_a_description_and_every_table_a_caption(page: Any) -> None:
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('svg:not([aria-hidden])')].filter("
        "svg => !(svg.getAttribute('aria-label') && svg.querySelector('title').textContent)).length"
        " + [...document.querySelectorAll('img')].filter(img => !img.alt).length"
        " + [...document.querySelectorAll('table')].filter(t => !t.caption.textContent.trim()).length"
    )
    assert unnamed == 0
    assert page.execute_script("return document.querySelectorAll('figure svg[role=img]').length") > 10
    assert page.execute_script("return [...document.images].every(image => image.naturalWidth > 0)")
    names = page.execute_script("return [...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(names) == len(set(names))


def test_no_label_of_a_picture_is_cut_off(page: Any) -> None:
    cut = page.execute_script(
        "return [...document.querySelectorAll('figure svg[role=img]')].flatMap(svg => {"
        " const box = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].filter(text => { const own = text.getBoundingClientRect();"
        "  return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1; })"
        " .map(text => text.textContent); })"
    )
    assert cut == []


def test_on_paper_all_tables_are_open_and_fit_and_the_navigation_is_gone(browser: Any, address: str) -> None:
    page = opened(browser, address, PAPER)
    shut = "return document.querySelectorAll('details:not([open])').length"
    before = page.execute_script(shut)
    assert before > 0
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert page.execute_script(shut) == 0
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert page.execute_script(shut) == before
    table_of(page, "Table 8: hate")  # opens all tables
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.execute_script("return getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.execute_script("return getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert page.execute_script(BROKEN_WORDS) == []
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_on_a_phone_the_verdict_is_visible_and_a_wide_diagram_says_that_it_scrolls(browser: Any, address: str) -> None:
    page = opened(browser, address, PHONE)
    table = table_of(page, "The cell paper's claims")
    assert heading(page, table, 1).rect["x"] < PHONE
    assert heading(page, table, 1).text.startswith("verdict")
    hints = page.execute_script(
        "return [...document.querySelectorAll('.panel')].filter(box => box.scrollWidth > box.clientWidth + 1)"
        ".map(box => getComputedStyle(box, '::before').content)"
    )
    assert hints
    assert all("scroll sideways" in hint for hint in hints)
