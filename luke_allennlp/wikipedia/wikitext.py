"""Wikitext as MediaWiki shows it: paragraphs of plain text with links."""

import gc
from typing import Dict, List, NamedTuple

from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.languages import is_disambiguation
from luke_allennlp.wikipedia.languages import link_trail as link_trail_of
from luke_allennlp.wikipedia.pages import Paragraph, Section
from luke_allennlp.wikipedia.titles import TitleRules
from luke_allennlp.wikipedia.wikitext_source import prepare


class ParsedPage(NamedTuple):
    """
    `dropped` counts links that were not kept, by reason: they were in a "template", "table", "reference",
    "heading", an image's "caption" or another "tag"; they were a "file" or a "category", or led to another
    "namespace", to another wiki ("interwiki", "interlanguage") or to the page itself ("self"); their target
    was "invalid", their label "empty".
    """

    sections: List[Section]
    paragraphs: List[Paragraph]
    is_disambiguation: bool
    dropped: Dict[str, int]


class WikitextParser:
    """
    Makes plain text with links of wikitext, by the tokenizer of mwparserfromhell. Its tree of nodes is not
    built: one pass over the tokens is enough, and much faster. With `link_trail`, the letters right after a
    link are part of it, as MediaWiki shows it: "buses" for `[[bus]]es`; the wiki's language decides which.
    """

    def __init__(self, titles: TitleRules, *, link_trail: bool = True, language: str = "en") -> None:
        self._titles = titles
        self._language = language
        self._trail = link_trail_of(language) if link_trail else None
        parser = required("mwparserfromhell.parser")
        from luke_allennlp.wikipedia.wikitext_tokens import TokenWalk

        self._walk = TokenWalk
        if parser.CTokenizer is not None:
            self._tokenizer = parser.CTokenizer()
        else:
            self._tokenizer = required("mwparserfromhell.parser.tokenizer").Tokenizer()

    def parse(self, text: str, title: str = "") -> ParsedPage:
        """
        Parses a page. Links to its title are links to itself, and "(disambiguation)" in it is recognised. A
        `MemoryError`, `RecursionError` or `mwparserfromhell.parser.ParserError` if the parser cannot cope.
        """
        source = prepare(text, self._language)
        # Tokens are dictionaries, thousands a page, without cycles: to look for cycles takes twice as long as
        # to make them. They must be gone when collection starts again.
        enabled = gc.isenabled()
        gc.disable()
        try:
            tokens = self._tokenizer.tokenize(source.text, 0, True)
            walk = self._walk(tokens, self._titles, self._trail, title)
            page = walk.run()
            tokens.clear()
        finally:
            if enabled:
                gc.enable()
        return ParsedPage(
            page.sections,
            page.paragraphs,
            is_disambiguation(title, walk.templates, source.magic_words),
            {reason: page.dropped[reason] for reason in sorted(page.dropped) if page.dropped[reason]},
        )
