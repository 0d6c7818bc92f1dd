"""Wikitext read by way of mwparserfromhell's tree of nodes: what our pass over its tokens is held against."""

import re
from collections import Counter
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

from luke_allennlp.wikipedia.page_text import PageText
from luke_allennlp.wikipedia.titles import TitleRules
from luke_allennlp.wikipedia.wikitext_source import prepare

REFERENCE = {"ref", "references"}
HIDDEN = set(mwparserfromhell.definitions.INVISIBLE_TAGS)
HIDDEN |= set("ce chem hiero source syntaxhighlight includeonly indicator templatestyles".split())
HIDDEN |= set("mapframe maplink style script".split())
BLOCKS = set(
    "blockquote center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p poem pre td th tr ul caption".split()
)


class TreeReader:
    """Reads a page node by node, without link trails."""

    def __init__(self, source: str, titles: TitleRules, title: str, language: str = "en") -> None:
        self.titles = titles
        self.title = title
        self.page = PageText()
        tree = mwparserfromhell.parse(prepare(source, language).text, skip_style_tags=True)
        self.read(tree)
        self.page.end()
        self.dropped = Counter({reason: count for reason, count in self.page.dropped.items() if count})

    def read(self, tree: Any, literal: bool = False) -> None:
        for node in tree.nodes:
            if isinstance(node, nodes.Text):
                self.page.write(node.value, literal)
            elif isinstance(node, nodes.HTMLEntity):
                self.page.write(shown(node), literal=True)
            elif isinstance(node, nodes.Heading):
                self.page.start_heading()
                self.read(node.title)
                self.page.end_heading(node.level)
            elif isinstance(node, nodes.ExternalLink):
                if not node.brackets:
                    self.read(node.url)
                elif node.title is not None:
                    self.read(node.title)
                else:
                    self.page.vanish()
            elif isinstance(node, nodes.Template | nodes.Argument):
                self.drop_inside(node, "template")
            elif isinstance(node, nodes.Tag):
                self.read_tag(node)
            elif isinstance(node, nodes.Wikilink):
                self.read_link(node)

    def read_tag(self, node: nodes.Tag) -> None:
        name = str(node.tag).strip().lower()
        style = "".join(str(attribute.value) for attribute in node.attributes)
        if name in REFERENCE:
            self.drop_inside(node, "reference")
        elif name == "table":
            self.drop_inside(node, "table")
        elif name in HIDDEN or re.search(r"display:\s*none", style):
            self.drop_inside(node, "tag")
        else:
            if name == "br":
                self.page.write(" ")
            if name in BLOCKS:
                self.page.end_line()
            if node.contents is not None and not node.self_closing:
                self.read(node.contents, literal=name in ("nowiki", "pre"))
                if name in BLOCKS:
                    self.page.end_line()

    def read_link(self, node: nodes.Wikilink) -> None:
        target = "".join(
            node.value if isinstance(node, nodes.Text) else shown(node)
            for node in node.title.nodes
            if isinstance(node, nodes.Text | nodes.HTMLEntity)
        ).strip()
        resolved = self.titles.resolve(target)
        reason = resolved.kind
        if reason == "article":
            reason = "self" if resolved.title == self.title else ""
        elif reason == "fragment":
            reason = "self"
        elif reason == "namespace":
            reason = {6: "file", 14: "category"}.get(resolved.namespace, reason)
        if reason:
            self.page.dropped[reason] += 1
            if not resolved.is_shown:
                self.drop_inside(node, "caption")
                return
        self.page.open_link(None if reason else resolved.title, resolved.fragment)
        if node.text is None:
            self.page.write(target.removeprefix(":").lstrip())
        elif not node.text.nodes:
            # The pipe trick.
            name = target.removeprefix(":").rpartition(":")[2]
            self.page.write(re.sub(r"(?<=.)(?: ?\(.*\)|, .*)$", "", name))
        else:
            self.read(node.text)
        self.page.close_link()

    def drop_inside(self, node: Any, reason: str) -> None:
        self.page.dropped[reason] += sum(
            isinstance(inner, nodes.Wikilink) and inner is not node
            for child in node.__children__()
            for inner in child.ifilter()
        )
        self.page.vanish()


def shown(node: nodes.HTMLEntity) -> str:
    return node.normalize().replace("\xa0", " ").replace("\xad", "")
