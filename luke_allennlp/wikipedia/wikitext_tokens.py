"""The tokens of mwparserfromhell, an optional dependency: which of them are shown, and which are links."""

import html
import re
from typing import Any, Callable, Dict, List, Optional, Pattern, Tuple

from mwparserfromhell.parser import tokens
from mwparserfromhell.parser.tokens import Text

from luke_allennlp.wikipedia.page_text import PageText
from luke_allennlp.wikipedia.titles import ARTICLE, FRAGMENT, NAMESPACE, ResolvedTitle, TitleRules

# What these hold is not text of the page (MediaWiki's extensions, and HTML's own).
_VANISHING_TAGS = {
    **dict.fromkeys(
        """
        categorytree ce chem gallery graph hiero imagemap includeonly indicator inputbox langconvert mapframe
        maplink math phonos rss score script section source style syntaxhighlight templatedata templatestyles
        timeline
        """.split(),
        "tag",
    ),
    "ref": "reference",
    "references": "reference",
    "table": "table",
}
# Their text is not wikitext.
_LITERAL_TAGS = frozenset({"nowiki", "pre"})
_BLOCK_TAGS = frozenset(
    """
    article blockquote caption center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p poem pre section td th tr ul
    """.split()
)
# Reasons for namespaces of their own.
_NAMESPACES = {6: "file", 14: "category"}
_IN_PARENTHESES = re.compile(r"^(.+?)\s*[(（][^()（）]*[)）]$")


# By how much a token goes deeper, for what begins with which and can be skipped as a whole.
_IN_LINK = {tokens.WikilinkOpen: 1, tokens.WikilinkClose: -1}
_IN_TAG = {tokens.TagOpenOpen: 1, tokens.TagCloseSelfclose: -1, tokens.TagCloseClose: -1}
_SKIPPED = {
    tokens.TemplateOpen: {tokens.TemplateOpen: 1, tokens.TemplateClose: -1},
    tokens.ArgumentOpen: {tokens.ArgumentOpen: 1, tokens.ArgumentClose: -1},
    tokens.CommentStart: {tokens.CommentStart: 1, tokens.CommentEnd: -1},
    tokens.TagOpenOpen: _IN_TAG,
    tokens.WikilinkOpen: _IN_LINK,
}


class TokenWalk:
    """
    One pass over a page's tokens, which are changed. The tokenizer gives what is opened and closed in pairs,
    well nested. Methods take the position of a token and return the position where to continue; none calls
    another for what is nested, so that no page can be too deep. `trail` matches what of the text after a link
    is part of it.
    """

    def __init__(
        self, page_tokens: List[Any], titles: TitleRules, trail: Optional[Pattern[str]], title: str
    ) -> None:
        self._tokens = page_tokens
        self._titles, self._trail, self._title = titles, trail, title
        self._level = 0
        self._page = PageText()
        # The names of those that are not in something else.
        self.templates: List[str] = []

    def run(self) -> PageText:
        methods: Dict[type, Callable[[int], int]] = {
            tokens.WikilinkOpen: self._link,
            tokens.WikilinkClose: self._link_end,
            tokens.TagOpenOpen: self._tag,
            tokens.TagOpenClose: self._tag_end,
            tokens.TemplateOpen: self._template,
            tokens.ArgumentOpen: self._skipped,
            tokens.CommentStart: self._skipped,
            tokens.ExternalLinkOpen: self._url,
            tokens.HTMLEntityStart: self._entity,
            tokens.HeadingStart: self._heading,
            tokens.HeadingEnd: self._heading_end,
        }
        page_tokens, text_kind, write = self._tokens, Text, self._page.write
        position, end = 0, len(page_tokens)
        while position < end:
            token = page_tokens[position]
            kind = type(token)
            if kind is text_kind:
                write(token["text"])
                position += 1
            elif kind in methods:
                position = methods[kind](position)
            else:
                position += 1
        self._page.end()
        return self._page

    def _skip(self, position: int, depths: Dict[Any, int], reason: str) -> int:
        """To the end of what begins here; the links in it are counted, but for itself."""
        page_tokens, link_kind = self._tokens, tokens.WikilinkOpen
        change = depths.get
        depth, links = 1, 0
        while depth:
            position += 1
            kind = type(page_tokens[position])
            depth += change(kind, 0)
            if kind is link_kind:
                links += 1
        if links:
            self._page.dropped[reason] += links
        self._page.vanish()
        return position + 1

    def _template(self, position: int) -> int:
        name = self._tokens[position + 1]
        if type(name) is Text:
            template = self._titles.template_name(name["text"])
            if template is not None:
                self.templates.append(template)
        return self._skipped(position)

    def _skipped(self, position: int) -> int:
        return self._skip(position, _SKIPPED[type(self._tokens[position])], "template")

    def _past(self, position: int) -> int:
        """The position behind a token, or behind all that begins with it."""
        return self._skipped(position) if type(self._tokens[position]) in _SKIPPED else position + 1

    def _entity(self, position: int) -> int:
        text, position = self._decoded(position)
        self._page.write(text, literal=True)
        return position

    def _decoded(self, position: int) -> Tuple[str, int]:
        prefix, name = "&", ""
        position += 1
        while (kind := type(token := self._tokens[position])) is not tokens.HTMLEntityEnd:
            if kind is tokens.HTMLEntityNumeric:
                prefix = "&#"
            elif kind is tokens.HTMLEntityHex:
                prefix = "&#x"
            else:
                name = token["text"]
            position += 1
        text = html.unescape(f"{prefix}{name};")
        # As in the source (`prepare`).
        return text.replace("\xa0", " ").replace("\xad", "").replace("\ufeff", ""), position + 1

    def _heading(self, position: int) -> int:
        self._level = self._tokens[position]["level"]
        self._page.start_heading()
        return position + 1

    def _heading_end(self, position: int) -> int:
        self._page.end_heading(self._level)
        return position + 1

    def _url(self, position: int) -> int:
        if not self._tokens[position].get("brackets"):
            # Shown as it is.
            return position + 1
        position += 1
        ends = (tokens.ExternalLinkSeparator, tokens.ExternalLinkClose)
        while (kind := type(self._tokens[position])) not in ends:
            position = self._past(position)
        if kind is tokens.ExternalLinkClose:
            self._page.vanish()
        return position + 1

    def _tag(self, position: int) -> int:
        page_tokens = self._tokens
        name_token = page_tokens[position + 1]
        name = name_token["text"].strip().lower() if type(name_token) is Text else ""
        if name in _VANISHING_TAGS:
            return self._skip(position, _IN_TAG, _VANISHING_TAGS[name])
        start = position
        # Attributes can have tags in them.
        depth = 1
        hidden = False
        while True:
            position += 1
            token = page_tokens[position]
            kind = type(token)
            if depth == 1 and kind is tokens.TagCloseOpen:
                break
            depth += _IN_TAG.get(kind, 0)
            if not depth:
                break
            if kind is Text and "display" in token["text"]:
                hidden = "display:none" in token["text"].replace(" ", "").lower()
        if hidden and depth:
            return self._skip(start, _IN_TAG, "tag")
        if name in _BLOCK_TAGS:
            self._page.end_line()
        elif name == "br":
            self._page.write(" ")
        position += 1
        if depth and name in _LITERAL_TAGS:
            while type(token := page_tokens[position]) is not tokens.TagOpenClose:
                if type(token) is Text:
                    self._page.write(token["text"], literal=True)
                    position += 1
                else:
                    position = self._entity(position)
        return position

    def _tag_end(self, position: int) -> int:
        name = ""
        position += 1
        while type(token := self._tokens[position]) is not tokens.TagCloseClose:
            if type(token) is Text:
                name += token["text"]
            position += 1
        if name.strip().lower() in _BLOCK_TAGS:
            self._page.end_line()
        return position + 1

    def _link(self, position: int) -> int:
        page_tokens, page = self._tokens, self._page
        begin = position
        target, position = self._target(position + 1)
        with_colon = target.startswith(":")
        resolved = self._titles.resolve(target)
        reason = self._reason(resolved)
        if reason is not None:
            page.dropped[reason] += 1
            if not resolved.is_shown:
                return self._skip(begin, _IN_LINK, "caption")
        shown = target[1:].lstrip() if with_colon else target
        # Of three forms only the last needs to be followed token by token.
        close = tokens.WikilinkClose
        if type(page_tokens[position]) is close:
            label, after = shown, position + 1
        elif type(page_tokens[position + 1]) is close:
            label, after = _pipe_trick(shown), position + 2
        elif type(page_tokens[position + 1]) is Text and type(page_tokens[position + 2]) is close:
            label, after = page_tokens[position + 1]["text"], position + 3
        else:
            page.open_link(resolved.title if reason is None else None, resolved.fragment)
            return position + 1
        if reason is not None:
            page.write_inline(label)
        elif page.add_link(label, resolved.title, resolved.fragment):
            return self._trail_of_link(after)
        return after

    def _target(self, position: int) -> Tuple[str, int]:
        """What a link leads to, and the position of the separator or the end that follows."""
        page_tokens, ends = self._tokens, (tokens.WikilinkSeparator, tokens.WikilinkClose)
        token = page_tokens[position]
        if type(token) is Text and type(page_tokens[position + 1]) in ends:
            return token["text"].strip(), position + 1
        target = ""
        while (kind := type(token := page_tokens[position])) not in ends:
            if kind is Text:
                target += token["text"]
                position += 1
            elif kind is tokens.HTMLEntityStart:
                text, position = self._decoded(position)
                target += text
            else:
                position = self._past(position)
        return target.strip(), position

    def _reason(self, resolved: ResolvedTitle) -> Optional[str]:
        """Why a link is not kept, if it is not."""
        if resolved.kind == ARTICLE:
            return "self" if resolved.title == self._title else None
        if resolved.kind == NAMESPACE:
            return _NAMESPACES.get(resolved.namespace, NAMESPACE)
        return "self" if resolved.kind == FRAGMENT else resolved.kind

    def _link_end(self, position: int) -> int:
        return self._trail_of_link(position + 1) if self._page.close_link() else position + 1

    def _trail_of_link(self, position: int) -> int:
        """After a link's end; the letters there go into the link."""
        if self._trail is not None and position < len(self._tokens):
            token = self._tokens[position]
            if type(token) is Text:
                match = self._trail.match(token["text"])
                if match:
                    self._page.extend_link(match[0])
                    token["text"] = token["text"][match.end() :]
        return position


def _pipe_trick(target: str) -> str:
    """What MediaWiki makes of `[[target|]]`: no namespace, nothing in parentheses, nothing after a comma."""
    name = target.partition(":")[2] or target
    match = _IN_PARENTHESES.match(name)
    return (match[1] if match else name.split(", ")[0]).strip()
