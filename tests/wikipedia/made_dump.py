"""A dump of a wiki that there is not."""

import bz2
import gzip
from pathlib import Path
from typing import Sequence, Tuple
from xml.sax.saxutils import escape, quoteattr

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{language}">
  <siteinfo>
    <sitename>Test</sitename>
    <dbname>{language}testwiki</dbname>
    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""


def page(number: int, title: str, text: str, namespace: int = 0, redirect: str = "") -> str:
    to = f"<redirect title={quoteattr(redirect)} />" if redirect else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{number}</id>\n"
        f"    {to}\n"
        f"    <revision><id>{number}</id><model>wikitext</model><format>text/x-wiki</format>"
        f'<text xml:space="preserve">{escape(text)}</text></revision>\n  </page>\n'
    )


def articles(count: int, first: int = 1) -> Tuple[str, ...]:
    """Pages with a section, paragraphs and links to their neighbours, of changing length."""
    return tuple(
        page(
            number,
            f"Page {number}",
            f"'''Page {number}''' comes before [[page {number + 1}|the next]].\n\n"
            + f"It has words and [[bus]]es {number}. " * (number * 7 % 23)
            + f"\n== Section ==\n[[File:X.png|thumb|A [[caption]]]] More of [[Page {number - 1}#Section]].",
        )
        for number in range(first, first + count)
    )


def write_dump(path: Path, pages: Sequence[str], language: str = "en") -> str:
    """By the suffix, `.bz2`, `.gz` or none."""
    content = (HEAD.format(language=language) + "".join(pages) + "</mediawiki>\n").encode()
    if path.suffix == ".bz2":
        content = bz2.compress(content)
    elif path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    path.write_bytes(content)
    return str(path)
