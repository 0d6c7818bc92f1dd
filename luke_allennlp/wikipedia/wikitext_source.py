"""Prepares wikitext for the parser."""

import re
from collections import defaultdict
from typing import AbstractSet, DefaultDict, List, Match, NamedTuple, Set

# Languages with several scripts or orthographies: `-{...}-` chooses between them.
_LANGUAGES_WITH_VARIANTS = frozenset("ban crh gan iu kk ku mni shi sh sr tg tly uz wuu zgh zh".split())

_UNUSABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
# Shown as nothing: NUL, which would end the tokenizer's text, a byte order mark, a soft hyphen; and the
# character that marks what is put aside here.
_INVISIBLE = re.compile("[\0\x7f\xad\ufeff]")
_COMMENT_OR_LITERAL = re.compile(
    r"<(?:!--.*?-->|(nowiki|pre|math|source|syntaxhighlight)\b[^<>]*(?<!/)>.*?</\1\s*>)", re.I | re.S
)
# Tables vanish; cells that are not closed would count as nested in each other, and soon be too deep to parse.
_TABLE_PARTS = re.compile(r"</?t(?:body|d|foot|h|head|r)\b[^<>]*>", re.I)
# Tags of HTML itself. MediaWiki pairs them after all templates and links are parsed, the tokenizer at once:
# what follows a tag that a template leaves open would be the tag's content, with the end of the template.
_HTML_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>abbr|b|bd[io]|big|blockquote|caption|center|cite|code|data|dd|del|dfn|div|dl|dt|em|font"
    r"|h[1-6]|i|ins|kbd|li|mark|ol|p|q|r[bpt]|rtc|ruby|s|samp|small|span|strike|strong|su[bp]|table|time|tt|u|ul|var)"
    r"(?=[\s/>])(?:[^<>{}\]]|\](?!\])|\{+(?:[^<>{}]|\{\{[^<>{}]*\}\})*\}+)*>",
    re.I,
)
# Only these matter as pairs.
_HIDING_TAG = re.compile(r"<(?:table(?=[\s/>])|[^<>]*display:\s*none)", re.I)
_ENCLOSING = (
    (re.compile(r"\{\{"), re.compile(r"\}\}")),
    (re.compile(r"\[\["), re.compile(r"\]\]")),
    (re.compile(r"^\s*\{\|", re.M), re.compile(r"^\s*\|\}(?!\})", re.M)),
)
# A link in brackets, which the parser does not find.
_BRACKETED_LINK = re.compile(r"\[(\[\[[^\[\]\n]*\]\])\]")
_PUT_ASIDE = re.compile("\x7f([0-9]+)\x7f")
_QUOTES = re.compile("(''+)")
_QUOTES_BEFORE_TRAIL = re.compile(r"\]\](?=''+\w)")
_MAGIC_WORD = re.compile(r"__([^\W_]+(?:_[^\W_]+)*)__")
_PIPE_IN_LINK = re.compile(r"(\[\[[^\[\]{}|\n]*)\{\{!\}\}")
_VARIANTS = re.compile(r"-\{([^{}]*)\}-")
_VARIANT_FLAGS = re.compile(r"^\s*([A-Za-z;\s-]*)\|")
_VARIANT = re.compile(r"^\s*[a-z]{2,3}(?:-[a-z]+)*\s*:", re.I)

# Those that may be written in lower case; any other such word may be of the page's subject (`__init__`).
_MAGIC_WORDS = frozenset(
    "disambig expectunusedcategory expectunusedtemplate forcetoc hiddencat index newsectionlink nocc "
    "nocontentconvert noeditsection nogallery noglobal noindex nonewsectionlink notc notitleconvert notoc "
    "staticredirect toc".split()
)


class Source(NamedTuple):
    """What to parse, and the magic words that were removed, without their underscores."""

    text: str
    magic_words: List[str]


def prepare(text: str, language: str) -> Source:
    """
    Removes from the source of a page what would make parsing slow or uncertain: comments, the marks of bold
    and italic text, magic words such as `__NOTOC__`, characters that are not shown, and what pairs HTML's
    tags; chooses between variants of a language (such as "en"). What `nowiki` protects stays as it is.
    """
    text = _INVISIBLE.sub("", text)
    if _UNUSABLE.search(text):
        text = _UNUSABLE.sub("\ufffd", text)
    text = text.replace("\xa0", " ")

    literals: List[str] = []
    if "<" in text:

        def take_out(match: Match[str]) -> str:
            if match[1] is None:
                return ""
            literals.append(match[0])
            return f"\x7f{len(literals) - 1}\x7f"

        text = _COMMENT_OR_LITERAL.sub(take_out, text)
        # MediaWiki takes a comment that is never closed to the end of the page.
        text = text.partition("<!--")[0]
        text = _TABLE_PARTS.sub(" ", text)
        text = _without_nested_html(text)

    if "{{!}}" in text:
        text = _PIPE_IN_LINK.sub(r"\1|", text)
    magic_words: List[str] = []
    if "__" in text:
        text = _without_magic_words(text, magic_words)
    if "''" in text:
        # An empty comment keeps from being a link trail what no longer follows the link at once.
        text = _QUOTES_BEFORE_TRAIL.sub("]]<!---->", text)
        text = "\n".join(_without_quotes(line) if "''" in line else line for line in text.split("\n"))
    if "[[[" in text:
        text = _BRACKETED_LINK.sub(r"&#91;\1&#93;", text)
    if language in _LANGUAGES_WITH_VARIANTS and "-{" in text:
        # From the inside, since one can hold others; bounded, since it is of no use to go deep.
        for _ in range(8):
            text, changed = _VARIANTS.subn(_first_variant, text)
            if not changed:
                break

    if literals:
        text = _PUT_ASIDE.sub(lambda match: literals[int(match[1])], text)
    return Source(text, magic_words)


def _without_nested_html(text: str) -> str:
    """Makes each of HTML's tags one without content, but for those that hide their content."""
    lowered = text.lower()
    kept = _hiding_tags(text) if "<table" in lowered or "display" in lowered else frozenset()

    def alone(tag: Match[str]) -> str:
        if tag.start() in kept:
            return tag[0]
        name = tag["name"].lower()
        return "<div/>" if name == "table" else f"<{name}/>"

    return _HTML_TAG.sub(alone, text)


def _hiding_tags(text: str) -> AbstractSet[int]:
    """The places of tags that hide what is between them, unless they are in different templates or links."""
    opened: DefaultDict[str, List[Match[str]]] = defaultdict(list)
    found: Set[int] = set()
    for tag in _HTML_TAG.finditer(text):
        before = opened[tag["name"].lower()]
        if not tag["end"]:
            before.append(tag)
        elif before:
            start = before.pop()
            inside = text[start.end() : tag.start()]
            if _HIDING_TAG.match(start[0]) and all(
                len(begin.findall(inside)) == len(end.findall(inside)) for begin, end in _ENCLOSING
            ):
                found |= {start.start(), tag.start()}
    return found


def _without_magic_words(text: str, found: List[str]) -> str:
    def without(match: Match[str]) -> str:
        word = match[1]
        if word != word.upper() and word.lower() not in _MAGIC_WORDS:
            return match[0]
        found.append(word)
        return ""

    return _MAGIC_WORD.sub(without, text)


def _without_quotes(line: str) -> str:
    """
    As MediaWiki reads runs of apostrophes (its Parser::doQuotes): two are italic, three bold, five both; what
    is more stays, and where both are left open one of the bold ones is an apostrophe and italic.
    """
    # Shape: text, run, text, run, ..., text
    parts = _QUOTES.split(line)
    bold = italic = 0
    threes: List[int] = []
    for index in range(1, len(parts), 2):
        length = len(parts[index])
        if length == 4:
            parts[index - 1] += "'"
        elif length > 5:
            parts[index - 1] += "'" * (length - 5)
        italic += length == 2 or length >= 5
        if length > 2:
            bold += 1
            if length < 5:
                threes.append(index)
    if bold % 2 and italic % 2 and threes:
        parts[_apostrophe(parts, threes) - 1] += "'"
    return "".join(parts[::2])


def _apostrophe(parts: List[str], threes: List[int]) -> int:
    """Which of the runs of three it is: after a word of one letter if there is one, else after another."""
    after_word = after_space = 0
    for index in threes:
        before = parts[index - 1]
        if before[-1:] == " ":
            after_space = after_space or index
        elif before[-2:-1] == " ":
            return index
        else:
            after_word = after_word or index
    return after_word or after_space


def _first_variant(match: Match[str]) -> str:
    content = match[1]
    flags = _VARIANT_FLAGS.match(content)
    if flags:
        content = content[flags.end() :]
        letters = set(flags[1].upper().replace(";", " ").split())
        # Rules for the whole page, for its title, or taken back: these show nothing.
        if letters & {"H", "T", "-"}:
            return ""
        if "R" in letters:
            return content
    for rule in content.split(";"):
        if _VARIANT.match(rule):
            return rule.split(":", 1)[1].rpartition("=>")[2].strip()
    return content
