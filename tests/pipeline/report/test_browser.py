"""The report in a real browser: Debian's Chromium, without a window.

One session for all; `make browser` installs what it needs.
"""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from pipeline.report.write import write_report
from schemas.records import DeadLetter
from tests.pipeline.report.conftest import Made, MakeRun, Span

Browser = webdriver.Chrome

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SCRIPT = "<script>document.title = 'changed'; fetch('http://127.0.0.1:9/')</script>"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver, which `make browser` installs")
    options = Options()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.get("data:,")  # away from the page of the browser's own that it begins with
    yield started
    started.quit()


@pytest.fixture
def report(make_run: MakeRun) -> str:
    """The address of a report of documents with long words, markup and entities at every edge."""
    documents = []
    for n in range(6):
        text = f"Maria met {n} ships in Lisbon. {SCRIPT} {'long' * 60} " + "The river froze. " * 12
        spans = [
            Span(0, 5, "per", n / 6),
            Span(text.index("Lisbon"), text.index("Lisbon") + 6, "geo", 1 - n / 6),
            Span(text.index("<script"), text.index("<script") + len(SCRIPT), "org", 0.7),
            Span(len(text) - 7, len(text) - 2, "tim", 0.4),
        ]
        documents.append(Made(f"d{n}", text, spans, f"/in/{'folder' * 20}/{n}.jsonl", 100, n))
    letters = [DeadLetter("/in/a", n, None, "ReadDocuments", "E", SCRIPT) for n in range(3)]
    run = make_run(documents, letters)
    write_report(run.storage, run.manifest)
    return Path(run.storage.report).as_uri()


def log(browser: Browser, kind: str) -> list[dict[str, Any]]:
    """What was logged since the last call."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]  # selenium's
    return entries


def requests(browser: Browser) -> list[str]:
    """The addresses that the browser asked for since the last call."""
    events = (json.loads(entry["message"])["message"] for entry in log(browser, "performance"))
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def script(browser: Browser, code: str) -> Any:  # noqa: ANN401 - whatever the code returns
    return browser.execute_script(f"return {code}")


def test_the_page_renders_asks_for_nothing_and_runs_nothing(browser: Browser, report: str) -> None:
    """No error in the console, no request but for the page, and a script in a text is text."""
    requests(browser)
    browser.get(report)
    assert browser.title == "Run r1"
    assert log(browser, "browser") == []
    assert requests(browser) == [report]
    assert SCRIPT in script(browser, "document.querySelector('.text').innerText")
    assert script(browser, "document.scripts.length") == 0
    sizes = script(
        browser,
        "[...document.querySelectorAll('svg')].map(s => s.getBBox()).map(b => [b.width, b.height])",
    )
    assert len(sizes) == 3
    assert all(width > 100 and height > 50 for width, height in sizes)


def test_it_is_readable_on_a_phone(browser: Browser, report: str) -> None:
    """Nothing is wider than the screen but tables, which scroll by themselves; no type is tiny."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        browser.get(report)
        assert script(browser, "document.documentElement.scrollWidth") == 360
        wide = script(
            browser,
            "[...document.querySelectorAll('body *:not(.skip)')]"
            ".filter(e => !e.closest('.wide') && e.getBoundingClientRect().right > 360.5)"
            ".map(e => e.outerHTML.slice(0, 200))",
        )
        assert wide == []
        smallest = script(
            browser,
            "Math.min(...[...document.querySelectorAll('svg text')]"
            ".map(t => t.getBoundingClientRect().height))",
        )
        assert smallest > 10
        _tab_to_first_mark(browser)
        box = _tip(browser)
        assert box["content"].startswith('"per 0.')
        assert box["position"] == "fixed"
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_entity_is_reached_by_tab_and_tells_what_it_is(browser: Browser, report: str) -> None:
    browser.get(report)
    marks = script(browser, "document.querySelectorAll('mark[data-tip]').length")
    assert marks == 24
    _tab_to_first_mark(browser)
    told = []
    for _ in range(marks):
        assert script(browser, "document.activeElement.matches('mark:focus-visible')")
        told.append(_tip(browser)["content"].strip('"'))
        _press_tab(browser)
    expected = "[...document.querySelectorAll('mark[data-tip]')].map(m => m.dataset.tip)"
    assert told == script(browser, expected)


def _press_tab(browser: Browser) -> None:
    browser.switch_to.active_element.send_keys(Keys.TAB)


def _tab_to_first_mark(browser: Browser) -> None:
    """From the top of the page, past its links."""
    for _ in range(60):
        _press_tab(browser)
        if script(browser, "document.activeElement.matches('mark')"):
            return
    pytest.fail("no entity is reached by Tab")


def _tip(browser: Browser) -> dict[str, str]:
    style = "getComputedStyle(document.activeElement, '::after')"
    found: dict[str, str] = script(
        browser,
        f"(s => ({{content: s.content, position: s.position, display: s.display}}))({style})",
    )
    assert found["display"] != "none"
    return found


def test_links_at_the_top_lead_to_their_sections(browser: Browser, report: str) -> None:
    browser.get(report)
    script(browser, "document.querySelector('nav a[href=\"#samples\"]').click()")
    top = script(browser, "document.querySelector('#samples').getBoundingClientRect().top")
    assert 0 <= top < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, report: str, scheme: str) -> None:
    """By 4.5 to 1 at least (WCAG 2, AA), in both colour schemes."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        browser.get(report)
        assert min(script(browser, CONTRASTS)) >= 4.5
        backgrounds = script(browser, "getComputedStyle(document.body).backgroundColor")
        assert (backgrounds == "rgb(255, 255, 255)") == (scheme == "light")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


# The contrast of each kind of text with what is painted behind it.
CONTRASTS = """(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const kinds = 'p, th, td, dd, dt, nav a, h1, h2, h3, h4, .soft, .status, summary, mark, ' +
    '.label, .chip, .notice, svg text';
  return [...document.querySelectorAll(kinds)].map(e => {
    const style = getComputedStyle(e);
    const ink = rgb(e instanceof SVGElement ? style.fill : style.color);
    const both = [light(ink), light(ground(e))].sort((a, b) => b - a);
    return (both[0] + 0.05) / (both[1] + 0.05);
  });
})()"""


def test_it_prints(browser: Browser, report: str) -> None:
    browser.get(report)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    data = base64.b64decode(printed["data"])
    assert data.startswith(b"%PDF")
    assert 1 < data.count(b"/Type /Page\n") < 20


def test_a_failed_run_renders_too(browser: Browser, make_run: MakeRun) -> None:
    run = make_run(more={"status": "failed", "error": "Traceback\n" + "x" * 500})
    write_report(run.storage, run.manifest)
    browser.get(Path(run.storage.report).as_uri())
    assert "The run failed." in script(browser, "document.querySelector('#error').innerText")
    assert log(browser, "browser") == []
