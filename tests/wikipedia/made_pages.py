"""Pages of made-up wikis, written as `allennlp wikipedia-extract` writes them."""

import json
import random
import re
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from luke_allennlp.wikipedia.pages import (
    FORMAT,
    METADATA_FILE,
    PAGES,
    VERSION,
    Page,
    PageLink,
    Paragraph,
    page_writer,
)

_LINK = re.compile(r"\[\[([^\]|]+)(?:\|([^\]]*))?\]\]")


def paragraph(source: str) -> Paragraph:
    """A paragraph of text with links such as `[[Target]]` and `[[Target|text]]`."""
    text, links, end = "", [], 0
    for match in _LINK.finditer(source):
        text += source[end : match.start()]
        surface = match[2] if match[2] is not None else match[1]
        links.append(PageLink(match[1], surface, len(text), len(text) + len(surface)))
        text += surface
        end = match.end()
    return Paragraph(text + source[end:], links)


def page(title: str, *paragraphs: str, disambiguation: bool = False, namespace: int = 0) -> Page:
    return Page(0, namespace, title, None, disambiguation, [], [paragraph(source) for source in paragraphs])


def redirect(title: str, target: str) -> Page:
    return Page(0, 0, title, target, False, [], [])


def write_pages(directory: Path, shards: Sequence[Sequence[Page]], language: str = "en") -> Path:
    """Writes shards of pages, and numbers the pages."""
    (directory / PAGES).mkdir(parents=True)
    number = 0
    for index, pages in enumerate(shards):
        with page_writer(directory / PAGES / f"{index:05d}.parquet") as writer:
            for made in pages:
                number += 1
                writer.add(made._replace(page_id=number))
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "shards": len(shards),
        "siteinfo": {"language": language, "namespaces": {"0": "", "14": "Category"}},
    }
    (directory / METADATA_FILE).write_text(json.dumps(metadata), encoding="utf-8")
    return directory


def random_shards(seed: int, shards: int = 3, pages: int = 40) -> List[List[Page]]:
    """Pages that link to each other, to missing pages and to redirects, some of them chains and loops."""
    random_ = random.Random(seed)
    words = ["Ash", "birch", "Élm", "the", "Oak's", "U.S.", "山", "and", "of", "pine"]
    titles = [f"Page {number}" for number in range(pages)]
    redirects = [f"Old {number}" for number in range(pages // 2)]
    anywhere = [*titles, *redirects, "Missing 1", "Missing 2"]
    made = [redirect(title, random_.choice([*redirects, *anywhere])) for title in redirects[2:]]
    made += [redirect("Old 0", "Old 1"), redirect("Old 1", "Old 0")]

    def source() -> str:
        pieces = []
        for _ in range(random_.randrange(12)):
            text = " ".join(random_.choices(words, k=random_.randrange(1, 4)))
            if random_.random() < 0.4:
                text = f"[[{random_.choice(anywhere)}|{text}]]"
            pieces.append(text)
        return " ".join(pieces) + random_.choice([".", "", " – [[Page 1]]!"])

    for title in titles:
        made.append(page(title, *(source() for _ in range(random_.randrange(4)))))
    random_.shuffle(made)
    return [made[index::shards] for index in range(shards)]


def redirects_and_pages(shards: Sequence[Sequence[Page]]) -> Tuple[Dict[str, str], List[Page]]:
    """Where redirects lead, and what is none."""
    pages = [made for shard in shards for made in shard]
    redirects = {made.title: made.redirect for made in pages if made.redirect is not None}
    return redirects, [made for made in pages if made.redirect is None]


def resolve(redirects: Dict[str, str], title: str) -> str:
    """The plainest way to follow redirects: a loop leads nowhere."""
    seen, current = [title], title
    while current in redirects:
        current = redirects[current]
        if current in seen:
            return title
        seen.append(current)
    return current
