"""Pages of made runs, as a browser's parser sees them."""

from html.parser import HTMLParser

from luke_allennlp.report.page import Options, make_page

VOID = {"meta", "br", "link", "img", "input", "hr"}
SECTIONS = ["scores", "curves", "predictions", "time", "environment", "config"]


class Parsed(HTMLParser):
    """The tags of a page with their attributes, its text, and whether each tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text, self.sections = [], [], "", []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "section":
            self.sections.append(dict(attributes)["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data):
        self.text += data

    def count(self, tag):
        return [name for name, _ in self.tags].count(tag)


def page_of(monkeypatch, runs, predictions, **options):
    """The page of runs whose models predict what is given, in the runs' order."""
    waiting = list(predictions)
    monkeypatch.setattr("luke_allennlp.report.page.predict", lambda *arguments: waiting.pop(0))
    return make_page([str(run) for run in runs], Options(**options))
