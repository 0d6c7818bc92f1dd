"""The documents are complete: generated blocks, covered classes, the index, links."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.documents import DOCUMENTS

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
NO_OPTIONS = {"EntityLinker none", "TextSegmenter whitespace"}
NO_OPTIONS |= {"Optimizer zero_adamw"}  # the last has those of fused_adamw
LISTED_ONLY = ("Evaluator", "Metric", "Predictor", "SentenceSplitter", "Subcommand")


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs/generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(document):
    """As GitHub makes them of headings."""
    text = re.sub(r"^```.*?^```", "", text_of(document), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document):
    return [link for link in LINK.findall(text_of(document)) if not link.startswith("http")]


@pytest.mark.slow
def test_generated_blocks_are_up_to_date():
    """In a process of its own, as other tests register more."""
    script = [sys.executable, str(ROOT / "docs/generate.py"), "--check"]
    finished = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, f"run make docs: {finished.stdout}{finished.stderr}"


def test_registered_classes_have_options(generate):
    documented = set(re.findall(r"<!-- options: (\S+) -->", "".join(map(text_of, DOCUMENTS))))
    missing = [
        f"{base} {name}"
        for base, name, cls, _ in generate.registered()
        if base not in LISTED_ONLY
        and f"{base} {name}" not in NO_OPTIONS
        and f"{cls.__module__}.{cls.__name__}" not in documented
    ]
    assert not missing, "they need a block <!-- options: their.class -->"


def test_options_have_meanings():
    text = "".join(text_of(document) for document in DOCUMENTS if document.startswith("docs/"))
    empty = re.findall(r"^\| `\w+` \| (?:required|`.*`)? ?\| \|$", text, re.M)
    assert not empty, "their docstrings say nothing"


def test_the_index_has_all():
    indexed = {(ROOT / "docs" / link.split("#")[0]).resolve() for link in links("docs/README.md")}
    expected = {(ROOT / name).resolve() for name in DOCUMENTS if name not in ("README.md", "docs/README.md")}
    assert expected <= indexed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path if path else ROOT / document).resolve()
        assert target.exists(), f"{document}: {link}"
        assert not anchor or anchor in anchors(str(target.relative_to(ROOT))), f"{document}: {link}"


@pytest.mark.slow
def test_site(tmp_path):
    """Its links lead somewhere, docstrings are rendered, and it loads nothing from elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    pages = {page.parent.name: page.read_text(encoding="utf-8") for page in tmp_path.rglob("index.html")}
    assert {"training", "ner", "project", "training_configs"} <= pages.keys()
    assert re.search(r"<code>num_steps</code>", pages["training"])
    assert "# Parameters" not in pages["api"] and "initializer_range" not in pages["ner"]
    assert not re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?://""", pages["training"])
