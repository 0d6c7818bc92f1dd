"""Dumps of made-up wikis."""

import bz2
import gzip
import random
from pathlib import Path
from typing import List, Optional, Sequence, Tuple
from xml.sax.saxutils import escape, quoteattr

_NAMES = "-2 Media,-1 Special,0 ,1 Talk,2 User,3 User talk,4 Minipedia,5 Minipedia talk,6 File,14 Category"
NAMESPACES = "".join(
    '<namespace key="{}" case="first-letter">{}</namespace>'.format(*item.split(" ", 1))
    for item in _NAMES.split(",")
)
NAMESPACES += '<namespace key="2302" case="case-sensitive">Gadget definition</namespace>'


def header(
    language: str = "en",
    base: str = "https://en.wikipedia.org/wiki/Main_Page",
    namespaces: str = NAMESPACES,
    case: str = "first-letter",
    dbname: str = "miniwiki",
) -> str:
    schema = "http://www.mediawiki.org/xml/export-0.10/"
    return f"""<mediawiki xmlns="{schema}" version="0.10" xml:lang="{language}">
  <siteinfo>
    <sitename>Minipedia</sitename>
    <dbname>{dbname}</dbname>
    <base>{base}</base>
    <generator>MediaWiki 1.43</generator>
    <case>{case}</case>
    <namespaces>{namespaces}
    </namespaces>
  </siteinfo>
"""


FOOTER = "</mediawiki>\n"


def page_xml(
    title: str, text: str, number: int = 1, namespace: int = 0, redirect: Optional[str] = None
) -> str:
    mark = "" if redirect is None else f"\n    <redirect title={quoteattr(redirect)} />"
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>{mark}
    <revision>
      <id>{number + 1000}</id>
      <contributor><username>Somebody</username><id>7</id></contributor>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{len(text)}" xml:space="preserve">{escape(text)}</text>
    </revision>
  </page>
"""


def random_pages(count: int, characters: int, seed: int) -> List[str]:
    """XML of pages whose text hardly compresses, so that few of them make many blocks of bzip2."""
    rng = random.Random(seed)
    letters = [chr(code) for code in range(33, 127)] + list("äßж中\U0001f600\n ")
    return [
        page_xml(f"Page {number}", "".join(rng.choices(letters, k=rng.randrange(characters))), number)
        for number in range(1, count + 1)
    ]


def multistream(pieces: Sequence[str]) -> bytes:
    """Each piece in a stream of its own."""
    return b"".join(bz2.compress(piece.encode(), 1) for piece in pieces)


def articles(count: int, first: int = 1) -> Tuple[str, ...]:
    """Pages with a section, paragraphs and links to their neighbours, of changing length."""
    return tuple(
        page_xml(
            f"Page {number}",
            f"'''Page {number}''' comes before [[page {number + 1}|the next]].\n\n"
            + f"It has words and [[bus]]es {number}. " * (number * 7 % 23)
            + f"\n== Section ==\n[[File:X.png|thumb|A [[caption]]]] More of [[Page {number - 1}#Section]].",
            number,
        )
        for number in range(first, first + count)
    )


def write_dump(path: Path, pages: Sequence[str], language: str = "en") -> str:
    """By the suffix, `.bz2`, `.gz` or none."""
    head = header(language, f"https://{language}.wikipedia.org/wiki/Main_Page", dbname=f"{language}testwiki")
    content = "".join([head, *pages, FOOTER]).encode()
    if path.suffix == ".bz2":
        content = bz2.compress(content)
    elif path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    path.write_bytes(content)
    return str(path)
