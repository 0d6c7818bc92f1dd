"""The page in a browser, on a desk and on a phone. The pictures are kept in $LUKE_PICTURES, if it is set."""

import os
import shutil
from pathlib import Path

import pytest

from tests.report.pages import page_of
from tests.report.runs import made_predictions, write_run

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_all_of_it_is_shown(browser, tmp_path, monkeypatch, width, scheme):
    runs = [write_run(tmp_path / f"run{seed}", seed) for seed in (1, 2)]
    file = tmp_path / "report.html"
    page = page_of(monkeypatch, runs, [made_predictions(1), made_predictions(2)])
    file.write_text(page, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    messages, requests = [], []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(file.as_uri())
    assert messages == []
    assert requests == [file.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    sections = tab.locator("section")
    assert sections.count() == 7
    for place in range(sections.count()):
        assert sections.nth(place).is_visible()
        assert sections.nth(place).bounding_box()["height"] > 40
    figures = tab.locator("section#curves svg")
    assert figures.count() == 4
    for place in range(4):
        box = figures.nth(place).bounding_box()
        assert 250 < box["width"] <= width and box["height"] > 120
    picture = Path(os.environ.get("LUKE_PICTURES", tmp_path)) / f"report_{width}.png"
    tab.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 50_000
    context.close()
