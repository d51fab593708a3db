"""The report page in a real browser: it sorts, filters, searches and opens, says nothing on the console, asks nothing.

Skipped where there is no Chromium with its driver (Debian: chromium and chromium-driver) or no selenium.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from paper_figures.report.page import html_of
from tests.paper_figures import report_of_a_few as few

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
ui = pytest.importorskip("selenium.webdriver.support.ui", reason="selenium is not installed")
TimeoutException = pytest.importorskip("selenium.common", reason="selenium is not installed").TimeoutException
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on the path")

PHONE, DESK = (400, 900), (1280, 900)
# Seconds after which a table that is not ready is broken.
PATIENCE = 20


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)) as driver:
        yield driver


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Any:
    """The browser with the page, when its table is ready."""
    (tmp_path / "report.html").write_bytes(html_of(few.page(tmp_path)))
    show(browser, tmp_path / "report.html")
    return browser


def show(browser: Any, path: Path) -> None:
    browser.set_window_size(*DESK)
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")  # of the page before
    browser.get(path.as_uri())
    waiting = ui.WebDriverWait(browser, PATIENCE)
    waiting.until(lambda page: page.find_element("id", "filters").is_displayed())


def names(browser: Any) -> list[str]:
    """Names of the claims whose rows are seen, from top to bottom."""
    rows = browser.find_elements("css selector", "#claims tbody tr[data-claim] td:first-child a")
    return [row.get_attribute("textContent") for row in rows if row.is_displayed()]


def sort(browser: Any, header: Any, direction: str) -> list[str]:
    """Names after a click on the head of a column, when the table has sorted."""
    header.click()
    ui.WebDriverWait(browser, PATIENCE).until(lambda _: header.get_attribute("aria-sort") == direction)
    return names(browser)


def shown(browser: Any, wanted: list[str]) -> bool:
    """Whether the rows seen are these, in any order, as soon as the table has drawn."""
    with suppress(TimeoutException):
        ui.WebDriverWait(browser, PATIENCE).until(lambda page: sorted(names(page)) == sorted(wanted))
    return sorted(names(browser)) == sorted(wanted)


def choose(browser: Any, column: int, text: str) -> None:
    select = browser.find_element("css selector", f"select[data-column='{column}']")
    ui.Select(select).select_by_visible_text(text)


def asked_for(browser: Any) -> list[str]:
    """Addresses of all requests since the page was opened."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("data:", "blob:"))]


def test_it_sorts_filters_searches_and_opens(opened: Any) -> None:
    every = names(opened)
    assert len(every) == 10
    assert every[0] == few.HOSTILE

    measured = opened.find_element("css selector", "#claims thead th:nth-child(5)")
    up, down = sort(opened, measured, "ascending"), sort(opened, measured, "descending")
    assert sorted(up) == sorted(down) == sorted(every)
    number = few.found().rates.verdicts.set_index("claim")["slope"]
    assert number[few.HOSTILE] < number[few.WRONG], "by hand: -0.99 below 0"
    assert up.index(few.HOSTILE) < up.index(few.WRONG) < up.index("curve zpg") < up.index("floor zpg")
    assert up.index("energy zpg T") < up.index("control: floor"), "2.5 before 10.5: numbers, not texts"
    assert down.index("floor zpg") < down.index("curve zpg") < down.index(few.WRONG) < down.index(few.HOSTILE)

    again = opened.find_element("css selector", "#filters button")
    choose(opened, 5, "VIOLATED")
    assert shown(opened, [few.WRONG, few.CAUGHT])
    choose(opened, 2, "planted fault")
    assert shown(opened, [few.CAUGHT])
    again.click()
    choose(opened, 1, "energy balance")
    assert shown(opened, ["energy zpg T"])
    again.click()
    choose(opened, 7, "zpg")
    choose(opened, 8, "bandit")
    assert shown(opened, [few.HOSTILE, few.SPARED])
    again.click()

    search = opened.find_element("css selector", ".dt-search input")
    search.send_keys("linear regime")
    assert shown(opened, ["floor far"])
    search.clear()
    search.send_keys("no such claim")
    assert shown(opened, [])
    again.click()
    assert shown(opened, every)

    link = opened.find_element("link text", few.HOSTILE)
    assert link.get_attribute("aria-expanded") == "false"
    link.click()
    article = opened.find_element("css selector", "tr.opened article")
    assert article.is_displayed()
    assert "no noise" in article.text
    assert len(article.find_elements("css selector", ".wide > table > tbody > tr")) == 3
    assert link.get_attribute("aria-expanded") == "true"
    link.click()
    assert not opened.find_elements("css selector", "tr.opened article")

    assert opened.get_log("browser") == []
    assert [url for url in asked_for(opened) if not url.startswith("file:///")] == []


def test_it_fits_a_phone(opened: Any) -> None:
    """Neither the page nor the table scrolls sideways, closed or open."""
    opened.set_window_size(*PHONE)
    page, table = "document.documentElement", "document.querySelector('#verdicts .wide:has(#claims)')"
    beyond = [f"return {box}.scrollWidth - {box}.clientWidth" for box in (page, table)]
    assert [opened.execute_script(width) for width in beyond] == [0, 0]
    opened.find_element("link text", few.HOSTILE).click()
    assert opened.find_element("css selector", "tr.opened article").is_displayed()
    assert [opened.execute_script(width) for width in beyond] == [0, 0]


def test_an_error_and_a_request_would_be_seen(browser: Any, tmp_path: Path) -> None:
    """The same page with a script that throws and a picture from elsewhere: the console tells of both."""
    text = html_of(few.page(tmp_path)).decode()
    faulty = text.replace(
        "</main>", '<script>throw Error("planted")</script><img src="http://127.0.0.1:9/x.png"></main>'
    )
    (tmp_path / "faulty.html").write_text(faulty)
    show(browser, tmp_path / "faulty.html")
    said = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "planted" in said
    assert "Content Security Policy" in said
    open_to_all = faulty.replace("default-src 'none'; img-src data:;", "")
    (tmp_path / "open.html").write_text(open_to_all)
    show(browser, tmp_path / "open.html")
    assert "http://127.0.0.1:9/x.png" in asked_for(browser)
