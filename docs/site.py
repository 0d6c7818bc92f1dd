"""
MkDocs' hooks. Documents link to files of the repository outside of `docs/`: these become pages or files of
the site, and the links lead there. The repository's README.md becomes `project.md`.
"""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"(\[[^\]]*\]\()([^)\s#]+)(#[^)\s]*)?\)")
PAGES = {"README.md": "project.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is linked to, and what that links to."""
    waiting = [*DOCS.glob("*.md"), ROOT / "CHANGELOG.md"]
    seen = set(waiting)
    while waiting:
        source = waiting.pop()
        if not source.is_relative_to(DOCS):
            files.append(File.generated(config, _uri(source), abs_src_path=str(source)))
        if source.suffix == ".md":
            links = LINK.finditer(source.read_text(encoding="utf-8"))
            new = {path for link in links if (path := _target(source, link[2])).is_file()} - seen
            seen |= new
            waiting += new
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrites the links of a page."""
    names = {site: name for name, site in PAGES.items()}
    source = DOCS / page.file.src_uri
    if not source.exists():
        source = ROOT / names.get(page.file.src_uri, page.file.src_uri)

    def rewritten(match: "re.Match[str]") -> str:
        target = _target(source, match[2])
        if not target.is_file():
            return match[0]
        place = os.path.relpath(_uri(target), os.path.dirname(page.file.src_uri) or ".")
        return f"{match[1]}{place}{match[3] or ''})"

    return LINK.sub(rewritten, markdown)


def _target(source: Path, link: str) -> Path:
    return source if "://" in link else (source.parent / link).resolve()


def _uri(path: Path) -> str:
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    return PAGES.get(name, name)
