"""Puts the text of a page together."""

import re
from collections import Counter
from typing import List, NamedTuple, Optional, Tuple

from luke_allennlp.wikipedia.pages import PageLink, Paragraph, Section
from luke_allennlp.wikipedia.tidying import tidy

_SPACES = re.compile("[ \t]{2,}|\t")
# HTML that was never opened or closed; MediaWiki repairs or removes it.
_STRAY_TAG = re.compile(
    r"</?(?:(?P<line>blockquote|br|center|dd|div|dl|dt|h[1-6]|li|ol|p|poem|pre|table|ul)|abbr|b|bdi|bdo|big|cite"
    r"|code|del|dfn|em|font|gallery|i|includeonly|ins|kbd|noinclude|nowiki|onlyinclude|q|ref|references|rp|rt"
    r"|ruby|s|samp|small|span|strike|strong|sub|sup|tt|u|var)(?:\s[^<>]*)?/?>",
    re.I,
)


def _without_stray_tags(text: str) -> str:
    return _STRAY_TAG.sub(lambda match: "\n" if match["line"] else "", text)


class OpenLink(NamedTuple):
    """
    A link whose label is not complete yet: where in the paragraph the label begins, how many parts of text
    and links came before it, and its target, see `open_link`.
    """

    start: int
    parts: int
    links: int
    target: Optional[str]
    fragment: Optional[str]


class PageText:
    """
    Puts paragraphs together. A line is a paragraph; inside links and headings, the end of a line is a space.
    Runs of spaces are one, and there are none at the ends of a paragraph. What makes no sense without
    something that was removed is removed too.
    """

    def __init__(self) -> None:
        self.paragraphs: List[Paragraph] = []
        self.sections: List[Section] = []
        self.dropped: "Counter[str]" = Counter()
        self._open: List[OpenLink] = []
        self._in_heading = False
        self._clear()

    def _clear(self) -> None:
        self._parts: List[str] = []
        self._length = 0
        self._links: List[PageLink] = []
        self._vanished: List[int] = []
        self._after_space = True

    def write(self, text: str, literal: bool = False) -> None:
        """Adds text; `literal` if what looks like markup was meant."""
        if not literal and "<" in text:
            text = _without_stray_tags(text)
        if "\n" in text:
            if self._open or self._in_heading:
                text = text.replace("\n", " ")
            else:
                lines = text.split("\n")
                self._append(lines[0])
                for line in lines[1:]:
                    self._end_paragraph()
                    self._append(line)
                return
        self._append(text)

    def _append(self, text: str) -> None:
        if "  " in text or "\t" in text:
            text = _SPACES.sub(" ", text)
        if self._after_space:
            text = text.lstrip(" ")
        if text:
            self._parts.append(text)
            self._length += len(text)
            self._after_space = text[-1] == " "

    def vanish(self) -> None:
        """Notes that something that is not shown was here."""
        self._vanished.append(self._length)

    def end_line(self) -> None:
        """Begins or ends a block."""
        if self._open or self._in_heading:
            self._append(" ")
        else:
            self._end_paragraph()

    def add_link(self, label: str, target: str, fragment: Optional[str]) -> bool:
        """
        Adds a link whose label is plain text (otherwise see `open_link`); returns whether it became a link.
        """
        start, parts = self._length, len(self._parts)
        label = self.write_inline(label)
        if label and self._length - start == len(label) and label[-1] != " " and label[0] != " ":
            self._links.append(PageLink(target, label, start, self._length, fragment))
            return True
        return self._link(target, fragment, start, parts)

    def write_inline(self, label: str) -> str:
        """Writes the label of a link; returns it without what is not shown."""
        if "<" in label:
            label = _without_stray_tags(label)
        if "\n" in label:
            label = label.replace("\n", " ")
        self._append(label)
        return label

    def open_link(self, target: Optional[str], fragment: Optional[str] = None) -> None:
        """Begins a link; `target` is `None` if it is no link to an article, but its label is shown."""
        self._open.append(OpenLink(self._length, len(self._parts), len(self._links), target, fragment))

    def close_link(self) -> bool:
        """Ends the link that was opened last; returns whether it became a link."""
        if not self._open:
            return False
        start, parts, links, target, fragment = self._open.pop()
        if target is None:
            return False
        if len(self._links) > links:
            # MediaWiki makes links of those inside, and none of this one.
            self.dropped["invalid"] += 1
            return False
        return self._link(target, fragment, start, parts)

    def _link(self, target: str, fragment: Optional[str], start: int, parts: int) -> bool:
        surface = "".join(self._parts[parts:])
        stripped = surface.strip()
        if not stripped:
            self.dropped["empty"] += 1
            return False
        start += len(surface) - len(surface.lstrip())
        self._links.append(PageLink(target, stripped, start, start + len(stripped), fragment))
        return True

    def extend_link(self, trail: str) -> None:
        """Makes what follows the last link a part of it, if nothing is between them."""
        link, is_next = self._links[-1], self._links[-1].end == self._length
        self._append(trail)
        if is_next:
            self._links[-1] = link._replace(surface=link.surface + trail, end=self._length)

    def start_heading(self) -> None:
        self.end_line()
        self._in_heading = True

    def end_heading(self, level: int) -> None:
        title, links = self._tidied()
        self.dropped["heading"] += len(links)
        self._clear()
        self._in_heading = False
        self.sections.append(Section(level, title.strip(), len(self.paragraphs)))

    def end(self) -> None:
        """Ends the page."""
        self._open.clear()
        self._end_paragraph()

    def _end_paragraph(self) -> None:
        if not self._parts:
            self._vanished = []
            return
        text, links = self._tidied()
        self._clear()
        stripped = text.strip()
        if not links and not any(map(str.isalnum, stripped)):
            # Blank, or the punctuation around what vanished.
            return
        if stripped.startswith(("|", "{|")) and "]]" not in stripped:
            # A row of a table, or a parameter of a template, that is not closed. (Brackets are left of a link
            # with a line's end in its target; what follows is text.)
            self.dropped["table"] += len(links)
            return
        if text[0] != stripped[0]:
            shift = len(text) - len(text.lstrip())
            links = [link._replace(start=link.start - shift, end=link.end - shift) for link in links]
        self.paragraphs.append(Paragraph(stripped, links, len(self.sections) - 1))

    def _tidied(self) -> Tuple[str, List[PageLink]]:
        text = "".join(self._parts)
        return tidy(text, self._links, self._vanished) if self._vanished else (text, self._links)
