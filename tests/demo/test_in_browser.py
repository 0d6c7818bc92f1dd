"""The page as people use it, in headless Chromium."""

import shutil
import threading

import pytest

from luke_allennlp.demo.page import build_page
from luke_allennlp.demo.server import application, open_socket

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TEXT = "Marie Curie was born in Warsaw. In Paris she met Pierre Curie."

# What is typed into the boxes, and what the results hold besides the text.
CASES = {
    "ner": ([TEXT], ["Characters", "Score"]),
    "entity_typing": ([TEXT, "Warsaw"], ["person", "%"]),
    "relation_classification": ([TEXT, "Marie Curie", "Warsaw"], ["head", "tail", "no_relation", "%"]),
    "cloze_qa": ([TEXT, "She lived in @placeholder.", "Paris\nWarsaw"], ["answer", "%"]),
    "reading_comprehension": ([TEXT, "Where was she born?"], ["answer", "%"]),
}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, pipelines):
    """Serves the page of a task, and gives it with what it asked and complained about."""
    import uvicorn

    running = []

    def open_task(task, width=1280):
        listening = open_socket("127.0.0.1", 0)
        page = build_page(pipelines(task), "tiny", 500)
        config = uvicorn.Config(application(page), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        shown = browser.new_page(viewport={"width": width, "height": 900})
        running.append((server, thread, shown))
        requests, complaints = [], []
        shown.on("request", lambda request: requests.append(request.url))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        shown.own = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        shown.goto(shown.own)
        shown.wait_for_selector("#predict")
        return shown, requests, complaints

    yield open_task
    for server, thread, shown in running:
        shown.close()
        server.should_exit = True
        thread.join(10)


def fill(page, values):
    boxes = page.locator("textarea")
    for index, value in enumerate(values):
        boxes.nth(index).fill(value)
    assert boxes.count() == len(values)
    # Gradio takes the values a moment later.
    page.wait_for_timeout(500)


@pytest.mark.parametrize("task", CASES)
def test_predicting(open_page, task):
    values, expected = CASES[task]
    page, requests, complaints = open_page(task)
    fill(page, values)
    page.click("#predict")
    results = page.locator("#results")
    for text in ("Warsaw", *expected):
        results.get_by_text(text, exact=False).first.wait_for(timeout=10_000)
    assert not page.locator("#message").is_visible()
    # The message of an error takes the place of the results, until the next one is right.
    fill(page, ["", *values[1:]])
    page.click("#predict")
    page.locator("#message").get_by_text("the field is empty; enter some text.").wait_for(timeout=10_000)
    assert "born in" not in results.inner_text()
    fill(page, values)
    page.click("#predict")
    results.get_by_text("Warsaw").first.wait_for(timeout=10_000)
    page.locator("#message").wait_for(state="hidden", timeout=10_000)
    foreign = [url for url in requests if not url.startswith((page.own, "data:", "blob:"))]
    assert requests and foreign == [] and complaints == []


def test_long_inputs_and_odd_ones(open_page):
    page, _, complaints = open_page("entity_typing")
    message = page.locator("#message")
    fill(page, ["Zoë <b>*met*</b> Bob. " * 30, "Bob"])
    page.click("#predict")
    message.get_by_text("this page takes at most 500").wait_for(timeout=10_000)
    fill(page, ["<img src=x onerror=alert(1)> met **Zoë**", "<script>Bob"])
    page.click("#predict")
    message.get_by_text("does not contain '<script>Bob'").wait_for(timeout=10_000)
    fill(page, ["<img src=x onerror=alert(1)> met **Zoë**", "**Zoë**"])
    page.click("#predict")
    page.locator("#results").get_by_text("<img src=x onerror=alert(1)> met").wait_for(timeout=10_000)
    assert complaints == []


def test_on_a_phone(open_page):
    page, _, _ = open_page("relation_classification", width=390)
    page.click("#predict")  # the example
    page.locator("#results").get_by_text("no_relation").first.wait_for(timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
